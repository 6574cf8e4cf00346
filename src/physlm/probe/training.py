"""Training the probes on one half of the people, and what they read of both."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.data.corpus import Corpus
from physlm.data.qa import split_of
from physlm.model.transformer import Transformer, init_weights
from physlm.probe.config import ProbeConfig
from physlm.probe.examples import Examples, examples
from physlm.probe.probes import ProbeSet, device, probes_of
from physlm.random import generator
from physlm.train.checkpoints import digest
from physlm.train.loop import train
from physlm.train.losses import Loss


class Draws:
    """Batches [B, 1] of the numbers of examples: pass after pass over `numbers`, each reordered."""

    def __init__(self, numbers: np.ndarray, batch_size: int, n_ctx: int, seed: int) -> None:
        self.numbers, self.seed = numbers, seed
        self.batch_size, self.n_ctx = batch_size, n_ctx
        self._latest: dict[int, np.ndarray] = {}

    def start(self) -> dict[str, Any]:
        """The state before the first batch: how many examples were drawn."""
        return {"drawn": 0}

    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """The batch at `state`, int64 [B, 1], and the state after it."""
        place, after = state["drawn"], state["drawn"] + self.batch_size
        parts = []
        while place < after:
            epoch, offset = divmod(place, len(self.numbers))
            parts.append(self._pass(epoch)[offset : offset + after - place])
            place += len(parts[-1])
        return np.concatenate(parts)[:, None], {"drawn": after}

    def exposures(self, state: dict[str, Any]) -> float:
        """How often each example was drawn, on average."""
        return state["drawn"] / len(self.numbers)

    def _pass(self, epoch: int) -> np.ndarray:
        if epoch not in self._latest:
            order = generator(self.seed, "probe", "pass", epoch).permutation(len(self.numbers))
            self._latest = {epoch: self.numbers[order]}
        return self._latest[epoch]


def loss_of(given: Examples, numbers: np.ndarray) -> Loss:
    """The sum over tasks of the mean loss in nats of what is scored in the examples `numbers`.

    Means are over the scored places that a batch has on average, so that a batch in pieces has the
    gradient of the whole one.
    """
    # Where batches will be, so that none is waited for.
    labels_NK = torch.from_numpy(given.labels).to(device())
    weight_NPK = torch.from_numpy(given.scored).to(device()).float()
    weight_NPK = weight_NPK / weight_NPK[torch.from_numpy(numbers)].sum(dim=1).mean(dim=0)

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        numbers_B = batch[:, 0]
        logits_KBPM = model(numbers_B)
        label_KBP = labels_NK[numbers_B].T[:, :, None].expand(logits_KBPM.shape[:3])
        nats = F.cross_entropy(
            logits_KBPM.flatten(0, 2).float(), label_KBP.flatten(), reduction="none"
        )
        weight_KBP = weight_NPK[numbers_B].permute(2, 0, 1)
        return (nats * weight_KBP.flatten()).sum() / len(batch)

    return loss


def probe(
    model: Transformer, corpus: Corpus, config: ProbeConfig, scratch: Path
) -> list[dict[str, Any]]:
    """Train the probes of `model` and score them: `results` of probe.json (docs/probing.md).

    Resumes from `scratch` if it was cut. ConfigError for a corpus that cannot be probed so.
    """
    given = examples(corpus, config)
    weights = digest(dict(model.named_parameters()))
    if config.control == "model":
        init_weights(model, config.seed)
    training = np.isin(given.person, split_of(corpus).train)
    numbers = np.flatnonzero(training)
    probes = probes_of(model, given, config)
    train(
        probes,
        loss_of(given, numbers),
        Draws(numbers, config.batch_size, probes.frozen.n_ctx, config.seed),
        n_steps=config.n_steps,
        config=config,
        identity={"corpus": corpus.digest, "model": weights, "config": config.science()},
        scratch=scratch,
    )
    return scores(given, training, hits(probes, given, config.batch_size))


def hits(probes: ProbeSet, given: Examples, batch_size: int) -> np.ndarray:
    """Whether each task's likeliest class is the right one, [n, P, K] bool."""
    probes.eval()
    where = probes.head_weight.device
    parts = []
    with torch.no_grad():
        for numbers in torch.arange(len(given.person)).split(batch_size):
            best_KBP = probes(numbers.to(where)).argmax(-1).cpu().numpy()
            parts.append(best_KBP.transpose(1, 2, 0) == given.labels[numbers.numpy(), None])
    return np.concatenate(parts)


def scores(given: Examples, training: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """A record per task and place where somebody of the test half is scored.

    training [n] bool; right [n, P, K] bool. majority: what guessing the commonest label of the
    training half would get right in the test half.
    """
    records = []
    for k, task in enumerate(given.tasks):
        for place in range(given.places.shape[1]):
            scored = given.scored[:, place, k]
            seen, test = scored & training, scored & ~training
            if not test.any():
                continue
            counts = np.bincount(given.labels[seen, k], minlength=task.n_classes)
            commonest = given.labels[test, k] == counts.argmax()
            records.append(
                {
                    "task": task.name,
                    "attribute": task.attribute,
                    "position": place,
                    "n": int(test.sum()),
                    "accuracy": float(right[test, place, k].mean()),
                    "train_accuracy": float(right[seen, place, k].mean()) if seen.any() else 0.0,
                    "majority": float(commonest.mean()),
                    "n_classes": task.n_classes,
                }
            )
    return records
