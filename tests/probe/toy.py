"""Small models and settings of probes for the tests."""

from pathlib import Path
from typing import Any

import torch

from physlm.config import build
from physlm.data.corpus import Corpus
from physlm.model.config import ModelSettings
from physlm.model.transformer import Transformer, init_weights
from physlm.probe.config import ProbeConfig
from tests.data import questions


def corpus(folder: Path, n_people: int = 40, **settings: Any) -> Corpus:
    """Biographies in few words, which can be asked about."""
    few = {"variant": "multi2+permute", "tokenizer": "symbols", "questions": True, "templates": 3}
    return questions.make(folder, n_people=n_people, seed=5, **(few | settings))


def model(opened: Corpus, seed: int = 0, **settings: Any) -> Transformer:
    """A newly drawn model whose attention is not quite even, so that what was read stays."""
    shape = {"arch": "gpt2_rot", "n_layers": 2, "d_model": 16, "n_heads": 2, "init_std": 0.2}
    made = build(ModelSettings, shape | settings).resolve(opened.manifest["d_vocab"] + 1, 160)
    transformer = Transformer(made)
    init_weights(transformer, seed)
    return transformer.eval()


def values(**changes: Any) -> dict[str, Any]:
    """Settings as params.yaml would give them."""
    torch.set_num_threads(1)
    return {
        "seed": 3,
        "kind": "p",
        "tasks": ["first", "whole"],
        "rank_embed": 2,
        "n_steps": 12,
        "batch_size": 10,
        "control": "none",
        "optimiser": {"lr_peak": 0.01, "eps": 1e-6, "weight_decay": 0.3},
        "schedule": {"kind": "linear", "warmup_steps": 0, "final_ratio": 0.0},
        "log_every_s": 1000,
        "checkpoint_every_s": 1000,
        **changes,
    }


def config(**changes: Any) -> ProbeConfig:
    return build(ProbeConfig, values(**changes))
