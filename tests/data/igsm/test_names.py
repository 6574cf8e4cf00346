"""Names: the lists are fit for texts that must be read back, and draws are of one kind a layer."""

import string
from collections import Counter
from typing import Any

import pytest
from scipy.stats import chisquare

from physlm.data.igsm.config import Config
from physlm.data.igsm.draw import draw
from physlm.data.igsm.names import english
from physlm.random import generator

# What the sentences are made of; a name with one of them could not be told apart.
WORDS = {"each", "and", "of", "the", "sum", "difference", "more", "than", "times", "as", "much"}
WORDS |= {"number", "equals", "how", "many", "does", "have", "define", "so", "back", "answer"}


def test_listed_names() -> None:
    assert len(english()) == 4
    categories = [category for hierarchy in english() for category, _ in hierarchy]
    assert len(categories) == 16
    kinds = [kind for hierarchy in english() for _, kinds in hierarchy for kind in kinds]
    assert [len(kind) for kind in kinds] == 80 * [20]
    names = [*categories, *(name for kind in kinds for name in kind)]
    assert len({name.lower() for name in names}) == len(names) == 1616
    for name in names:
        words = name.split(" ")
        assert 1 <= len(words) <= 3
        assert not WORDS & {word.lower() for word in words}
        assert all(word and set(word) <= set(string.ascii_letters) for word in words)


def test_drawn_english_names() -> None:
    rng = generator(0)
    config = Config(preset="med", layers=(3,))
    starts: Counter[Any] = Counter()
    places: Counter[int] = Counter()
    kind_places: Counter[int] = Counter()
    for _ in range(3000):
        problem = draw(config, rng, 2)
        names, categories = problem.names, problem.categories
        assert len(names) == len(categories) == 3
        starts[categories[0]] += 1
        (hierarchy,) = (h for h in english() if categories[0] in dict(h))
        first = [category for category, _ in hierarchy].index(categories[0])
        for layer, (category, kinds) in enumerate(hierarchy[first : first + 3]):
            assert categories[layer] == category
            assert len(set(names[layer])) == len(names[layer])
            assert sum(set(names[layer]) <= set(kind) for kind in kinds) == 1
        kinds = hierarchy[first + 2][1]
        ((at, kind),) = ((at, kind) for at, kind in enumerate(kinds) if names[2][0] in kind)
        kind_places[at] += 1
        places[kind.index(names[2][-1])] += 1
    assert len(starts) == 8, "three of four consecutive categories, in four hierarchies"
    assert (len(kind_places), len(places)) == (5, 20)
    for counts in (starts, kind_places, places):
        assert chisquare(list(counts.values())).pvalue > 1e-3


@pytest.mark.parametrize(
    ("preset", "categories", "items"),
    [
        ("tiny", ["A", "B", "C"], [[f"{c}{i}" for i in range(1, 9)] for c in "ABC"]),
        ("micro", ["0", "1", "2"], [list("abcd"), list("efgh"), list("ijkl")]),
    ],
)
def test_names_of_letters(preset: Any, categories: list[str], items: list[list[str]]) -> None:
    rng = generator(1)
    seen: set[str] = set()
    starts = set()
    for _ in range(600):
        problem = draw(Config(preset=preset, items=(3,)), rng, 2)
        names, chosen = problem.names, problem.categories
        if len(names) == 3:
            assert list(chosen) == categories
            continue
        first = categories.index(chosen[0])
        starts.add(first)
        assert list(chosen) == categories[first : first + 2]
        for layer, listed in zip(names, items[first : first + 2], strict=True):
            assert len(set(layer)) == 3
            assert set(layer) <= set(listed)
            seen |= set(layer)
    assert starts == {0, 1}
    assert seen == {name for listed in items for name in listed}
