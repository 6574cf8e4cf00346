"""Texts of a grammar: strings as they are trained on, clean ones to test with, and their trees."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from physlm.config import require
from physlm.data.grammars.build import named
from physlm.data.grammars.grammar import Grammar
from physlm.data.grammars.implicit import Bags, BagsConfig, deal, emit
from physlm.data.grammars.perturb import Perturbation, sample_perturbed
from physlm.data.grammars.sample import Trees, sample, sample_trees
from physlm.data.grammars.strings import Strings
from physlm.random import generator


@dataclass(frozen=True, kw_only=True)
class Config:
    """A grammar by name or file, from the symbol `root` down (None: all of it).

    bags: what its terminals show instead of themselves (Part 1's implicit grammars); they are dealt
    by bags_seed. perturbation: of the texts that are trained on.
    """

    grammar: str
    root: int | None = None
    bags: BagsConfig | None = None
    bags_seed: int = 0
    perturbation: Perturbation | None = None

    def __post_init__(self) -> None:
        require(self.bags_seed >= 0, "bags_seed", self.bags_seed, "0 or more")
        named(self.grammar, self.root)


class Source:
    """See physlm.data.fresh.Source. Tokens are 1 to T, or 1 to V where bags are dealt."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.grammar: Grammar = named(config.grammar, config.root)

    @property
    def vocabulary(self) -> list[str]:
        """What every token spells; token 0 is EOS."""
        bags = self.config.bags
        n = self.grammar.n_terminals if bags is None else bags.vocabulary
        return ["EOS", *map(str, range(1, n + 1))]

    @cached_property
    def bags(self) -> Bags | None:
        """What each terminal may show, if not itself."""
        if self.config.bags is None:
            return None
        rng = generator(self.config.bags_seed, "bags")
        return deal(self.config.bags, self.grammar.n_terminals, rng)

    @property
    def emission(self) -> np.ndarray | None:
        """P(token | terminal) [T + 1, V + 1], or None if terminals show themselves."""
        return None if self.bags is None else self.bags.emissions

    def draw(self, n: int, rng: np.random.Generator) -> Strings:
        """n independent strings for training, perturbed as the settings say."""
        if self.config.perturbation is None:
            return self.draw_clean(n, rng)
        strings, _ = sample_perturbed(self.grammar, n, self.config.perturbation, rng)
        return self._shown(strings, rng)

    def draw_clean(self, n: int, rng: np.random.Generator) -> Strings:
        """n independent strings of the grammar."""
        return self._shown(sample(self.grammar, n, rng), rng)

    def trees(self, n: int, rng: np.random.Generator) -> Trees:
        """n independent strings of the grammar with the trees that made them."""
        trees = sample_trees(self.grammar, n, rng)
        return replace(trees, strings=self._shown(trees.strings, rng))

    def _shown(self, strings: Strings, rng: np.random.Generator) -> Strings:
        return strings if self.bags is None else emit(self.bags, strings, rng)
