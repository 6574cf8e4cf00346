"""A tiny run for the tests, here or as a command: python -m tests.train.toy FOLDER N_STEPS."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from physlm.config import build
from physlm.model.storage import save_model
from physlm.model.transformer import Transformer, init_weights
from physlm.random import generator
from physlm.train.config import PretrainConfig
from physlm.train.loop import Outcome, train
from physlm.train.losses import IGNORED, mean_nats

D_VOCAB = 23


class Counting:
    """Batches that are a function of the state: rows of slowly turning residues."""

    def __init__(self, n_ctx: int, batch_size: int) -> None:
        self.n_ctx, self.batch_size = n_ctx, batch_size

    def start(self) -> dict[str, Any]:
        return {"taken": 0}

    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        rng = generator(0, "batch", state["taken"])
        start, speed = rng.integers(D_VOCAB, size=(2, self.batch_size, 1))
        rows = (start + speed * np.arange(self.n_ctx + 1)) % D_VOCAB
        return rows.astype(np.int64), {"taken": state["taken"] + 1}

    def exposures(self, state: dict[str, Any]) -> float:
        return state["taken"] / 10


# Labels of each row of Labelled: some have all, some none, so have the last two together.
N_LABELS = np.array([12, 7, 1, 0, 5, 2, 0, 0])


class Labelled(Counting):
    """The same, with labels on the first N_LABELS tokens of each row alone."""

    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        windows, after = super().take(state)
        labels = windows[:, 1:].copy()
        labels[np.arange(self.n_ctx) >= N_LABELS[:, None]] = IGNORED
        return np.stack([windows[:, :-1], labels], axis=1), after


SOURCES = {"Counting": Counting, "Labelled": Labelled}


def config(**changes: Any) -> PretrainConfig:
    values: dict[str, Any] = {
        "seed": 0,
        "model": {"arch": "gpt2_rot", "n_layers": 1, "d_model": 16, "n_heads": 2},
        "stream": {"n_ctx": 12, "batch_size": 8},
        "exposures": 1,
        # eps well above rounding: the gradient of the key bias is zero but for rounding, which
        # Adam would otherwise blow up to whole steps.
        "optimiser": {"lr_peak": 0.01, "weight_decay": 0.1, "eps": 1e-5},
        "schedule": {"warmup_steps": 5},
        "log_every_s": 1000,
        "checkpoint_every_s": 1000,
    }
    return build(PretrainConfig, values | changes)


def fresh(settings: PretrainConfig) -> Transformer:
    """The model that a run starts from."""
    model = Transformer(settings.model.resolve(D_VOCAB, settings.stream.n_ctx))
    init_weights(model, settings.seed)
    return model


def run(
    folder: Path,
    n_steps: int,
    loss: Any = mean_nats,
    corpus: str = "c",
    source: str = "Counting",
    start: Transformer | None = None,
    **changes: Any,
) -> tuple[Transformer, Outcome]:
    """Train for `n_steps` with checkpoints in `folder`; the model and the outcome."""
    torch.set_num_threads(1)
    settings = config(**changes)
    batches = SOURCES[source](settings.stream.n_ctx, settings.stream.rows)
    model = start or fresh(settings)
    identity = {"corpus": corpus, "config": settings.science()}
    return model, train(model, loss, batches, n_steps, settings, identity, folder)


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    """Whether all weights are the same, bit for bit."""
    theirs = b.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in a.state_dict().items())


def main(folder: str, n_steps: str, changes: str = "{}") -> None:
    """Run and save the model; what a subprocess of a test does."""
    model, outcome = run(Path(folder), int(n_steps), **json.loads(changes))
    if outcome.is_main:
        save_model(folder, model, steps=outcome.steps, loss_nats=outcome.loss_nats)


if __name__ == "__main__":
    main(*sys.argv[1:])
