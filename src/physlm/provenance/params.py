"""params.yaml -> the families of one tier as plain mappings, checked for their outline."""

import difflib
from pathlib import Path
from typing import Any

from physlm.config import ConfigError

FILE = "params.yaml"
TOP = ("tier", "families", "tiers", "definitions")


def load(tier: str | None = None) -> tuple[dict[str, Any], str]:
    """(params with the tier merged into every family, name of the tier).

    `tier` overrides the one in the file. Raises ConfigError if the file does not parse, a key is
    unknown, or a tier does not name every family.
    """
    raw = _read()
    families = raw["families"]
    known = (*TOP, *families)
    for key in raw:
        check_known(key, known, "top level of the file")
    for name, overlay in raw["tiers"].items():
        check_mapping(overlay, f"tiers.{name}")
        for family in families:
            if family not in overlay:
                raise ConfigError(f"{FILE}: tiers.{name}.{family}: missing, write {{}} for none")
        for family in overlay:
            check_known(family, families, f"tiers.{name}")
    chosen = raw["tier"] if tier is None else tier
    if chosen not in raw["tiers"]:
        raise ConfigError(f"tier={chosen!r}: must be one of {', '.join(raw['tiers'])}")
    return _merge(raw, chosen), chosen


def _read() -> dict[str, Any]:
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not Path(FILE).exists():
        raise ConfigError(f"{FILE}: not found in {Path.cwd()}; run from the top of the repository")
    try:
        raw = OmegaConf.to_container(OmegaConf.load(FILE), resolve=True)
    except (yaml.YAMLError, OmegaConfBaseException, OSError, ValueError) as error:
        raise ConfigError(f"{FILE}: {' '.join(str(error).split())}") from None
    check_mapping(raw, "")
    assert isinstance(raw, dict)
    for key in ("tier", "families", "tiers"):
        if key not in raw:
            raise ConfigError(f"{FILE}: {key}: missing")
    if not isinstance(raw["families"], list) or len(set(raw["families"])) < len(raw["families"]):
        raise ConfigError(f"{FILE}: families={raw['families']!r}: must be a list of unlike names")
    for family in raw["families"]:
        if family not in raw:
            raise ConfigError(f"{FILE}: families: {family} has no section of its own")
        check_mapping(raw[family], family)
    check_mapping(raw["tiers"], "tiers")
    return raw  # type: ignore[return-value]


def _merge(raw: dict[str, Any], tier: str) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    merged = dict(raw)
    for family in raw["families"]:
        try:
            both = OmegaConf.merge(raw[family], raw["tiers"][tier][family] or {})
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            line = " ".join(str(error).split())
            raise ConfigError(f"{FILE}: tiers.{tier}.{family}: {line}") from None
        merged[family] = OmegaConf.to_container(both)
    return merged


def check_mapping(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{FILE}: {where or 'the file'}: must be a mapping, not {value!r}")


def check_known(key: Any, allowed: Any, where: str) -> None:
    if key not in allowed:
        close = difflib.get_close_matches(str(key), list(allowed), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"{FILE}: {key}: unknown in {where}, allowed: {', '.join(allowed)}{hint}")
