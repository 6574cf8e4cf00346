"""The world `boxes`: what a box weighs that has boxes within it, which have others (Part 2.2).

Box over box (arXiv 2408.16293, figure 1, and its released code): the weight of a box is its own and
that of every box within it, all told. A box that is in several others is counted in each of them.

    a.e = 2 + b.g + c.f . c.f = 7 . b.g = 4 + c.f . ? a.e
    sol c.f : 7 = c.f 7 . b.g : 4 + c.f 7 = b.g 1 . a.e : b.g 1 + c.f 7 = 8 ; 2 + 8 = a.e 0 .

Texts are in the compact language of iGSM (physlm.data.igsm.compact): a box has the name of a
parameter, each letter of which says nothing, and a sentence tells its own weight and its contents.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from physlm.config import require
from physlm.data.igsm.problem import ancestors, random_order
from physlm.data.igsm.split import SplitSource, Texts
from physlm.data.igsm.templates import BINS
from physlm.data.igsm.vocabulary import Vocabulary
from physlm.data.igsm.words import RESERVED

__all__ = ["Boxes", "Config", "Source", "Texts", "most_operations"]

MARKS = (" ?", " =", " :", " ;", " .", " +")
# Names in the order in which settings take them in: whoever reads them as parameters finds that
# each category of four letters is within the one before.
NAMES = tuple(
    f"{owner}.{item}" for pair in (("abcd", "efgh"), ("efgh", "ijkl")) for owner in pair[0]
    for item in pair[1]
)  # fmt: skip
OWN_WEIGHTS = 10
MOST_MODULUS = 1000


@dataclass(frozen=True, kw_only=True)
class Config:
    """n_min to n_max boxes, each with 1 to `most` of the later ones within it, the last with none.

    modulus: of all weights; own ones are from 0 to 9, or to modulus - 1 if that is less. op_max:
    most operations of a solution that is trained on. n_names: names to choose from; problems of
    more operations than op_max have up to so many boxes. order: problem before the question (pq) or
    after it (qp). train_bins: bins out of 23, of the hash of problem and question without weights,
    that are trained on. ConfigError for impossible sizes.
    """

    n_min: int = 3
    n_max: int = 8
    most: int = 3
    op_max: int = 10
    modulus: int = 10
    n_names: int = 12
    order: Literal["pq", "qp"] = "pq"
    train_bins: int = 17

    def __post_init__(self) -> None:
        require(self.n_min >= 2, "n_min", self.n_min, "2 or more")
        ok = self.n_max >= self.n_min
        require(ok, "n_max", self.n_max, f"at least n_min={self.n_min}")
        ok = self.n_max <= self.n_names <= len(NAMES)
        allowed = f"from n_max={self.n_max} to {len(NAMES)}"
        require(ok, "n_names", self.n_names, allowed)
        require(self.most >= 1, "most", self.most, "1 or more")
        most = most_operations(self.n_max, self.most)
        allowed = f"from 2 to {most}, those of {self.n_max} boxes"
        require(2 <= self.op_max <= most, "op_max", self.op_max, allowed)
        ok = 2 <= self.modulus <= MOST_MODULUS
        require(ok, "modulus", self.modulus, f"between 2 and {MOST_MODULUS}")
        ok = 1 <= self.train_bins < BINS
        require(ok, "train_bins", self.train_bins, f"between 1 and {BINS - 1}")


@dataclass(frozen=True)
class Boxes:
    """Boxes and a question. Boxes are numbers from 0, each later than those that it is within."""

    names: tuple[str, ...]
    own: tuple[int, ...]  # weights without contents
    contents: tuple[tuple[int, ...], ...]  # directly within each box, in the order of its sentence
    written: tuple[int, ...]  # the order of the sentences
    solution: tuple[int, ...]  # all within the queried box in a random topological order, then it
    modulus: int

    @property
    def query(self) -> int:
        """The box that is asked for."""
        return self.solution[-1]

    @property
    def answer(self) -> int:
        """What it weighs."""
        return self.values[self.query]

    @property
    def needs(self) -> dict[int, tuple[int, ...]]:
        """The boxes directly within each."""
        return dict(enumerate(self.contents))

    @cached_property
    def values(self) -> tuple[int, ...]:
        """What every box weighs with all that is within it."""
        found = list(self.own)
        for box in reversed(range(len(found))):
            found[box] = (found[box] + sum(found[i] for i in self.contents[box])) % self.modulus
        return tuple(found)

    @cached_property
    def op(self) -> int:
        """Binary operations of the solution: as many for a box as are within it, at least 1."""
        return sum(max(1, len(self.contents[box])) for box in self.solution)


class Source(SplitSource[Boxes]):
    """Problems of the settings, their texts and their split (see SplitSource)."""

    def __init__(self, config: Config) -> None:
        self.config = config
        words = [f" {word}" for word in (*range(config.modulus), *NAMES[: config.n_names])]
        vocabulary = Vocabulary(list(dict.fromkeys([*RESERVED, *MARKS, *words])))
        super().__init__(vocabulary, config.order, config.train_bins)

    def draw_any(self, rng: np.random.Generator, op: int | None, reask: bool) -> Boxes | None:
        """See SplitSource; None if the boxes have another op than the one that is wanted.

        Boxes of more operations than op_max are up to n_names. ConfigError for an op that no boxes
        have.
        """
        config = self.config
        n_max = config.n_max
        if op is not None:
            n_max = config.n_max if op <= config.op_max else config.n_names
            most = most_operations(config.n_names, config.most)
            require(2 <= op <= most, "op", op, f"from 2 to {most}, those of {config.n_names} boxes")
        rand = random.Random(int(rng.integers(2**63)))
        boxes = draw(config, rand, n_max)
        if boxes.op > config.op_max if op is None else boxes.op != op:
            return None
        if reask:
            query = rand.randrange(len(boxes.names))
            boxes = replace(boxes, solution=_solution(boxes.contents, query, rand))
        return boxes

    def template(self, problem: Boxes) -> str:
        """Sentences and question as they are written, boxes numbered by order of appearance, every
        weight 0.
        """
        numbers: dict[int, int] = {}

        def number(box: int) -> str:
            return str(numbers.setdefault(box, len(numbers)))

        sentences = [
            f"{number(box)} = {' + '.join(['0', *map(number, problem.contents[box])])} . "
            for box in problem.written
        ]
        return "".join(sentences) + f"? {number(problem.query)}"

    def name_words(self, problem: Boxes, parameter: int) -> list[str]:
        """The name of a box."""
        return [f" {problem.names[parameter]}"]

    def problem_words(self, problem: Boxes) -> list[str]:
        """A sentence for each box."""
        words = []
        for box in problem.written:
            words += [f" {problem.names[box]}", " =", f" {problem.own[box]}"]
            for inner in problem.contents[box]:
                words += [" +", f" {problem.names[inner]}"]
            words.append(" .")
        return words

    def question_words(self, problem: Boxes) -> list[str]:
        """The query."""
        return [" ?", f" {problem.names[problem.query]}"]

    def solution_words(self, problem: Boxes, rng: np.random.Generator) -> list[list[str]]:
        """For each box the sum of its contents, from the left, and its own weight; nothing is
        drawn.
        """
        del rng
        return [_step(problem, box) for box in problem.solution]

    def answer_words(self, problem: Boxes) -> list[str]:
        """None: the last step tells the answer."""
        del problem
        return []


def _step(problem: Boxes, box: int) -> list[str]:
    def weighed(one: int) -> list[str]:
        return [f" {problem.names[one]}", f" {problem.values[one]}"]

    words = [f" {problem.names[box]}", " :"]
    contents = problem.contents[box]
    left = weighed(contents[0]) if contents else []
    total = problem.values[contents[0]] if contents else 0
    for inner in contents[1:]:
        total = (total + problem.values[inner]) % problem.modulus
        words += [*left, " +", *weighed(inner), " =", f" {total}", " ;"]
        left = [f" {total}"]
    words.append(f" {problem.own[box]}")
    if contents:
        words += [" +", *left]
    return [*words, " =", *weighed(box), " ."]


def most_operations(n: int, most: int) -> int:
    """Of n boxes with at most so many in each."""
    return 1 + sum(min(most, later) for later in range(1, n))


def draw(config: Config, rand: random.Random, n_max: int) -> Boxes:
    """n_min to n_max boxes, any number being as likely, and the question for box 0.

    Every box but the last contains 1 to `most` of the later ones (as many as there are), any number
    being as likely, and then any of them.
    """
    n = rand.randint(config.n_min, n_max)
    contents = [
        tuple(rand.sample(range(box + 1, n), rand.randint(1, min(config.most, n - 1 - box))))
        for box in range(n - 1)
    ]
    contents.append(())
    return Boxes(
        names=tuple(rand.sample(NAMES[: config.n_names], n)),
        own=tuple(rand.choices(range(min(OWN_WEIGHTS, config.modulus)), k=n)),
        contents=tuple(contents),
        written=tuple(rand.sample(range(n), n)),
        solution=_solution(contents, 0, rand),
        modulus=config.modulus,
    )


def _solution(
    contents: Sequence[tuple[int, ...]], query: int, rand: random.Random
) -> tuple[int, ...]:
    """The query and all within it: each time any box whose contents are all out."""
    # Numbers of boxes stand for the parameters of iGSM.
    needs: Any = dict(enumerate(contents))
    asked: Any = (query,)
    order: Any = random_order(needs, ancestors(needs, asked), rand)
    return order
