"""Questions worded apart from the package's, to compare with them; corpora to ask about."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from physlm.data import corpus, qa
from physlm.data.corpus import Corpus, DataConfig
from tests.data import biographies

ASKED = {
    "birth_date": "What is the birth date of {}?",
    "birth_city": "What is the birth city of {}?",
    "university": "Which university did {} study?",
    "major": "What major did {} study?",
    "employer": "Which company did {} work for?",
    "employer_city": "Where did {} work?",
}
POOLS = {"years": 3, "employers": 20, "majors": 7, "birth_cities": 9, "universities": 8}


def make(folder: Path, world: str = "bios", n_people: int = 11, seed: int = 5, **settings: Any):
    """A small corpus of `world`, opened."""
    given = POOLS | {"questions": True} | settings if world == "bios" else settings
    corpus.build(folder, DataConfig(world, seed, n_people, given))
    return corpus.load(folder)


def text_of(row: np.ndarray, attribute: str) -> tuple[str, str]:
    """The question and the answer as they must be spelt."""
    who = biographies.person(row)
    question = ASKED[attribute].format(who["name"])
    return f"<eos> {question} Answer:", f" {who[attribute]}."


def spelt(questions: qa.Questions, tokens: np.ndarray) -> str:
    return "".join(questions.vocabulary[token] for token in tokens)


def read(text: str) -> tuple[str, str, str]:
    """(attribute, full name, answer) of one question with its answer, which starts at <eos>."""
    for attribute, wording in ASKED.items():
        pattern = re.escape(wording).replace(r"\{\}", r"(.+)")
        if match := re.fullmatch(rf"<eos> {pattern} Answer: (.+)\.", text):
            return attribute, match[1], match[2]
    raise AssertionError(f"not a question: {text!r}")


def known(opened: Corpus, people: np.ndarray) -> set[tuple[str, str, str]]:
    """(attribute, full name, answer) of everything there is to ask about these people."""
    who = [biographies.person(opened.world.profiles[i]) for i in people]
    return {(a, person["name"], person[a]) for person in who for a in ASKED}
