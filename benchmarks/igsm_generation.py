"""Speed of drawing iGSM problems against a plain implementation of the published scheme.

The plain one has the manner of the released code: a networkx graph that is copied for every
candidate, everything built before anything is refused, the aim of an attempt drawn anew each time
and the problem refused if it has not the wanted operations. Both run in turns in one process with
one thread, timed in CPU seconds. A ratio is their seconds per problem to ours in the same turn; the
table gives its median and range over the turns.

    python benchmarks/igsm_generation.py

Both sides must have the same mean number of edges and of parameters of the solution, within 4
standard errors.
"""

import argparse
import math
import platform
import random
import statistics
import time

import networkx as nx
import numpy as np

from physlm.data.igsm.config import Config
from physlm.data.igsm.draw import draw
from physlm.data.igsm.kernels.attempts import MAX_GRAPHS
from physlm.random import generator

CELLS = (("med", None), ("med", 15), ("med", 23), ("hard", None), ("hard", 28))
N_OURS, N_PLAIN = 1000, 20

RNG = (-1, 0, 0, 0)
Node = tuple[int, int, int, int]


class Plain:
    """Problems as graphs: ((1 for a total, layer, owner, layer or item below), ...)."""

    def __init__(self, config: Config, seed: int) -> None:
        self.config = config
        self.random = random.Random(seed)

    def draw(self, op: int | None) -> tuple[int, int]:
        """Edges of the structure and parameters of the solution, once a problem has these
        operations.
        """
        draw, most = self.random.randint, self.config.op_max
        wanted = op or min(draw(1, most), draw(1, most))
        while True:
            aim = op or min(draw(1, most), draw(1, most))
            built = self._build(aim)
            if built is not None and built[0] == wanted:
                return built[1:]

    def _build(self, aim: int) -> tuple[int, int, int] | None:
        draw = self.random.randint
        n = max(draw(1, aim), draw(1, aim))
        m = draw(n, aim)
        sizes = self._sizes(aim)
        order = None
        for _ in range(MAX_GRAPHS):
            self.structure = self._structure(*sizes)
            order = self._order(n, m)
            if order is not None:
                break
        if order is None or not self._complete(order, aim):
            return None
        op = sum(max(1, self.graph.in_degree(a) - 1) for a in order)
        self._unnecessary()
        assert nx.is_directed_acyclic_graph(self.graph)
        return op, self.structure.number_of_edges(), len(order)

    def _choose(self, choices: tuple[int, ...], aim: int) -> int:
        r = (aim - 1) / (self.config.ip_max - 1)
        weights = [math.exp(-((r - a) ** 2)) for a in np.linspace(0.2, 0.8, len(choices))]
        return int(self.random.choices(choices, weights)[0])

    def _sizes(self, aim: int) -> tuple[int, int, int, int]:
        d = self._choose(self.config.layers, aim)
        items = [self._choose(self.config.items, aim) for _ in range(2)]
        low = (d - 1) * min(items)
        edges = [self.random.randint(low, self.config.ip_max) for _ in range(2)]
        return min(*edges, (d - 1) * max(items) ** 2), d, min(items), max(items)

    def _structure(self, e: int, d: int, least: int, most: int) -> nx.DiGraph:
        rand = self.random
        sizes, p = [least] * d, rand.random()
        while True:
            room = [i for i in range(d) if sizes[i] < most]
            enough = sum(sizes[i] * sizes[i + 1] for i in range(d - 1)) >= e
            if enough and (sum(sizes[1:]) == e or rand.random() >= p or not room):
                break
            sizes[rand.choice(room)] += 1
        graph = nx.DiGraph()
        graph.add_nodes_from((i, k) for i in range(d) for k in range(sizes[i]))
        for i in range(1, d):
            for k in range(sizes[i]):
                graph.add_edge((i - 1, rand.randrange(sizes[i - 1])), (i, k))
        layers = [[(i, k) for k in range(size)] for i, size in enumerate(sizes)]
        while graph.number_of_edges() < e:
            pairs = [(u, v) for i in range(d - 1) for u in layers[i] for v in layers[i + 1]]
            graph.add_edge(*rand.choice([pair for pair in pairs if not graph.has_edge(*pair)]))
        self.sizes = sizes
        return graph

    def _parts(self, a: Node) -> list[Node]:
        _, i, j, k = a
        found: list[Node] = []
        for _, c in sorted(self.structure.successors((i, j))):
            found.append((0, i, j, c))
            if k > i + 1:
                found.append((1, i + 1, c, k))
        return found

    def _add(self, graph: nx.DiGraph, a: Node) -> None:
        if a in graph:
            return
        graph.add_node(a)
        if a[0] == 1:
            for b in self._parts(a):
                self._add(graph, b)
                graph.add_edge(b, a)

    def _order(self, n: int, m: int) -> list[Node] | None:
        rand, sizes = self.random, self.sizes
        self.totals = [
            (1, i, j, k)
            for i in range(len(sizes))
            for j in range(sizes[i])
            for k in range(i + 1, len(sizes))
        ]
        self.counts = sorted((0, u[0], u[1], v[1]) for u, v in self.structure.edges)
        graph, added = nx.DiGraph(), True
        while added:
            added = False
            for level in range(len(sizes) - 1, 0, -1):
                left = [a for a in self.totals if a[3] - a[1] == level and a not in graph]
                if left:
                    grown = graph.copy()
                    self._add(grown, rand.choice(left))
                    if operations(grown) <= n:
                        graph, added = grown, True
                        break
        left = [a for a in self.counts if a not in graph]
        graph.add_nodes_from(rand.sample(left, min(m - operations(graph), len(left))))
        self.graph = graph
        order: list[Node] = []
        p_extra, strength = rand.random(), abs(rand.gauss(0, 1))

        def needed() -> set[Node]:
            return {a for b in order for a in graph.predecessors(b)} - set(order)

        def free() -> set[Node]:
            return {a for a in graph if a not in order and set(graph.successors(a)) <= set(order)}

        def biased(pool: set[Node]) -> Node:
            listed, wanted = sorted(pool), needed()
            weights = [math.exp(strength * ((a[0] == 1) + (a in wanted))) for a in listed]
            return rand.choices(listed, weights)[0]

        a = rand.choice(sorted(free()))
        while True:
            order.insert(0, a)
            if len(order) == len(graph):
                return order
            if not needed() & free():
                if a[0] == 1:
                    return None
                graph.add_edge(biased(free()), a)
            elif a[0] == 0 and rand.random() < p_extra:
                graph.add_edge(biased(set(graph) - set(order)), a)
            a = rand.choice(sorted(needed() & free()))

    def _complete(self, order: list[Node], aim: int) -> bool:
        rand, graph, most = self.random, self.graph, self.config.most_parts
        extra = dict.fromkeys(order, 0)
        room = {a: max(min(i + 1, most) - 2, 0) if a[0] == 0 else 0 for i, a in enumerate(order)}
        op = operations(graph)
        while op < aim:
            left = [a for a in order if extra[a] < room[a]]
            if not left:
                return False
            extra[rand.choice(left)] += 1
            op += 1
        graph.add_node(RNG)
        for i, a in enumerate(order):
            if a[0] == 1:
                continue
            wanted = extra[a] + 2 if extra[a] else rand.randint(1, 2)
            wanted = min(wanted, i + 1, most)
            pool = [RNG, *order[:i]]
            if wanted < len(pool):
                wanted -= graph.in_degree(a)
                if wanted > 0 and rand.random() < 0.5:
                    graph.add_edge(RNG, a)
                    wanted -= 1
                pool = rand.sample([b for b in pool if not graph.has_edge(b, a)], wanted)
            graph.add_edges_from((b, a) for b in pool)
        return True

    def _unnecessary(self) -> None:
        rand, graph, most = self.random, self.graph, self.config.most_parts
        left = [a for a in self.counts if a not in graph]
        rand.shuffle(left)
        apart: list[Node] = []
        for a in left:
            alone = rand.random() < 0.5
            pool = list(apart) if alone else [b for b in graph if b != RNG]
            if not alone:
                pool += [b for b in self.totals if b not in graph and self._known(b)]
            n = 1
            while n < min(len(pool) + 1, most) and rand.random() < 0.5:
                n += 1
            if n == len(pool) + 1:
                parts = [*pool, RNG]
            else:
                parts = [RNG] if rand.random() < 0.5 else []
                parts += rand.sample(pool, n - len(parts))
            for b in parts:
                self._add(graph, b)
            graph.add_edges_from((b, a) for b in parts)
            if alone:
                apart.append(a)

    def _known(self, a: Node) -> bool:
        return all(b in self.graph or (b[0] == 1 and self._known(b)) for b in self._parts(a))


def operations(graph: nx.DiGraph) -> int:
    """By definition D.1, over all but the constant."""
    return sum(max(1, graph.in_degree(a) - 1) for a in graph if a != RNG)


def ours(config: Config, op: int | None, turn: int) -> np.ndarray:
    """Edges and parameters of the solution, [N_OURS, 2]."""
    rng = generator(turn, "benchmark")
    problems = (draw(config, rng, op) for _ in range(N_OURS))
    return np.array([(problem.ip, len(problem.solution)) for problem in problems])


def theirs(config: Config, op: int | None, turn: int) -> np.ndarray:
    """The same in plain Python, [N_PLAIN, 2]."""
    plain = Plain(config, turn)
    return np.array([plain.draw(op) for _ in range(N_PLAIN)])


def check(drawn: list[np.ndarray], cell: str) -> None:
    """AssertionError unless both sides have the same means, within 4 standard errors."""
    a, b = drawn
    error = np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
    assert (abs(a.mean(0) - b.mean(0)) < 4 * error + 1e-9).all(), (cell, a.mean(0), b.mean(0))


def compare(preset: str, op: int | None, n_turns: int) -> str:
    """A row of the table."""
    config = Config(preset=preset)  # type: ignore[arg-type]
    drawn: list[list[np.ndarray]] = [[], []]
    seconds: list[list[float]] = [[], []]
    ours(config, op, n_turns)
    for turn in range(n_turns):
        for side in (0, 1) if turn % 2 else (1, 0):
            start = time.process_time()
            drawn[side].append((ours, theirs)[side](config, op, turn))
            seconds[side].append((time.process_time() - start) / len(drawn[side][-1]))
    cell = f"{preset} | {'any' if op is None else op}"
    both = [np.concatenate(side) for side in drawn]
    check(both, cell)
    ratios = [b / a for a, b in zip(*seconds, strict=True)]
    a, b = (1000 * statistics.median(side) for side in seconds)
    means = " | ".join(f"{x:.2f}, {y:.2f}" for x, y in zip(*(v.mean(0) for v in both), strict=True))
    return (
        f"| {cell} | {a:.2f} | {b:.1f} | {statistics.median(ratios):.0f} "
        f"| {min(ratios):.0f} to {max(ratios):.0f} | {n_turns} | {means} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=7, metavar="N")
    args = parser.parse_args()
    print(f"Python {platform.python_version()}, networkx {nx.__version__}, one thread\n")
    print(
        "| preset | op | ours, ms a problem | plain | ratio, median | ratio, range | turns "
        "| mean edges, ours and plain | mean parameters of the solution |\n" + "|---" * 9 + "|"
    )
    for preset, op in CELLS:
        print(compare(preset, op, args.turns), flush=True)


if __name__ == "__main__":
    main()
