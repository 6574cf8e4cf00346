"""A model that was trained on texts that never repeat, with the world it was trained in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physlm.data import fresh
from physlm.data.grammars.source import Source
from physlm.data.grammars.strings import Strings
from physlm.model.storage import load_model
from physlm.model.transformer import Transformer


@dataclass(frozen=True)
class Trained:
    """model and info: as physlm.model.storage has them; source: of the model's world."""

    folder: Path
    model: Transformer
    info: dict[str, Any]
    source: Source

    @property
    def facts(self) -> dict[str, Any]:
        """What a measure repeats of the model in its record."""
        config = self.model.config
        shape = {key: getattr(config, key) for key in ("n_layers", "n_heads", "d_model", "n_ctx")}
        kept = ("n_params", "seed", "steps", "texts", "tokens", "final_loss_nats")
        settings = self.info["settings"]
        return {
            "arch": self.info["arch"],
            "grammar": settings["grammar"],
            "root": self.source.grammar.root,
            "n_levels": self.source.grammar.n_levels,
            **shape,
            **{key: self.info[key] for key in kept},
        }

    def stream(self) -> fresh.FreshStream:
        """The texts that the model was trained on."""
        # Where windows are cut says nothing about the texts.
        return fresh.FreshStream(self.source, self.info["seed"], 1, 1)


def load_trained(folder: Path) -> Trained:
    """The model of a `fresh` job, on the accelerator if there is one.

    ValueError for a model of another step or another world than a grammar.
    """
    model, info = load_model(folder)
    if info.get("world") != "grammar":
        raise ValueError(f"{folder / 'model.json'}: the model was not trained on a grammar")
    source = fresh.source(info["world"], info["settings"])
    return Trained(folder, model.to(_device()), info, source)


def _device() -> torch.device:
    return torch.accelerator.current_accelerator() or torch.device("cpu")


def rows_of(strings: Strings, ending: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Strings as rows EOS, string, EOS (the last if `ending`), and which tokens are no padding.

    Both [n, longest + 1 or 2], int64 and bool; padding, on the right, is EOS.
    """
    lengths = strings.lengths + 1 + ending
    places = np.arange(int(lengths.max(initial=0)))
    real = places < lengths[:, None]
    rows = np.full(real.shape, fresh.EOS, np.int64)
    rows[(places >= 1) & (places <= strings.lengths[:, None])] = strings.tokens
    return rows, real


def hidden(model: Transformer, rows: Tensor, real: Tensor, name: str) -> Tensor:
    """The activation `name` of the model (physlm.model.transformer) for these rows [B, T, C]."""
    capture: dict[str, Tensor] = {}
    # A causal model never sees the padding on its right.
    model(rows, capture, mask=None if model.config.causal else real)
    return capture[name].view(*rows.shape, -1)
