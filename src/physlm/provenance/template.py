"""Settings with variables: "$name" is a point's value, {"$name": {...}} the branch it picks."""

from typing import Any

from physlm.config import ConfigError
from physlm.provenance.params import FILE

Point = dict[str, Any]


def fill(value: Any, point: Point, where: str) -> Any:
    """`value` with every variable replaced by the point's value; ConfigError if it has none."""
    if isinstance(value, str) and value.startswith("$"):
        return _variable(value[1:], point, where)
    if isinstance(value, dict):
        if len(value) == 1 and str(key := next(iter(value))).startswith("$"):
            branch = str(_variable(key[1:], point, where))
            if branch not in value[key]:
                raise ConfigError(
                    f"{FILE}: {where}: {key[1:]}={branch}: no such branch, there are "
                    f"{', '.join(value[key])}"
                )
            return fill(value[key][branch], point, f"{where}.{branch}")
        return {k: fill(v, point, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list):
        return [fill(item, point, where) for item in value]
    return value


def _variable(name: str, point: Point, where: str) -> Any:
    if name not in point:
        raise ConfigError(f"{FILE}: {where}: ${name} is not a variable of the point {show(point)}")
    return point[name]


def references(value: Any) -> set[str]:
    """Names of the variables in `value`."""
    if isinstance(value, str):
        return {value[1:]} if value.startswith("$") else set()
    if isinstance(value, dict):
        keys = {k[1:] for k in value if isinstance(k, str) and k.startswith("$")}
        return keys.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def show(point: Point) -> str:
    """A point in one line, for messages."""
    return "{" + ", ".join(f"{k}: {v}" for k, v in point.items()) + "}"
