from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physlm.config import ConfigError, build
from physlm.data.igsm import vocabulary
from physlm.data.igsm.draw import draw
from physlm.data.igsm.languages import language, spell
from physlm.data.igsm.templates import problem_template, solution_template
from physlm.data.igsm.worlds import igsm, plan
from physlm.data.tokenizers import trained_bpe
from physlm.random import generator

RESERVED = ["EOS", "sol", "ans", "BACK", "start", "mid", "end"]
PRESETS = ["med", "tiny", "micro", "plan"]


def made(preset: str, **settings: object) -> Any:
    if preset == "plan":
        return plan.Source(build(plan.Config, settings))
    return igsm.Source(build(igsm.Config, {"preset": preset} | settings))


@pytest.mark.parametrize("preset", PRESETS)
def test_vocabulary(preset):
    rows = made(preset).vocabulary
    assert rows[:7] == RESERVED
    assert len(set(rows)) == len(rows)
    assert rows[7:] == [word for word in rows[7:] if word[0] in " ,.;?'"]


def test_names_of_micro():
    # 4 letters a layer: 16 names for each two layers, and totals of 4 and 4 over what is below.
    rows = made("micro").vocabulary
    names = [row for row in rows if "." in row[2:] or "#" in row]
    assert len(names) == 2 * 16 + 2 * 4 + 4
    assert {" a.e", " d.h", " h.l", " a#1", " a#2", " h#2"} < set(names)
    assert not {" a.i", " e#1", " i#2"} & set(names)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("order", ["pq", "qp"])
def test_texts_are_prompts_and_solutions(preset, order):
    texts = made(preset, order=order)
    drawn = texts.draw(30, generator(3, "draw"))
    assert drawn.tokens.dtype == np.int32
    assert drawn.n_prompt.shape == (30,)
    assert 0 not in drawn.tokens
    for i, problem in enumerate(texts.problems(30, generator(3, "test"), split="all")):
        words = texts.decode(drawn[i].tolist())
        assert texts.encode(words) == drawn[i].tolist()
        assert words.index("sol") == drawn.n_prompt[i] - 1
        assert words.count("ans") == (preset in ("med", "tiny"))
        told, asked = texts.problem_words(problem), texts.question_words(problem)
        prompt = [*told, *asked] if order == "pq" else [*asked, *told]
        assert texts.decode(texts.prompt(problem)) == [*prompt, "sol"]
        rng, same = generator(i, "text"), generator(i, "text")
        steps = [word for step in texts.solution_words(problem, same) for word in step]
        answer = texts.answer_words(problem)
        assert texts.decode(texts.text(problem, rng)) == [*prompt, "sol", *steps, *answer]
        if preset in ("med", "tiny"):
            assert answer == ["ans", f" {problem.answer}"]


def test_training_texts_are_a_function_of_the_generator_and_independent_of_how_many():
    texts = made("tiny")
    few, many = texts.draw(5, generator(0, "x")), texts.draw(9, generator(0, "x"))
    for i in range(5):
        np.testing.assert_array_equal(few[i], many[i])
    assert not np.array_equal(few[0], texts.draw(1, generator(1, "x"))[0])


@pytest.mark.parametrize(("preset", "op"), [("med", 5), ("tiny", 4), ("micro", 3), ("plan", 5)])
def test_templates_of_training_and_test_are_disjoint(preset, op):
    texts = made(preset)
    rng = generator(0, "split")
    sides = {
        side: [texts.template(p) for p in texts.problems(400, rng, op=op, split=side)]
        for side in ("train", "test")
    }
    assert not set(sides["train"]) & set(sides["test"])
    assert min(len(set(side)) for side in sides.values()) > 20
    # The same templates are told by the problems of both sides together.
    both = texts.problems(60, rng, op=op, split="all")
    assert {texts.split_of(p) for p in both} == {"train", "test"}


def test_no_training_text_has_the_template_of_a_test_problem(monkeypatch):
    texts = made("micro", split="solution")
    seen = []
    prompt = igsm.Source.prompt
    monkeypatch.setattr(igsm.Source, "prompt", lambda s, p: seen.append(p) or prompt(s, p))
    texts.draw(1000, generator(0, "training"))
    assert len(seen) == 1000
    tested = texts.problems(300, generator(1, "test"), op=4)
    assert not {solution_template(p) for p in seen} & {solution_template(p) for p in tested}


def test_the_share_of_training_bins():
    for bins in (16, 17):
        texts = made("med", train_bins=bins)
        problems = texts.problems(800, generator(0, "share"), op=8, split="all")
        share = np.mean([texts.split_of(p) == "train" for p in problems])
        error = np.sqrt(bins / 23 * (1 - bins / 23) / 800)
        assert abs(share - bins / 23) < 4.5 * error


def test_training_has_mixed_op_and_tests_the_wanted_one():
    texts = made("tiny")
    rng = generator(0, "op")
    mixed = Counter(p.op for p in texts.problems(1500, rng, split="train"))
    # The least of two uniform numbers from 1 to 5; the split is all but blind to it.
    for op in range(1, 6):
        share = (2 * (5 - op) + 1) / 25
        assert abs(mixed[op] / 1500 - share) < 0.05
    assert {p.op for p in texts.problems(20, rng, op=7)} == {7}
    assert len({p.op for p in texts.problems(60, rng, op=7, reask=True)}) > 3
    asked = texts.problems(60, rng, op=7, reask=True)
    assert {texts.split_of(p) for p in asked} == {"test"}


def test_which_template_is_hashed():
    problem = draw(made("tiny").config, generator(0, "x"), 4)
    assert made("tiny").template(problem) == problem_template(problem)
    assert made("tiny", split="solution").template(problem) == solution_template(problem)


def test_impossible_problems_are_told_of():
    # All solutions of one operation have one of two templates, both for training.
    with pytest.raises(ConfigError, match=r"split='test': must be one that has problems of op=1"):
        made("tiny", split="solution").problems(1, generator(0, "x"), op=1)
    with pytest.raises(ConfigError, match="op=53: must be at most 52, the letters of a solution"):
        made("med").problems(1, generator(0, "x"), op=53)
    with pytest.raises(ConfigError, match="tokenizer_file='x': must be left out"):
        made("med", tokenizer_file="x")
    with pytest.raises(KeyError):
        made("micro").encode([" nonsense"])


def trained() -> vocabulary.Encoder:
    """A tokeniser that was trained on other English texts than those it is used for here."""
    texts = []
    english = made("med")
    for i in range(300):
        told = english.problem_words(draw(english.config, generator(i, "bpe"), 3))
        texts.append(" " + spell(told))
    return trained_bpe(texts, 900)


def test_the_tokens_of_a_text_are_those_of_its_words():
    encode = trained()
    texts = made("med")
    rows = vocabulary.Vocabulary(language(texts.config).vocabulary, encode)
    assert rows.rows[:7] == RESERVED
    for i in range(100):
        rng = generator(i, "test")
        problem = draw(texts.config, rng, 6)
        for words in (texts.problem_words(problem), *texts.solution_words(problem, rng)):
            (whole,) = encode(["".join(words)])
            assert rows.decode(rows.encode(words)) == whole
    used = {row for word in texts.vocabulary for row in rows.encode([word])}
    assert used == set(range(len(rows.rows)))
    # `end` may be a piece of a name as well as a reserved word: they have rows of their own.
    assert rows.encode(["end"]) == [6]


GPT2 = next(Path.home().glob(".cache/huggingface/**/models--*gpt2/**/tokenizer.json"), None)


@pytest.mark.skipif(GPT2 is None, reason="the tokeniser of GPT-2 is not at hand")
def test_gpt2():
    texts = made("med", tokenizer="gpt2", tokenizer_file=str(GPT2))
    problem = draw(texts.config, generator(0, "x"), 6)
    words = texts.problem_words(problem)
    assert "".join(texts.decode(texts.encode(words))) == "".join(words)
