"""What V-probes are asked, and the rows that they read (Part 2.1, section 4.1).

A question cuts the text of a problem at a place and goes on with `start name(A) end`, or with
`start name(A) mid name(B) end`. Questions about one problem share a row: its text once, and behind
it the questions, each of which sees the text up to its own place and itself, under the positions
that it would have alone. So the numbers are those of a row for each question, for less work.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from physlm.data.igsm.problem import Parameter, Problem, ancestors
from physlm.data.igsm.words import END, EOS, MID, START
from physlm.data.problems import IGNORED
from physlm.probe.v_config import Population, Task

# A token of the text belongs to group TEXT, of question q to group q + 1.
PADDING, TEXT = -1, 0


class Query(NamedTuple):
    """A question about parameter a (with `dep`: does it depend on b), and the true answer.

    place: tokens of the text before it, EOS included.
    """

    a: Parameter
    b: Parameter | None
    place: int
    label: int


@dataclass(frozen=True)
class Asked:
    """The questions about one problem: its text as token ids from EOS on, and their names' ids."""

    problem: Problem
    text: list[int]
    queries: list[Query]
    suffixes: list[list[int]]

    @property
    def n_positions(self) -> int:
        """The longest context that a question has."""
        lengths = map(len, self.suffixes)
        return max(q.place + n for q, n in zip(self.queries, lengths, strict=True))


class Knowledge:
    """What is true of a problem when the parameters `computed` have been computed."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.needs = problem, problem.needs
        self.necessary = frozenset(problem.solution)
        self._ancestors: dict[Parameter, set[Parameter]] = {}

    def label(
        self, task: Task, a: Parameter, b: Parameter | None, computed: Collection[Parameter]
    ) -> int:
        """The right answer: 0 or 1, or of `value` the value, the modulus where a is not known.

        What a parameter needs that does not exist is nothing, as in the released code.
        """
        if task == "nece":
            return int(a in self.necessary)
        if task == "dep":
            return int(b in self._of(a))
        if task == "value":
            return self.problem.values[a] if a in computed else self.problem.modulus
        if task == "known":
            return int(a in computed)
        ready = a not in computed and all(part in computed for part in self.needs.get(a, ()))
        return int(ready and (task == "can_next" or a in self.necessary))

    def _of(self, a: Parameter) -> set[Parameter]:
        """All that a needs, directly or not."""
        if a not in self._ancestors:
            self._ancestors[a] = ancestors(self.needs, self.needs.get(a, ()))
        return self._ancestors[a]

    @cached_property
    def distances(self) -> dict[Parameter, int]:
        """Of every necessary parameter, the edges of the shortest way from the query to it."""
        found, front = {self.problem.query: 0}, [self.problem.query]
        for a in front:
            for part in self.needs[a]:
                if part not in found:
                    found[part] = found[a] + 1
                    front.append(part)
        return found


def n_classes(task: Task, modulus: int) -> int:
    """How many answers a task has."""
    return modulus + 1 if task == "value" else 2


def population(problem: Problem, kind: Population) -> list[Parameter]:
    """The parameters that may be asked about, in a fixed order."""
    if kind == "graph":
        return sorted(problem.needs)
    sizes = [len(names) for names in problem.names]
    found = []
    for layer, n in enumerate(sizes[:-1]):
        for owner in range(n):
            items = range(sizes[layer + 1])
            found += [Parameter(layer, owner, layer + 1, item) for item in items]
            below = range(layer + 1, len(sizes))
            found += [Parameter(layer, owner, category, -1) for category in below]
    return found


def ask(
    source: Any, problem: Problem, task: Task, kind: Population, n: int, rng: np.random.Generator
) -> Asked:
    """Up to n questions of a task about a problem, uniform without replacement among all that can
    be asked: a parameter, another one with `dep`, and with the tasks about the solution a place in
    it, the start or the end of any of its steps.
    """
    text, places = text_of(source, problem, task, rng)
    parameters, knowledge = population(problem, kind), Knowledge(problem)
    n_other = len(parameters) - 1 if task == "dep" else 1
    total = len(places) * len(parameters) * n_other
    queries = []
    for number in rng.choice(total, min(n, total), replace=False).tolist():
        k, rest = divmod(number, len(parameters) * n_other)
        i, j = divmod(rest, n_other)
        a = parameters[i]
        b = parameters[j + (j >= i)] if task == "dep" else None
        label = knowledge.label(task, a, b, problem.solution[:k])
        queries.append(Query(a, b, places[k], label))
    return asking(source, problem, text, queries)


def asking(source: Any, problem: Problem, text: list[int], queries: list[Query]) -> Asked:
    """These questions about a text of the problem."""
    return Asked(problem, text, queries, [suffix(source, problem, query) for query in queries])


def text_of(
    source: Any, problem: Problem, task: Task, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """The text of a problem, from EOS to the last place where the task may cut it; and the places.

    Of the tasks about the solution place k is the one behind its first k steps. `nece` is asked
    behind problem and question, `dep` before the question where that is last.
    """
    told, asked = source.problem_words(problem), source.question_words(problem)
    before = asked + told if source.order == "qp" else told
    if task == "dep" or (task == "nece" and source.order == "qp"):
        text = [EOS, *source.encode(before)]
        return text, [len(text)]
    if task == "nece":
        text = [EOS, *source.encode(told + asked)]
        return text, [len(text)]
    text = [EOS, *source.prompt(problem)]
    places = [len(text)]
    for step in source.solution_words(problem, rng):
        text += source.encode(step)
        places.append(len(text))
    return text, places


def suffix(source: Any, problem: Problem, query: Query) -> list[int]:
    """The token ids of a question."""
    words = [START, *source.encode(source.name_words(problem, query.a))]
    if query.b is not None:
        words += [MID, *source.encode(source.name_words(problem, query.b))]
    return [*words, END]


def rows(examples: Sequence[Asked]) -> np.ndarray:
    """A row for each problem, int64 [B, 5, T].

    Of every token: itself; the label of its question if it is that one's `end`, IGNORED otherwise;
    its position; its group; and how many tokens of the text it sees. Labels come in the order of
    problems and questions.
    """
    lengths = [max(q.place for q in e.queries) + sum(map(len, e.suffixes)) for e in examples]
    batch = np.zeros((len(examples), 5, max(lengths)), np.int64)
    batch[:, 1], batch[:, 3] = IGNORED, PADDING
    for example, row in zip(examples, batch, strict=True):
        end = max(query.place for query in example.queries)
        place = np.arange(end)
        row[0, :end] = example.text[:end]
        row[2, :end], row[3, :end], row[4, :end] = place, TEXT, place + 1
        for group, (query, ids) in enumerate(
            zip(example.queries, example.suffixes, strict=True), TEXT + 1
        ):
            part = slice(end, end + len(ids))
            row[0, part], row[3, part], row[4, part] = ids, group, query.place
            row[2, part] = query.place + np.arange(len(ids))
            end = part.stop
            row[1, end - 1] = query.label
    return batch


def by_name(source: Any, problem: Problem) -> Mapping[str, Parameter]:
    """The parameters of a problem by their names as texts have them."""
    return {"".join(source.name_words(problem, a)).strip(): a for a in problem.needs}
