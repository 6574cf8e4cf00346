"""The world `igsm` as token ids: texts to train on, and problems to test with (Part 2.1)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from physlm.config import require
from physlm.data.igsm import config as settings
from physlm.data.igsm.draw import draw
from physlm.data.igsm.languages import Language, language
from physlm.data.igsm.letters import LETTERS
from physlm.data.igsm.problem import Parameter, Problem
from physlm.data.igsm.reask import reask as ask_again
from physlm.data.igsm.split import SplitSource, Texts
from physlm.data.igsm.templates import problem_template, solution_template
from physlm.data.igsm.vocabulary import Vocabulary
from physlm.data.igsm.words import ANSWER, RESERVED
from physlm.data.tokenizers import gpt2

__all__ = ["Config", "Source", "Texts"]


@dataclass(frozen=True, kw_only=True)
class Config(settings.Config):
    """A world of problems (physlm.data.igsm.config) and the tokeniser of its texts.

    tokenizer: words (a token for each word of the language, a whole name of an item being one) or
    gpt2. tokenizer_file: where the tokeniser of GPT-2 is (None: the Hugging Face hub).
    """

    tokenizer: Literal["words", "gpt2"] = "words"
    tokenizer_file: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        ok = self.tokenizer_file is None or self.tokenizer == "gpt2"
        require(ok, "tokenizer_file", self.tokenizer_file, "left out unless tokenizer=gpt2")


class Source(SplitSource[Problem]):
    """Problems of the settings, their texts in its language, and the split by templates."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.language: Language = language(config)
        encode = gpt2(config.tokenizer_file) if config.tokenizer == "gpt2" else None
        vocabulary = Vocabulary(self.language.vocabulary, encode)
        super().__init__(vocabulary, config.order, config.train_bins)

    def draw_any(self, rng: np.random.Generator, op: int | None, reask: bool) -> Problem | None:
        """See SplitSource. ConfigError for an op that no problem has, or too large for letters."""
        lettered = self.config.language != "compact"
        most = len(LETTERS)
        if lettered and op is not None:
            require(op <= most, "op", op, f"at most {most}, the letters of a solution")
        problem = draw(self.config, rng, op)
        if reask:
            problem = ask_again(problem, rng)
        return None if lettered and problem.op > most else problem

    def template(self, problem: Problem) -> str:
        """That of the solution or of the whole problem, as the settings say."""
        if self.config.split == "problem":
            return problem_template(problem)
        return solution_template(problem, self.config.products)

    def name_words(self, problem: Problem, parameter: Parameter) -> list[str]:
        """The name of a parameter in the language."""
        return self.language.name_words(problem, parameter)

    def problem_words(self, problem: Problem) -> list[str]:
        """A sentence for each instance parameter."""
        return self.language.problem_words(problem)

    def question_words(self, problem: Problem) -> list[str]:
        """The question for the last parameter of the solution."""
        return self.language.question_words(problem)

    def solution_words(self, problem: Problem, rng: np.random.Generator) -> list[list[str]]:
        """The words of each step, with letters from `rng` where the language has them."""
        return self.language.solution_words(problem, rng)

    def answer_words(self, problem: Problem) -> list[str]:
        """`ans` and the value of the query, or nothing in the compact language."""
        answer = self.language.answer_words(problem)
        return [RESERVED[ANSWER], *answer] if answer else []
