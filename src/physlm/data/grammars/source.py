"""Texts of a grammar: strings as they are trained on, clean ones to test with, and their trees."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

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

    bags, vocabulary, weights: what terminals show instead of themselves (Part 1's implicit
    grammars, physlm.data.grammars.implicit); bags_seed deals the bags. perturbation, gamma, rate:
    of the strings that are trained on (physlm.data.grammars.perturb).
    """

    grammar: str
    root: int | None = None
    bags: Literal["none", "disjoint", "overlap"] = "none"
    vocabulary: int | None = None
    weights: Literal["uniform", "rank"] = "uniform"
    bags_seed: int = 0
    perturbation: Literal["none", "token", "symbol", "symbol-fixed"] = "none"
    gamma: float = 0.0
    rate: float = 0.0

    def __post_init__(self) -> None:
        require(self.bags_seed >= 0, "bags_seed", self.bags_seed, "0 or more")
        grammar = named(self.grammar, self.root)
        if self.bags == "none":
            require(self.vocabulary is None, "vocabulary", self.vocabulary, "null without bags")
            require(self.weights == "uniform", "weights", self.weights, "uniform without bags")
        else:
            require(self.vocabulary is not None, "vocabulary", None, "given with bags")
            self.dealt(grammar)
        if self.perturbation == "none":
            for key in ("gamma", "rate"):
                value = getattr(self, key)
                require(value == 0, key, value, "0 without a perturbation")
        self.perturbed()

    def dealt(self, grammar: Grammar) -> Bags | None:
        """What each terminal may show; None if itself. ConfigError for too few tokens."""
        if self.bags == "none":
            return None
        config = BagsConfig(vocabulary=self.vocabulary or 0, kind=self.bags, weights=self.weights)
        return deal(config, grammar.n_terminals, generator(self.bags_seed, "bags"))

    def perturbed(self) -> Perturbation | None:
        """How training strings are perturbed, if they are."""
        if self.perturbation == "none":
            return None
        return Perturbation(kind=self.perturbation, gamma=self.gamma, rate=self.rate)


class Source:
    """See physlm.data.fresh.Source. Tokens are 1 to T, or 1 to V where bags are dealt."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.grammar: Grammar = named(config.grammar, config.root)

    @property
    def vocabulary(self) -> list[str]:
        """What every token spells; token 0 is EOS."""
        n = self.config.vocabulary or self.grammar.n_terminals
        return ["EOS", *map(str, range(1, n + 1))]

    @cached_property
    def bags(self) -> Bags | None:
        """What each terminal may show, if not itself."""
        return self.config.dealt(self.grammar)

    @property
    def emission(self) -> np.ndarray | None:
        """P(token | terminal) [T + 1, V + 1], or None if terminals show themselves."""
        return None if self.bags is None else self.bags.emissions

    def draw(self, n: int, rng: np.random.Generator) -> Strings:
        """n independent strings for training, perturbed as the settings say."""
        perturbation = self.config.perturbed()
        if perturbation is None:
            return self.draw_clean(n, rng)
        strings, _ = sample_perturbed(self.grammar, n, perturbation, rng)
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
