"""A model that was trained on problems: what it writes, and the verdict on that."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from physlm.data.fresh import EOS
from physlm.data.igsm.words import ANSWER, RESERVED
from physlm.data.problems import WORLDS, source
from physlm.evaluate.generation import GenerateConfig, Text, generate
from physlm.evaluate.igsm.grade import Verdict, grade
from physlm.evaluate.igsm.reading import Reading, read
from physlm.evaluate.igsm.solve import Solved, mentioned, operations, solve
from physlm.model.storage import load_model
from physlm.model.transformer import Transformer


@dataclass(frozen=True)
class Trained:
    """model and info: as physlm.model.storage has them; source: of the model's world."""

    folder: Path
    model: Transformer
    info: dict[str, Any]
    source: Any

    @property
    def facts(self) -> dict[str, Any]:
        """What a measure repeats of the model in its record; of the world `retry` also which
        mistakes it was trained with.
        """
        config, world = self.model.config, self.source.config
        shape = {key: getattr(config, key) for key in ("n_layers", "n_heads", "d_model", "n_ctx")}
        mistakes = ("kind", "rate", "masked") if self.info["world"] == "retry" else ()
        kept = ("n_params", "seed", "steps", "problems", "tokens", "final_loss_nats")
        return {
            "arch": self.info["arch"],
            "world": self.info["world"],
            "preset": getattr(world, "preset", self.info["world"]),
            "order": world.order,
            "op_max": world.op_max,
            **{key: getattr(world, key) for key in mistakes},
            **shape,
            **{key: self.info[key] for key in kept},
        }


@dataclass(frozen=True)
class Posed:
    """A test problem: as drawn, as read from its own text, and as a model sees it.

    prompt: token ids, EOS before the problem and the mark of the solution last. n_gold: tokens of
    the right solution with its answer and EOS. answered: whether an answer follows the solution.
    """

    problem: Any
    reading: Reading
    solved: Solved
    prompt: np.ndarray
    n_gold: int
    answered: bool

    @property
    def n_tokens(self) -> int:
        """Of problem and right solution."""
        return len(self.prompt) + self.n_gold

    @property
    def n_all(self) -> int:
        """Tokens of a solution that computes all that there is, necessary or not; roughly."""
        op = operations(self.reading, mentioned(self.reading))
        return math.ceil(self.n_gold * op / self.solved.op)


def load_trained(folder: Path) -> Trained:
    """The model of a `problems` job, on the accelerator if there is one.

    ValueError for a model of another step.
    """
    model, info = load_model(folder)
    if info.get("world") not in WORLDS:
        raise ValueError(f"{folder / 'model.json'}: the model was not trained on problems")
    where = torch.accelerator.current_accelerator() or torch.device("cpu")
    return Trained(folder, model.to(where), info, source(info["world"], info["settings"]))


def pose(source: Any, n: int, rng: np.random.Generator, op: int | None, reask: bool) -> list[Posed]:
    """n test problems (of templates that are never trained on); ConfigError if there are none."""
    telling = getattr(source, "language", source)
    found = []
    for problem in source.problems(n, rng, op=op, split="test", reask=reask):
        told, asked = telling.problem_words(problem), telling.question_words(problem)
        # That of the settings, whatever texts of this language mostly have; plans have none.
        modulus = getattr(problem, "modulus", None)
        reading = read("".join(told), "".join(asked), modulus=modulus)
        prompt = np.array([EOS, *source.prompt(problem)], np.int64)
        n_gold = len(source.solution(problem, rng)) + 1
        answered = bool(source.answer_words(problem))
        found.append(Posed(problem, reading, solve(reading), prompt, n_gold, answered))
    return found


def write(trained: Trained, given: Sequence[Posed], batch_size: int, slack: float) -> list[Text]:
    """What the model writes after each prompt, greedily, until EOS.

    At most `slack` times as much as it takes to compute all parameters of any problem in its batch,
    and what the context has room for. ValueError for a problem that does not fit into it with its
    right solution.
    """
    texts: list[Text | None] = [None] * len(given)
    n_ctx = trained.model.config.n_ctx
    for places in _batches(given, batch_size, n_ctx):
        some = [given[i] for i in places]
        longest, most = max(len(t.prompt) for t in some), max(t.n_all for t in some)
        settings = GenerateConfig(
            max_new_tokens=min(int(slack * most), n_ctx - longest),
            stop=(EOS,),
            batch_size=batch_size,
        )
        written = generate(trained.model, [posed.prompt for posed in some], settings)
        for place, text in zip(places, written, strict=True):
            texts[place] = text
    return [text for text in texts if text is not None]


def _batches(given: Sequence[Posed], size: int, n_ctx: int) -> Iterator[list[int]]:
    """Places of problems of like length, so few that each has room for its right solution."""
    batch: list[int] = []
    longest = most = 0
    for place in sorted(range(len(given)), key=lambda i: -len(given[i].prompt)):
        posed = given[place]
        if posed.n_tokens > n_ctx:
            raise ValueError(
                f"a problem has {posed.n_tokens} tokens, must be at most n_ctx={n_ctx}"
            )
        both = max(longest, len(posed.prompt)) + max(most, posed.n_gold)
        if batch and (len(batch) == size or both > n_ctx):
            yield batch
            batch, longest, most = [], 0, 0
        batch.append(place)
        longest, most = max(longest, len(posed.prompt)), max(most, posed.n_gold)
    if batch:
        yield batch


def judge(source: Any, posed: Posed, text: Text) -> Verdict:
    """The strict verdict on what a model wrote; a text without an end is unfinished at best."""
    return judged(source, posed, text.tokens[: len(text.tokens) - text.stopped], text.stopped)


def judged(source: Any, posed: Posed, tokens: np.ndarray, stopped: bool) -> Verdict:
    """The same of token ids without EOS."""
    ids = tokens.tolist()
    answer = None
    if posed.answered:
        cut = ids.index(ANSWER) if ANSWER in ids else len(ids)
        ids, answer = ids[:cut], spelt(source, ids[cut + 1 :])
    verdict = grade(posed.reading, spelt(source, ids), answer, posed.solved)
    if verdict.correct and not stopped:
        n_sentences = verdict.n_steps + verdict.n_backs
        return replace(verdict, correct=False, kind="unfinished", step=n_sentences, name=None)
    return verdict


def spelt(source: Any, ids: Sequence[int]) -> str:
    """The text of token ids; reserved words, which have no space of their own, get one."""
    words = zip(ids, source.decode(ids), strict=True)
    return "".join(f" {word}" if i < len(RESERVED) else word for i, word in words)
