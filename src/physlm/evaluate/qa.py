"""How well a model answers questions about people, and how well one would without knowing them.

Allen-Zhu and Li, Part 3.1 Section 2.2: an answer is right if what the model writes after "Answer:"
is the whole value, token for token. They write with 4 beams and find that greedy is about the same.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from physlm.config import require
from physlm.data.qa import Questions, Split
from physlm.evaluate.generation import GenerateConfig, generate

if TYPE_CHECKING:
    from physlm.model.transformer import Transformer


@dataclass(frozen=True)
class ExamConfig:
    """How to examine: prompts that are read at once, beams (1: greedy), precision of the passes."""

    batch_size: int = 64
    n_beams: int = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"

    def __post_init__(self) -> None:
        for key in ("batch_size", "n_beams"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")


@dataclass(frozen=True)
class Counts:
    """Of `n` questions about one attribute: answers right in whole, and in their first token."""

    n: int
    exact: int
    first_token: int


def exam(
    model: "Transformer", questions: Questions, people: np.ndarray, config: ExamConfig
) -> dict[str, Counts]:
    """Ask every question about `people` [n] (each as a prompt of its own); counts by attribute.

    The EOS after an answer counts as a part of it, so that a value with something after it is
    wrong. ValueError for a model that is not causal, has too few rows for the questions, or too
    short a context, and if there are no people.
    """
    if len(people) == 0:
        raise ValueError("people: none, must be at least one to be asked about")
    counts = {}
    for a, attribute in enumerate(questions.attributes):
        asked = questions.ask(people, np.full(len(people), a))
        answers = [np.append(asked.answer(i), questions.eos) for i in range(len(asked))]
        written = GenerateConfig(
            max_new_tokens=max(len(answer) for answer in answers),
            stop=(questions.eos,),
            batch_size=config.batch_size,
            n_beams=config.n_beams,
            precision=config.precision,
        )
        texts = generate(model, [asked.prompt(i) for i in range(len(asked))], written)
        counts[attribute] = compare([text.tokens for text in texts], answers)
    return counts


def compare(texts: Sequence[np.ndarray], answers: Sequence[np.ndarray]) -> Counts:
    """Counts of texts that are the answer of the same place, whole and without anything after it."""
    pairs = list(zip(texts, answers, strict=True))
    return Counts(
        n=len(pairs),
        exact=sum(np.array_equal(text, answer) for text, answer in pairs),
        first_token=sum(np.array_equal(text[:1], answer[:1]) for text, answer in pairs),
    )


def majority(questions: Questions, halves: Split) -> dict[str, Counts]:
    """Counts of giving everybody in the test half the commonest answer of the training half.

    The commonest first token is another guess, found apart from the whole answer. Of equally common
    ones the guess is that of the person who comes first.
    """
    counts = {}
    for a, attribute in enumerate(questions.attributes):
        learned, true = (_answers(questions, half, a) for half in (halves.train, halves.test))
        whole = Counter(learned).most_common(1)[0][0]
        first = Counter(answer[0] for answer in learned).most_common(1)[0][0]
        exact = sum(answer == whole for answer in true)
        counts[attribute] = Counts(len(true), exact, sum(answer[0] == first for answer in true))
    return counts


def chance(questions: Questions) -> dict[str, float]:
    """Share of whole answers that a uniform guess among the possible values gets, by attribute."""
    return {attribute: 1 / n for attribute, n in questions.n_values.items()}


def summary(counts: dict[str, Counts]) -> dict[str, Any]:
    """The counts as plain values with their shares, and the means of these over the attributes."""
    by_attribute = {
        attribute: {
            **asdict(count),
            "accuracy": count.exact / count.n,
            "first_token_accuracy": count.first_token / count.n,
        }
        for attribute, count in counts.items()
    }
    return {
        "accuracy": _mean([row["accuracy"] for row in by_attribute.values()]),
        "first_token_accuracy": _mean([r["first_token_accuracy"] for r in by_attribute.values()]),
        "by_attribute": by_attribute,
    }


def _answers(questions: Questions, people: np.ndarray, attribute: int) -> list[tuple[int, ...]]:
    asked = questions.ask(people, np.full(len(people), attribute))
    return [tuple(asked.answer(i).tolist()) for i in range(len(asked))]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
