"""Bit complexity of a trained model: its losses on every person, and the bits they amount to.

Every person's evaluation entry is scored once. Whole entries are packed into windows as long as the
training ones, each preceded by other people's entries as in training, and only what identifies the
person is counted: the name, then each value (Allen-Zhu and Li, Part 3.3, Definitions 4.1 and 4.3).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from physlm.config import require
from physlm.data.corpus import Corpus
from physlm.data.world import FIELD, NAME, Entries
from physlm.evaluate.bits import learned_bits, max_learned_bits, total_bits

if TYPE_CHECKING:
    from physlm.model.transformer import Transformer

# tokens [n_windows, n_ctx] int64 -> losses in nats and hits of the argmax [n_windows, n_ctx - 1]:
# of token t + 1 given the tokens up to t.
Predict = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class MeasureConfig:
    """Settings of the `measure` step: processor threads, and windows per forward pass."""

    threads: int = 1
    batch_size: int = 64

    def __post_init__(self) -> None:
        for key in ("threads", "batch_size"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")


@dataclass(frozen=True)
class Losses:
    """Mean losses in nats, each summed over the tokens of its object (see bits.learned_bits).

    name: per person. by_field: per person, one for each field. first_chunk: per value, of its first
    chunk (of its first token where values have no chunks). value_accuracy: the share of values of
    which every token is the model's first choice, given the true tokens before it.
    """

    name: float
    by_field: dict[str, float]
    first_chunk: float
    value_accuracy: float
    n_entries: int

    @property
    def value(self) -> float:
        """Loss of all values of a person, in nats per person."""
        return sum(self.by_field.values())


def windows(offsets: np.ndarray, n_ctx: int) -> Iterator[tuple[int, int]]:
    """First and last-plus-one entry of windows of at most n_ctx tokens that hold whole entries.

    offsets [n_entries + 1]. An entry longer than n_ctx is a ValueError.
    """
    longest = int(np.diff(offsets).max(initial=0))
    if longest > n_ctx:
        raise ValueError(
            f"an entry has {longest} tokens, more than n_ctx={n_ctx}: cannot be scored"
        )
    first, n_entries = 0, len(offsets) - 1
    while first < n_entries:
        last = int(offsets.searchsorted(offsets[first] + n_ctx, side="right")) - 1
        yield first, last
        first = last


def score(corpus: Corpus, predict: Predict, n_ctx: int, batch_size: int) -> Losses:
    """Score every person of the corpus once, `batch_size` windows at a time."""
    entries = corpus.evaluation
    everyone = np.sort(np.asarray(entries.person))
    if not np.array_equal(everyone, np.arange(corpus.n_people)):
        raise ValueError(f"{corpus.folder}: the evaluation entries are not one per person")
    information, n_fields = corpus.world.information(), len(corpus.world.fields)
    chunk = information.get("chunk_length", 1)
    sums = np.zeros(FIELD + n_fields)
    first_chunk = 0.0
    right = 0
    spans = list(windows(entries.offsets, n_ctx))
    for start in range(0, len(spans), batch_size):
        batch = spans[start : start + batch_size]
        losses, hits = _predict_flat(entries, batch, predict, n_ctx, corpus.manifest["eos"])
        low, high = entries.offsets[batch[0][0]], entries.offsets[batch[-1][1]]
        kinds = np.asarray(entries.kinds[low:high])
        sums += np.bincount(kinds, weights=losses, minlength=len(sums))
        bounds = entries.offsets[batch[0][0] : batch[-1][1] + 1] - low
        value, place, n_values = _values(kinds, bounds)
        if n_values != (len(bounds) - 1) * n_fields:
            raise ValueError(f"{corpus.folder}: some entries lack the value of a field")
        scored = kinds >= FIELD
        first_chunk += losses[scored][place < chunk].sum()
        wrong = np.bincount(value, weights=~hits[scored], minlength=n_values)
        right += int((wrong == 0).sum())
    n = corpus.n_people
    return Losses(
        name=sums[NAME] / n,
        by_field={f: sums[FIELD + i] / n for i, f in enumerate(corpus.world.fields)},
        first_chunk=first_chunk / (n * n_fields),
        value_accuracy=right / (n * n_fields),
        n_entries=n,
    )


def _predict_flat(
    entries: Entries, spans: list[tuple[int, int]], predict: Predict, n_ctx: int, eos: int
) -> tuple[np.ndarray, np.ndarray]:
    """Losses and hits of all tokens of the windows, end to end (0 and True for each first one)."""
    ends = [(int(entries.offsets[first]), int(entries.offsets[last])) for first, last in spans]
    batch = np.full((len(spans), n_ctx), eos, np.int64)
    for row, (low, high) in zip(batch, ends, strict=True):
        row[: high - low] = entries.tokens[low:high]
    losses, hits = predict(batch)
    used = np.arange(n_ctx) < np.array([high - low for low, high in ends])[:, None]
    all_losses = np.zeros(batch.shape)
    all_losses[:, 1:] = losses
    all_hits = np.ones(batch.shape, bool)
    all_hits[:, 1:] = hits
    return all_losses[used], all_hits[used]


def _values(kinds: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Of each value token: which value it belongs to, and its place in that value; then how many.

    kinds [n_tokens] of whole entries, bounds [n_entries + 1] their offsets.
    """
    tokens = np.flatnonzero(kinds >= FIELD)
    entry = bounds.searchsorted(tokens, side="right") - 1
    _, value, counts = np.unique(
        entry * 256 + kinds[tokens], return_inverse=True, return_counts=True
    )
    order = value.argsort(kind="stable")
    place = np.empty(len(tokens), np.int64)
    place[order] = np.arange(len(tokens)) - np.repeat(counts.cumsum() - counts, counts)
    return value, place, len(counts)


def summary(corpus: Corpus, losses: Losses, n_params: int) -> dict[str, Any]:
    """The losses in bits: learned, offered (see evaluate.bits), and per parameter."""
    information = corpus.world.information()
    learned = learned_bits(information, losses.name, losses.value, losses.first_chunk)
    most = max_learned_bits(information).total
    return {
        "loss_name_nats": losses.name,
        "loss_value_nats": losses.value,
        "loss_first_chunk_nats": losses.first_chunk,
        "loss_by_field_nats": losses.by_field,
        "name_bits_learned": learned.name,
        "value_bits_learned": learned.value,
        "dictionary_bits_learned": learned.dictionary,
        "learned_bits": learned.total,
        "total_bits": total_bits(information).total,
        "max_learned_bits": most,
        "bits_per_param": learned.total / n_params,
        "max_bits_per_param": most / n_params,
        "value_accuracy": losses.value_accuracy,
        "n_entries_scored": losses.n_entries,
    }


def measure(model_folder: Path, corpus: Corpus, config: MeasureConfig) -> dict[str, Any]:
    """Everything measure.json says about the model in `model_folder`, trained on `corpus`.

    ValueError if the model was trained on another corpus.
    """
    import torch

    from physlm.model.storage import load_model

    torch.set_num_threads(config.threads)
    model, info = load_model(model_folder, "cuda" if torch.cuda.is_available() else "cpu")
    if info["corpus_digest"] != corpus.digest:
        raise ValueError(
            f"{model_folder}: was trained on the corpus {info['corpus_digest'][:12]}, "
            f"but {corpus.folder} is {corpus.digest[:12]}"
        )
    losses = score(corpus, predictor(model), model.config.n_ctx, config.batch_size)
    return {
        "world": corpus.manifest["world"],
        "arch": info["arch"],
        "n_layers": model.config.n_layers,
        "d_model": model.config.d_model,
        "n_params": info["n_params"],
        "n_people": corpus.n_people,
        "steps": info["steps"],
        "exposures": info["exposures"],
        **summary(corpus, losses, info["n_params"]),
    }


def predictor(model: "Transformer") -> Predict:
    """The model as `score` asks it: losses in float32, computed where the weights are."""
    import torch
    import torch.nn.functional as F

    device = next(model.parameters()).device

    def predict(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = torch.from_numpy(tokens).to(device)
        with torch.inference_mode():
            logits_BTV = model(batch[:, :-1]).float()
        targets_BT = batch[:, 1:]
        losses = F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction="none")
        hits = logits_BTV.argmax(-1) == targets_BT
        return losses.view_as(targets_BT).cpu().numpy(), hits.cpu().numpy()

    return predict
