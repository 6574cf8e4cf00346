"""How well a model answers questions about people, and how well one would without knowing them.

Allen-Zhu and Li, Part 3.1 Section 2.2: an answer is right if what the model writes after "Answer:"
is the whole value, token for token. They write with 4 beams and find that greedy is about the same.
A bidirectional model fills masks instead, one for each token of the answer (Part 3.1, BERT
experiments).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from physlm.config import require
from physlm.data.corpus import Corpus
from physlm.data.qa import Asked, Questions, Split, about, split_of
from physlm.data.qa_stream import IGNORED, masked_rows
from physlm.evaluate.generation import GenerateConfig, generate

if TYPE_CHECKING:
    from physlm.model.transformer import Transformer


@dataclass(frozen=True)
class ExamConfig:
    """Settings of the `exam` step: processor threads, questions that are read at once, precision.

    n_beams: of a causal model (1: greedy); a bidirectional one has no use for more than 1.
    """

    threads: int = 1
    batch_size: int = 64
    n_beams: int = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"

    def __post_init__(self) -> None:
        for key in ("threads", "batch_size", "n_beams"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")


@dataclass(frozen=True)
class Counts:
    """Of `n` questions about one attribute: answers right in whole, and in their first token."""

    n: int
    exact: int
    first_token: int


def examine(model_folder: Path, corpus: Corpus, config: ExamConfig) -> dict[str, Any]:
    """Everything exam.json says about the model in `model_folder`, trained on `corpus`.

    ValueError if the model was trained on another corpus, ConfigError if the corpus has no
    questions.
    """
    import torch

    from physlm.model.storage import load_model

    torch.set_num_threads(config.threads)
    questions, halves = about(corpus), split_of(corpus)
    model, info = load_model(model_folder, "cuda" if torch.cuda.is_available() else "cpu")
    if info["corpus_digest"] != corpus.digest:
        raise ValueError(
            f"{model_folder}: was trained on the corpus {info['corpus_digest'][:12]}, "
            f"but {corpus.folder} is {corpus.digest[:12]}"
        )
    settings = corpus.manifest["config"]
    variant = settings["variant"]
    return {
        "world": corpus.manifest["world"],
        "variant": variant if isinstance(variant, str) else json.dumps(variant),
        "celebrities": settings["celebrities"],
        "tokenizer": settings["tokenizer"],
        "arch": info["arch"],
        "causal": model.config.causal,
        "n_layers": model.config.n_layers,
        "d_model": model.config.d_model,
        "n_params": info["n_params"],
        "n_people": corpus.n_people,
        "seed": info["seed"],
        "train": summary(exam(model, questions, halves.train, config)),
        "test": summary(exam(model, questions, halves.test, config)),
        "majority": summary(majority(questions, halves)),
        "chance": chance(questions),
    }


def exam(
    model: "Transformer", questions: Questions, people: np.ndarray, config: ExamConfig
) -> dict[str, Counts]:
    """Ask every question about `people` [n] (each as a prompt of its own); counts by attribute.

    A causal model writes; the EOS after an answer counts as a part of it, so that a value with
    something after it is wrong. A bidirectional one is told how many tokens the answer has.
    ValueError for a model that has too few rows for the questions or too short a context, if there
    are no people, and for beams of a bidirectional model.
    """
    if len(people) == 0:
        raise ValueError("people: none, must be at least one to be asked about")
    answered = written if model.config.causal else filled
    counts = {}
    for a, attribute in enumerate(questions.attributes):
        asked = questions.ask(people, np.full(len(people), a))
        counts[attribute] = answered(model, asked, questions, config)
    return counts


def written(model: "Transformer", asked: Asked, questions: Questions, config: ExamConfig) -> Counts:
    """Counts of what a causal model writes after the questions."""
    answers = [np.append(asked.answer(i), questions.eos) for i in range(len(asked))]
    settings = GenerateConfig(
        max_new_tokens=max(len(answer) for answer in answers),
        stop=(questions.eos,),
        batch_size=config.batch_size,
        n_beams=config.n_beams,
        precision=config.precision,
    )
    texts = generate(model, [asked.prompt(i) for i in range(len(asked))], settings)
    return compare([text.tokens for text in texts], answers)


def filled(model: "Transformer", asked: Asked, questions: Questions, config: ExamConfig) -> Counts:
    """Counts of what a bidirectional model takes for the masked tokens of the answers.

    The most likely token at every mask at once; the mask token has the first row after the
    vocabulary (physlm.train.masking).
    """
    mask, n_ctx = len(questions.vocabulary), int(questions.lengths.max())
    _check_masked(model, mask, n_ctx, config)
    rows = masked_rows(asked, questions.eos, mask, n_ctx)
    wrong, first = np.zeros(len(asked), np.int64), np.zeros(len(asked), bool)
    for start in range(0, len(rows), config.batch_size):
        batch = slice(start, start + config.batch_size)
        inputs, labels, visible = (rows[batch, part] for part in range(3))
        guesses = _fill(model, inputs, visible.astype(bool), config.precision)
        hidden, hits = labels != IGNORED, guesses == labels
        wrong[batch] = (hidden & ~hits).sum(axis=1)
        places = hidden.argmax(axis=1)
        first[batch] = hits[np.arange(len(hits)), places]
    return Counts(n=len(rows), exact=int((wrong == 0).sum()), first_token=int(first.sum()))


def _fill(
    model: "Transformer", tokens: np.ndarray, visible: np.ndarray, precision: str
) -> np.ndarray:
    """The most likely token at every place [B, T]."""
    import torch

    from physlm.evaluate.decoding import evaluating

    device = next(model.parameters()).device
    batch, real = (torch.from_numpy(part).to(device) for part in (tokens, visible))
    with evaluating(model, precision, one_row=False):
        return model(batch, mask=real).argmax(-1).cpu().numpy()


def _check_masked(model: "Transformer", mask: int, n_ctx: int, config: ExamConfig) -> None:
    settings = model.config
    if config.n_beams > 1:
        raise ValueError(f"n_beams={config.n_beams}: must be 1 for a bidirectional model")
    if settings.d_vocab <= mask:
        raise ValueError(f"d_vocab={settings.d_vocab}: must be above {mask}, the mask token")
    if settings.n_ctx < n_ctx:
        raise ValueError(f"n_ctx={settings.n_ctx}: must be at least {n_ctx} for the questions")


def compare(texts: Sequence[np.ndarray], answers: Sequence[np.ndarray]) -> Counts:
    """Counts of texts that are the answer in the same place, whole and with nothing after it."""
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
