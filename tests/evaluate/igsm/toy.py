"""Small models of small worlds of problems, trained by the `problems` step itself."""

from pathlib import Path
from typing import Any

from physlm.evaluate.igsm.trained import Trained, load_trained
from physlm.steps.job import Job
from physlm.steps.problems import run


def config(**changes: Any) -> dict[str, Any]:
    """Settings of a `problems` job that takes a second."""
    return {
        "seed": 0,
        "world": "igsm",
        "settings": {"preset": "micro"},
        "model": {"n_layers": 2, "d_model": 16, "n_heads": 2, "arch": "gpt2_rot"},
        "stream": {"n_ctx": 160, "batch_size": 4},
        "n_steps": 10,
        "optimiser": {"lr_peak": 0.003},
        "schedule": {"kind": "linear", "warmup_steps": 5, "final_ratio": 0.0},
    } | changes


def train(folder: Path, **changes: Any) -> Trained:
    """The model that the step leaves."""
    for name in ("out", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    run(Job("toy", config(**changes), {}, folder / "out", folder / "scratch"))
    return load_trained(folder / "out")
