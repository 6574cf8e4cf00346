"""Small models of small grammars, trained by the `fresh` step itself."""

from pathlib import Path
from typing import Any

from physlm.evaluate.grammars.trained import Trained, load_trained
from physlm.steps.fresh import run
from physlm.steps.job import Job

SETTINGS = {"grammar": "cfg3f", "root": 10}


def config(**changes: Any) -> dict[str, Any]:
    """Settings of a `fresh` job that takes a second."""
    return {
        "seed": 0,
        "world": "grammar",
        "settings": SETTINGS,
        "model": {"n_layers": 2, "d_model": 16, "n_heads": 2, "arch": "gpt2_rot"},
        "stream": {"n_ctx": 32, "batch_size": 8},
        "n_steps": 20,
        "optimiser": {"lr_peak": 0.003},
        "schedule": {"kind": "linear", "warmup_steps": 5, "final_ratio": 0.0},
    } | changes


def job(folder: Path, settings: dict[str, Any], inputs: dict[str, Any] | None = None) -> Job:
    """A job with folders under `folder`."""
    for name in ("out", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return Job("toy", settings, inputs or {}, folder / "out", folder / "scratch")


def train(folder: Path, **changes: Any) -> Trained:
    """The model that the step leaves."""
    run(job(folder, config(**changes)))
    return load_trained(folder / "out")
