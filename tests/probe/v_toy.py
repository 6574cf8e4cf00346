"""A small untrained model of small problems, and settings of V-probes that take a second."""

from pathlib import Path
from typing import Any

from physlm.config import build
from physlm.data import problems
from physlm.evaluate.igsm.trained import Trained, load_trained
from physlm.model.config import ModelSettings
from physlm.model.storage import save_model
from physlm.model.transformer import Transformer, init_weights
from physlm.probe.v_config import VProbeConfig


def config(**changes: Any) -> dict[str, Any]:
    """Settings of a `v_probe` job."""
    return {
        "seed": 0,
        "tasks": ["nece"],
        "rank": 4,
        "n_steps": 8,
        "batch_size": 4,
        "n_test": 6,
        "ops": [2],
        "optimiser": {"lr_peak": 0.01, "weight_decay": 0.0},
        "schedule": {"kind": "linear", "warmup_steps": 0, "final_ratio": 0.0},
    } | changes


def built(**changes: Any) -> VProbeConfig:
    return build(VProbeConfig, config(**changes))


def source(preset: str = "micro", **settings: Any) -> Any:
    return problems.source("igsm", {"preset": preset, **settings})


def model(
    of: Any, n_ctx: int = 256, arch: str = "gpt2_rot", d_model: int = 16, **settings: Any
) -> Transformer:
    """An untrained model of the vocabulary of `of`."""
    chosen = ModelSettings(n_layers=2, d_model=d_model, n_heads=2, arch=arch, **settings)
    made = Transformer(chosen.resolve(len(of.vocabulary), n_ctx))
    init_weights(made, 0)
    return made.eval()


def solver(folder: Path, preset: str = "micro", **settings: Any) -> Trained:
    """An untrained model in a folder, as the step `problems` would leave it."""
    facts = {"world": "igsm", "settings": {"preset": preset}, "seed": 0}
    counts = {"steps": 0, "problems": 0, "tokens": 0, "final_loss_nats": None}
    save_model(folder, model(source(preset), **settings), **facts, **counts)
    return load_trained(folder)
