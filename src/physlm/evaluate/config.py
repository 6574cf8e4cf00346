"""The settings of the `evaluate` step: which measure of a trained model is taken, and how.

A measure is a module of a package here, with `measure(folder, config) -> dict`, which reads a
model's folder and gives what JSON can hold; SETTINGS of the package's module `config` has the class
of its settings. Measures are found by their files, so that a new one leaves this module, and what
was measured with it, as it is. Needs no torch, so that a grid is checked before it starts.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from physlm.config import ConfigError, build, require

_FOLDER = Path(__file__).parent


def module_of(measure: str) -> str:
    """The module of a measure by name; ConfigError if there is none."""
    found = _FOLDER.glob(f"*/{measure}.py") if measure.isidentifier() else ()
    names = [f"{path.parent.name}.{measure}" for path in found]
    for name in names:
        if measure in _settings(name):
            return f"physlm.evaluate.{name}"
    # Other packages are looked at for this message alone: a job runs only what its key covers.
    raise ConfigError(f"measure={measure!r}: must be one of {', '.join(measures())}")


def measures() -> list[str]:
    """The names of all measures."""
    packages = [path.parent.name for path in _FOLDER.glob("*/config.py")]
    return sorted(name for package in packages for name in _settings(f"{package}.config"))


def _settings(module: str) -> dict[str, type]:
    """SETTINGS of the package that a module is in."""
    package = module.partition(".")[0]
    return importlib.import_module(f"physlm.evaluate.{package}.config").SETTINGS


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """A measure by name, its settings, and the CPU threads it may use."""

    measure: str
    settings: dict
    threads: int = 1

    def __post_init__(self) -> None:
        require(self.threads >= 1, "threads", self.threads, "at least 1")
        self.built()

    def built(self) -> Any:
        """The measure's own settings, checked."""
        package = module_of(self.measure).split(".")[-2]
        return build(_settings(package)[self.measure], self.settings, "settings")
