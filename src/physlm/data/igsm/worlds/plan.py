"""The world `plan`: which vertices of a random graph are needed for one, in an order that works.

There is no arithmetic (Brevo, Part 4.1 Section 4): a text tells the edges of a graph without
cycles, asks for a vertex, and answers with its ancestors and itself, each after those it needs.

    a > c . b > c . c > d . ? c sol b a c
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from physlm.config import ConfigError, require
from physlm.data.igsm.problem import ancestors, random_order
from physlm.data.igsm.split import MOST_DRAWS, SplitSource, Texts
from physlm.data.igsm.templates import BINS
from physlm.data.igsm.vocabulary import Vocabulary
from physlm.data.igsm.words import RESERVED

__all__ = ["Config", "Plan", "Source", "Texts"]

MARKS = (" >", " .", " ?")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Graphs of n_min to n_max vertices, with names out of n_names (None: n_max).

    parents: most edges into a vertex. children: most edges out of one; a vertex that has them all
    is nobody's parent any more. query: the vertex that is asked for, the last one to be made (the
    released code) or any of the last quarter (the paper). mix: op of problems to train on; drawn,
    that of any graph (as published; few graphs need all their vertices), or uniform, before the
    split any from 2 to n_max with the same chance. order: edges before the question (pq) or after
    it (qp). train_bins: bins out of 23, of the hash of edges and question,
    that are trained on. ConfigError for impossible sizes.
    """

    n_min: int = 3
    n_max: int = 10
    parents: int = 4
    children: int = 4
    n_names: int | None = None
    query: Literal["last", "late"] = "last"
    mix: Literal["drawn", "uniform"] = "drawn"
    order: Literal["pq", "qp"] = "pq"
    train_bins: int = 17

    def __post_init__(self) -> None:
        require(self.n_min >= 2, "n_min", self.n_min, "2 or more")
        ok = self.n_max >= self.n_min
        require(ok, "n_max", self.n_max, f"at least n_min={self.n_min}")
        for key in ("parents", "children"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "1 or more")
        ok = self.n_names is None or self.n_names >= self.n_max
        require(ok, "n_names", self.n_names, f"at least n_max={self.n_max}, or null for as many")
        ok = 1 <= self.train_bins < BINS
        require(ok, "train_bins", self.train_bins, f"between 1 and {BINS - 1}")

    @property
    def names(self) -> int:
        """How many names there are."""
        return self.n_max if self.n_names is None else self.n_names

    @property
    def op_max(self) -> int:
        """The most vertices of a solution that is trained on: all of a graph."""
        return self.n_max


@dataclass(frozen=True)
class Plan:
    """A graph and a question. Vertices are numbers from 0, in the order in which they were made."""

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]  # (needed, needing), as written
    solution: tuple[int, ...]  # ancestors of the query in a random topological order, then itself

    @property
    def query(self) -> int:
        """The vertex that is asked for."""
        return self.solution[-1]

    @property
    def op(self) -> int:
        """Vertices of the solution."""
        return len(self.solution)

    @property
    def needs(self) -> dict[int, tuple[int, ...]]:
        """The parents of each vertex."""
        return _needs(self.edges, len(self.names))


class Source(SplitSource[Plan]):
    """Problems of the settings, their texts and their split (see SplitSource)."""

    def __init__(self, config: Config) -> None:
        self.config = config
        names = [f" v{i}" for i in range(config.names)]
        vocabulary = Vocabulary([*RESERVED, *MARKS, *names])
        super().__init__(vocabulary, config.order, config.train_bins)

    def draw_any(self, rng: np.random.Generator, op: int | None, reask: bool) -> Plan:
        """See SplitSource.

        An op above n_max is that of graphs of up to n_names vertices. ConfigError for an op that
        no graph has.
        """
        config = self.config
        most = config.n_max
        if op is not None:
            allowed = f"from 2 to {config.names}, the names of vertices"
            require(2 <= op <= config.names, "op", op, allowed)
            most = config.n_max if op <= config.n_max else config.names
        rand = random.Random(int(rng.integers(2**63)))
        if op is None and config.mix == "uniform":
            op = rand.randint(2, most)
        plan = draw(config, rand, most, op)
        if reask:
            # A vertex without edges is in no text.
            named = sorted({vertex for edge in plan.edges for vertex in edge})
            plan = replace(plan, solution=_solution(plan.needs, rand.choice(named), rand))
        return plan

    def template(self, problem: Plan) -> str:
        """Edges and question as they are written, vertices numbered by order of appearance."""
        numbers: dict[int, int] = {}
        shown = [
            numbers.setdefault(vertex, len(numbers))
            for vertex in [*(end for edge in problem.edges for end in edge), problem.query]
        ]
        return " ".join(map(str, shown))

    def name_words(self, problem: Plan, parameter: int) -> list[str]:
        """The name of a vertex."""
        return [f" {problem.names[parameter]}"]

    def problem_words(self, problem: Plan) -> list[str]:
        """The edges."""
        names = problem.names
        words = []
        for parent, child in problem.edges:
            words += [f" {names[parent]}", " >", f" {names[child]}", " ."]
        return words

    def question_words(self, problem: Plan) -> list[str]:
        """The query."""
        return [" ?", f" {problem.names[problem.query]}"]

    def solution_words(self, problem: Plan, rng: np.random.Generator) -> list[list[str]]:
        """A vertex at each step; nothing is drawn."""
        del rng
        return [[f" {problem.names[vertex]}"] for vertex in problem.solution]

    def answer_words(self, problem: Plan) -> list[str]:
        """None: the solution is the answer."""
        del problem
        return []


def draw(config: Config, rand: random.Random, n_max: int, op: int | None = None) -> Plan:
    """A random graph: some vertices without parents, then each later one with some of the earlier.

    The number of vertices n is from n_min to n_max, with chances as 1 / (n + sqrt(n_max)). 1 to
    floor((n - 1) / 4) + 1 vertices have no parents. A later one has 1 to `parents` of the earlier
    ones that have less than `children` children. The edges are drawn again if none is left, and all
    is drawn again until the query needs op vertices, itself among them; ConfigError if none does.
    """
    sizes = range(max(config.n_min, op or 0), n_max + 1)
    weights = [1 / (n + n_max**0.5) for n in sizes]
    for _ in range(MOST_DRAWS):
        (n,) = rand.choices(sizes, weights)
        edges = None
        while edges is None:
            edges = _edges(config, n, rand)
        query = n - 1 if config.query == "last" else rand.randrange(n - max(n // 4, 1), n)
        needs = _needs(edges, n)
        if op is None or len(_needed(needs, query)) == op:
            rand.shuffle(edges)
            names = tuple(f"v{i}" for i in rand.sample(range(config.names), n))
            return Plan(names, tuple(edges), _solution(needs, query, rand))
    raise ConfigError(f"op={op}: must be one that graphs have (none of {MOST_DRAWS} drawn)")


def _edges(config: Config, n: int, rand: random.Random) -> list[tuple[int, int]] | None:
    leaves = rand.randint(1, (n - 1) // 4 + 1)
    children = [0] * n
    edges = []
    for child in range(leaves, n):
        free = [v for v in range(child) if children[v] < config.children]
        if not free:
            return None
        for parent in rand.sample(free, rand.randint(1, min(config.parents, len(free)))):
            children[parent] += 1
            edges.append((parent, child))
    return edges


def _needs(edges: Sequence[tuple[int, int]], n: int) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {vertex: [] for vertex in range(n)}
    for parent, child in edges:
        found[child].append(parent)
    return {vertex: tuple(parents) for vertex, parents in found.items()}


# Vertices stand for the parameters of iGSM.
def _needed(needs: Any, query: Any) -> set[Any]:
    return ancestors(needs, [query])


def _solution(needs: Any, query: int, rand: random.Random) -> tuple[int, ...]:
    order: Any = random_order(needs, _needed(needs, query), rand)
    return order
