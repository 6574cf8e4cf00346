"""What probes read of the hidden tree of a grammar's strings (Part 1, section 4.2).

For every depth between the root and the terminals there are two tasks: `symbol`, which constituent
of that depth a token belongs to, and `boundary`, whether it is the last of it. Strings to train and
to test on are drawn afresh, from generators of other names than the model's own texts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.config import require
from physlm.data.grammars.ancestors import ceilings
from physlm.data.grammars.grammar import Grammar
from physlm.data.grammars.sample import Trees
from physlm.data.grammars.strings import Strings
from physlm.evaluate.grammars.trained import Trained, hidden, rows_of
from physlm.model.transformer import init_weights
from physlm.probe.positions import PositionProbes
from physlm.probe.trees_config import TreeProbeConfig
from physlm.random import generator
from physlm.train.checkpoints import digest
from physlm.train.loop import train
from physlm.train.losses import IGNORED


@dataclass(frozen=True)
class Task:
    """One question: `symbol` or `boundary`, of one depth."""

    question: str
    depth: int
    classes: tuple[int, ...]


def tasks_of(grammar: Grammar) -> list[Task]:
    """The tasks, from the root's children down to the symbols above the terminals."""
    inner = range(1, grammar.n_levels - 1)
    symbols = [Task("symbol", d, grammar.levels[d]) for d in inner]
    return symbols + [Task("boundary", d, (0, 1)) for d in inner]


def labels_of(trees: Trees, tasks: list[Task], sharp: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows [n, 1 + K, T + 2] of tokens and labels, and which positions are tokens [n, T + 2].

    A label is the place of a token's class among the task's; IGNORED at EOS and padding, and with
    `sharp`, for symbols, where no constituent of the depth ends.
    """
    rows, real = rows_of(trees.strings)
    inside = real.copy()
    inside[:, 0] = False
    inside[np.arange(len(rows)), trees.strings.lengths + 1] = False
    batch = np.full((len(rows), 1 + len(tasks), rows.shape[1]), IGNORED, np.int64)
    batch[:, 0] = rows
    for k, task in enumerate(tasks, 1):
        ends = trees.boundary(task.depth)
        if task.question == "boundary":
            found = ends.astype(np.int64)
        else:
            found = np.searchsorted(task.classes, trees.symbol[task.depth])
            if sharp:
                found = np.where(ends, found, IGNORED)
        batch[:, k][inside] = found
    return batch, real


class TreeBatches:
    """Batches [B, 1 + K, T] of fresh strings and their labels (labels_of)."""

    def __init__(self, trained: Trained, tasks: list[Task], config: TreeProbeConfig) -> None:
        self.trained, self.tasks, self.config = trained, tasks, config
        self.batch_size, self.n_ctx = config.batch_size, trained.model.config.n_ctx

    def start(self) -> dict[str, int]:
        """The state before the first batch."""
        return {"taken": 0}

    def take(self, state: dict[str, int]) -> tuple[np.ndarray, dict[str, int]]:
        """The batch at `state` and the state after it."""
        rng = generator(self.config.seed, "probe", state["taken"])
        trees = self.trained.source.trees(self.batch_size, rng)
        batch, _ = labels_of(trees, self.tasks, self.config.reach is not None)
        return batch, {"taken": state["taken"] + 1}

    def exposures(self, state: dict[str, int]) -> float:
        """Strings that were read, each once."""
        return float(state["taken"] * self.batch_size)


class Reader(nn.Module):
    """The probes on top of a frozen model: rows [B, T] to logits [B, T, K, M]."""

    def __init__(self, trained: Trained, probes: PositionProbes, layer: int | None) -> None:
        super().__init__()
        self.frozen, self.probes = trained.model.requires_grad_(False), probes
        self.name = "final_norm" if layer is None else f"blocks.{layer}.resid_post"
        if layer is None and trained.model.config.norm_place == "post":
            self.name = f"blocks.{trained.model.config.n_layers - 1}.resid_post"

    def forward(self, rows_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """lengths_B: tokens of each string; EOS is at both of its ends."""
        places = torch.arange(rows_BT.shape[1], device=rows_BT.device)
        seen = places < lengths_B[:, None] + 2
        with torch.no_grad():
            hidden_BTC = hidden(self.frozen, rows_BT, seen, self.name)
        inside = (places >= 1) & (places <= lengths_B[:, None])
        return self.probes(hidden_BTC.float(), inside)


def probe_loss(reader: nn.Module, batch: Tensor) -> Tensor:
    """The sum over tasks of the mean loss in nats of what is scored."""
    rows, labels = batch[:, 0], batch[:, 1:].transpose(1, 2)
    logits_BTKM = reader(rows, (rows != 0).sum(1))
    n_tasks = labels.shape[2]
    total = logits_BTKM.new_zeros(())
    for k in range(n_tasks):
        wanted = labels[..., k].flatten()
        logits = logits_BTKM[:, :, k].flatten(0, 1)[wanted != IGNORED]
        total = total + F.cross_entropy(logits, wanted[wanted != IGNORED])
    return total


def probe(trained: Trained, config: TreeProbeConfig, scratch: Path) -> dict[str, Any]:
    """Train the probes and score them: the content of tree_probe.json (docs/grammars.md).

    Resumes from `scratch` if it was cut. ConfigError for a layer that the model does not have.
    """
    model, grammar = trained.model, trained.source.grammar
    layers = model.config.n_layers
    known = config.layer is None or config.layer < layers
    require(known, "layer", config.layer, f"below the model's {layers}, or null")
    weights = digest(dict(model.named_parameters()))
    if config.control == "model":
        init_weights(model, config.seed)
    tasks = tasks_of(grammar)
    probes = PositionProbes(
        [len(task.classes) for task in tasks],
        model.config.d_model,
        model.config.n_ctx,
        config.n_heads,
        config.d_position,
        config.reach,
        config.seed,
    )
    reader = Reader(trained, probes, config.layer)
    train(
        reader,
        probe_loss,
        TreeBatches(trained, tasks, config),
        n_steps=config.n_steps,
        config=config,
        identity={"model": weights, "config": config.science()},
        scratch=scratch,
    )
    tested = trained.source.trees(config.n_tested, generator(config.seed, "test", "probe"))
    return {
        **trained.facts,
        "probe_seed": config.seed,
        "control": config.control,
        "reach": config.reach,
        "layer": config.layer,
        "n_heads_probe": config.n_heads,
        "d_position": config.d_position,
        "n_steps_probe": config.n_steps,
        "results": _scores(reader, trained, tasks, tested, config),
    }


def _scores(
    reader: Reader, trained: Trained, tasks: list[Task], tested: Trees, config: TreeProbeConfig
) -> list[dict[str, Any]]:
    batch, _ = labels_of(tested, tasks, config.reach is not None)
    right = np.concatenate(list(_hits(reader, batch, config.batch_size)))
    best = _ceilings(trained, tasks, tested, config)
    records = []
    for k, task in enumerate(tasks):
        scored = batch[:, 1 + k] != IGNORED
        shares = np.bincount(batch[:, 1 + k][scored], minlength=len(task.classes)) / scored.sum()
        records.append(
            {
                "question": task.question,
                "depth": task.depth,
                "n": int(scored.sum()),
                "accuracy": float(right[..., k][scored].mean()),
                "majority": float(shares.max()),
                "ceiling": best[k],
                "n_classes": len(task.classes),
            }
        )
    return records


def _hits(reader: Reader, batch: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Whether each task's likeliest class is the right one, [n, T, K] bool."""
    reader.eval()
    where = reader.probes.maps.device
    for start in range(0, len(batch), size):
        part = torch.from_numpy(batch[start : start + size]).to(where)
        rows = part[:, 0]
        with torch.no_grad():
            best = reader(rows, (rows != 0).sum(1)).argmax(-1)
        yield (best == part[:, 1:].transpose(1, 2)).cpu().numpy()


def _ceilings(
    trained: Trained, tasks: list[Task], tested: Trees, config: TreeProbeConfig
) -> list[float | None]:
    """What no reader exceeds, on average, for each task; None where that was not worked out.

    One who reads a causal model at a token knows the tokens up to it; one who reads everywhere, or
    a bidirectional model, knows the string. In between (a causal model with a reach of 1 or more)
    nothing is worked out.
    """
    causal_here = config.reach is not None and bool(trained.model.config.causal)
    if not config.ceiling or (causal_here and config.reach):
        return [None] * len(tasks)
    strings = Strings.of([tested.strings[i] for i in range(config.ceiling)])
    best = ceilings(
        trained.source.grammar,
        strings,
        "prefix" if causal_here else "string",
        trained.source.emission,
    )
    symbol = best.symbol if config.reach is None else best.symbol_at_ends
    of = {"symbol": symbol, "boundary": best.boundary}
    return [float(of[task.question][task.depth]) for task in tasks]
