"""What the answers of V-probes are worth. N questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from physlm.probe.v_config import Task
from physlm.probe.v_examples import Asked, Knowledge


@dataclass(frozen=True)
class Answers:
    """Answers and true ones [N]; whether parameter A is necessary [N], and how far it is from the
    query (-1 if it is not necessary) [N].
    """

    said: np.ndarray
    true: np.ndarray
    distance: np.ndarray

    @classmethod
    def of(cls, examples: Sequence[Asked], said: np.ndarray) -> "Answers":
        """Answers to all questions about these problems, in order."""
        true, distance = [], []
        for example in examples:
            far = Knowledge(example.problem).distances
            true += [query.label for query in example.queries]
            distance += [far.get(query.a, -1) for query in example.queries]
        return cls(said, np.array(true), np.array(distance))

    def __getitem__(self, chosen: np.ndarray) -> "Answers":
        return Answers(self.said[chosen], self.true[chosen], self.distance[chosen])

    @property
    def share(self) -> dict[str, Any]:
        """How many there are, and the share of right ones."""
        return share(self.said == self.true)

    def by_label(self) -> list[dict[str, Any]]:
        """The share of right ones among those of each true answer."""
        labels = np.unique(self.true).tolist()
        return [{"label": label, **self[self.true == label].share} for label in labels]


def share(right: np.ndarray) -> dict[str, Any]:
    """How many answers there are, of which `right` [N] says whether they are, and the share of
    right ones (None of none).
    """
    return {"n": len(right), "accuracy": float(right.mean()) if len(right) else None}


def record(answers: Answers, guess: int, task: Task) -> dict[str, Any]:
    """The scores of a set of questions.

    majority: what always guessing `guess` gets right; matthews: correlation of answers and truth;
    by_label; necessary and unnecessary: for either kind of parameter A, by label too (the latter is
    the level-2 skill); by_distance, of `nece`: for necessary parameters, by the edges from the
    query to A.
    """
    necessary = answers.distance >= 0
    found = {
        **answers.share,
        "majority": float((answers.true == guess).mean()),
        "matthews": matthews(answers.said, answers.true),
        "by_label": answers.by_label(),
    }
    for name, chosen in (("necessary", necessary), ("unnecessary", ~necessary)):
        part = answers[chosen]
        found[name] = {**part.share, "by_label": part.by_label()}
    if task == "nece":
        far = np.unique(answers.distance[necessary]).tolist()
        found["by_distance"] = [
            {"distance": t, **answers[answers.distance == t].share} for t in far
        ]
    return found


def matthews(said: np.ndarray, true: np.ndarray) -> float:
    """Matthews correlation of answers and truth, of any number of classes (Gorodkin 2004); 0 where
    one of them never varies.
    """
    n = int(max(said.max(), true.max())) + 1
    one_said, one_true = np.eye(n)[said], np.eye(n)[true]
    both = ((one_said - one_said.mean(0)) * (one_true - one_true.mean(0))).sum()
    spread = one_said.var(0).sum() * one_true.var(0).sum() * len(said) ** 2
    return float(both / spread**0.5) if spread > 0 else 0.0


def area(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """The chance that a positive one has the higher score than a negative one, ties counting half
    (area under the ROC curve); None without one of either kind.
    """
    high, low = scores[positive], np.sort(scores[~positive])
    if not len(high) or not len(low):
        return None
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.mean() / (2 * len(low)))
