"""Names of items and categories.

English names are our own lists, names.yaml: hierarchies of categories, in each of them a few kinds
of items, in each kind its names. No name occurs twice, so a name tells its category.
"""

import string
from functools import cache
from pathlib import Path

RESOURCES = ("names.yaml",)

# Of a category its name and the names of each kind of its items.
Category = tuple[str, tuple[tuple[str, ...], ...]]


@cache
def english() -> tuple[tuple[Category, ...], ...]:
    """The hierarchies, each from the top category down."""
    import yaml

    path = Path(__file__).parent / "names.yaml"
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))["hierarchies"]
    return tuple(
        tuple((c["category"], tuple(map(tuple, c["kinds"].values()))) for c in hierarchy)
        for hierarchy in listed
    )


@cache
def hierarchies(
    language: str, n_categories: int, n_names: int | None
) -> tuple[tuple[Category, ...], ...]:
    """All hierarchies of a language; those of letters have one, whose categories have one kind.

    symbolic: category A has the items A1, A2, ... . compact: categories are numbers from 0 and
    items letters, the first n_names for category 0 and so on.
    """
    if language == "english":
        return english()
    assert n_names is not None
    letters = string.ascii_lowercase
    if language == "compact":
        return (
            tuple(
                (str(k), (tuple(letters[k * n_names : (k + 1) * n_names]),))
                for k in range(n_categories)
            ),
        )
    return (
        tuple(
            (letter, (tuple(f"{letter}{i + 1}" for i in range(n_names)),))
            for letter in string.ascii_uppercase[:n_categories]
        ),
    )
