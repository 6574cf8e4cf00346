"""The settings of the `evaluate` step: which measure of a trained model is taken, and how.

A measure is a module with `measure(folder, config) -> dict`, which reads a model's folder and gives
what JSON can hold. Needs no torch, so that a grid is checked before it starts.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from physlm.config import build, require

# Measure -> its module, and "module:class" of its settings.
MEASURES = {
    name: (f"physlm.evaluate.grammars.{name}", f"physlm.evaluate.grammars.config:{settings}")
    for name, settings in {
        "attention": "AttentionConfig",
        "bags": "BagsMeasure",
        "generation": "GenerationConfig",
        "robustness": "RobustnessConfig",
    }.items()
}


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """A measure by name, its settings, and the CPU threads it may use."""

    measure: str
    settings: dict
    threads: int = 1

    def __post_init__(self) -> None:
        known = ", ".join(sorted(MEASURES))
        require(self.measure in MEASURES, "measure", self.measure, f"one of {known}")
        require(self.threads >= 1, "threads", self.threads, "at least 1")
        self.built()

    def built(self) -> Any:
        """The measure's own settings, checked."""
        module, _, name = MEASURES[self.measure][1].partition(":")
        return build(getattr(importlib.import_module(module), name), self.settings, "settings")
