"""Words that every language of problems has, and the names that it has words for.

Reserved words stand for themselves, rows 0 to 6 of every vocabulary: EOS is between texts, `sol`
before a solution, `ans` before an answer that is told apart from it. BACK takes back what was begun
(Part 2.2). start, mid and end frame the question of a probe (V-probing, Part 2.1 Section 4.1); no
text has them.
"""

from physlm.data.igsm.config import Config
from physlm.data.igsm.names import hierarchies

RESERVED = ("EOS", "sol", "ans", "BACK", "start", "mid", "end")
EOS, SOLUTION, ANSWER, BACK, START, MID, END = range(7)


def named(config: Config) -> list[list[tuple[str, list[str]]]]:
    """The categories of every hierarchy, from the top, each with the names of all its items."""
    listed = hierarchies(config.language, config.layers[-1], config.n_names)
    return [
        [(category, [name for kind in kinds for name in kind]) for category, kinds in hierarchy]
        for hierarchy in listed
    ]


def name_words(config: Config) -> list[str]:
    """A word for each category and each item."""
    categories = [category for hierarchy in named(config) for category in hierarchy]
    names = [f" {name}" for name, _ in categories]
    return names + [f" {item}" for _, items in categories for item in items]


def number_words(config: Config) -> list[str]:
    """A word for each number."""
    return [f" {number}" for number in range(config.modulus)]
