"""Strict conversion of plain mappings (from params.yaml or a spec) into frozen dataclasses.

A value that does not fit raises `ConfigError` with one line that names the key, the value and what
is allowed. Components keep their dataclass beside the code it configures.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class ConfigError(ValueError):
    """A setting is unknown, has the wrong type or an impossible value."""


def build(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Make the dataclass `cls` from `values`; `where` is the dotted path used in messages.

    Integers are accepted for floats, lists for tuples. Raises ConfigError for an unknown key, a
    missing one, or a value of another type; checks of the dataclass itself (`__post_init__`) may
    raise ConfigError too and get the path put in front.
    """
    prefix = f"{where}." if where else ""
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(
                f"{prefix}{key}={values[key]!r}: unknown key, allowed are "
                f"{', '.join(sorted(fields))}{hint}"
            )
    for name, field in fields.items():
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if required and name not in values:
            raise ConfigError(f"{prefix}{name}: missing, expected {_name(hints[name])}")
    converted = {k: _convert(hints[k], v, f"{prefix}{k}") for k, v in values.items()}
    try:
        return cls(**converted)
    except ConfigError as error:
        raise ConfigError(f"{prefix}{error}") from None


def require(ok: bool, key: str, value: Any, allowed: str) -> None:
    """Raise ConfigError('key=value: must be allowed') unless `ok`."""
    if not ok:
        raise ConfigError(f"{key}={value!r}: must be {allowed}")


def _name(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, args))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_name, args))
    if hint is types.NoneType:
        return "null"
    return getattr(hint, "__name__", str(hint)) if not args else str(hint)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return build(hint, value, where)  # type: ignore[arg-type]
    if origin is typing.Literal:
        if value in args and type(value) in {type(a) for a in args}:
            return value
    elif origin in (typing.Union, types.UnionType):
        for option in args:
            try:
                return _convert(option, value, where)
            except ConfigError:
                continue
    elif origin in (tuple, list) and isinstance(value, list | tuple):
        inner = args[0] if args else Any
        items = [_convert(inner, v, f"{where}[{i}]") for i, v in enumerate(value)]
        return tuple(items) if origin is tuple else items
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif (
        (hint is int and isinstance(value, int) and not isinstance(value, bool))
        or (hint in (bool, str, dict) and isinstance(value, hint))
        or hint is Any
        or (hint is types.NoneType and value is None)
        or (isinstance(hint, type) and isinstance(value, hint) and hint is not int)
    ):
        return value
    allowed = _name(hint)
    if not allowed.startswith("one of"):
        allowed += f", not {type(value).__name__}"
    raise ConfigError(f"{where}={value!r}: must be {allowed}")
