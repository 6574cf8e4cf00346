import hashlib
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from physlm.data.igsm.config import Config
from physlm.data.igsm.draw import draw
from physlm.data.igsm.problem import Definition
from physlm.data.igsm.templates import bin_of, collisions, problem_template, solution_template
from physlm.random import generator
from tests.data.igsm import hand


def test_templates_by_hand():
    assert solution_template(hand.one()) == (
        "Define Inst as a; so a = 0. "
        "Define Inst as b; so b = a = 0. "
        "Define Inst as c; d = a - b = 0 - 0 = 0; so c = 0 + d = 0 + 0 = 0. "
        "Define Inst as e; f = c + b = 0 + 0 = 0; so e = 0 * f = 0 * 0 = 0. "
        "Define Inter as g; so g = c = 0. "
        "Define Inst as h; i = a + e = 0 + 0 = 0; so h = i + c = 0 + 0 = 0. "
        "Define Inter as j; so j = e + h = 0 + 0 = 0. "
        "Define Inter as k; l = a * g = 0 * 0 = 0; m = b * j = 0 * 0 = 0; "
        "so k = l + m = 0 + 0 = 0."
    )
    # f 0, j 1, a 2, e 3, i 4, b 5.
    assert problem_template(hand.one()) == (
        "0.1 = 2.3 + 0.4 + 3.4. 5.0 = 0 * 0#1. 2.3 = 0. 3.4 = 0 + 2.3 - 2.0. 2.0 = 2.3. "
        "0.4 = 0 * 3.4 + 2.0. ? 2#2"
    )


def test_order_of_products_is_part_of_the_template():
    first, interleaved = (
        solution_template(hand.three(), products).split(". ")[-3]
        for products in ("first", "interleaved")
    )
    assert first.count("*") == interleaved.count("*") == 6
    assert first != interleaved


def test_names_and_numbers_are_no_part_of_a_template():
    problem = hand.one()
    other = replace(
        problem,
        names=(("p", "q"), ("r", "s"), ("t", "u")),
        definitions=problem.definitions | {hand.AE: Definition(1, False, False, ())},
        values=dict.fromkeys(problem.values, 0),
    )
    assert problem_template(other) == problem_template(problem)
    assert solution_template(other) == solution_template(problem)
    asked = replace(problem, solution=(hand.AE,))
    assert problem_template(asked) != problem_template(problem)
    assert solution_template(asked) == "Define Inst as a; so a = 0."


def test_bins():
    text = "Define Inst as a; so a = 0."
    assert bin_of(text) == int(hashlib.sha256(text.encode()).hexdigest(), 16) % 23
    counts = np.bincount([bin_of(str(i)) for i in range(23_000)], minlength=23)
    # 22 degrees of freedom: the 99.99 % quantile of chi-square is 57.
    assert ((counts - 1000) ** 2 / 1000).sum() < 57


def test_pairs_are_counted():
    texts = list("abcabdaaef")
    pairs = sum(a == b for a, b in itertools.combinations(texts, 2))
    found = collisions(texts)
    assert (found.n, found.distinct, found.pairs) == (10, 6, pairs)
    assert found.estimate == 45 / pairs
    # So few pairs as these, or fewer, have a chance of 5 % if that is all there are.
    mean = 45 / found.at_least
    assert found.estimate is not None
    assert found.at_least < found.estimate
    few = sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(pairs + 1))
    assert few <= 0.05 + 1e-9


def test_no_pair_gives_a_bound():
    found = collisions(map(str, range(2000)))
    assert found.pairs == 0
    assert found.estimate is None
    # With so many templates, the chance of no pair is 5 %.
    assert np.exp(-2000 * 1999 / 2 / found.at_least) == pytest.approx(0.05, rel=1e-9)
    with pytest.raises(ValueError, match="collisions of 1 templates"):
        collisions(["a"])


@pytest.mark.parametrize("skewed", [False, True])
def test_the_estimate_and_its_error_are_those_of_known_laws(skewed):
    law = np.arange(1.0, 301) if skewed else np.ones(300)
    law /= law.sum()
    exact = 1 / (law**2).sum()
    rng = generator(0, "collisions")
    scores, errors, bounds = [], [], []
    for _ in range(400):
        found = collisions(map(str, rng.choice(300, 400, p=law)))
        assert found.estimate is not None
        assert found.error is not None
        # The estimate is one over what is unbiased, whose error to first order is the same share.
        scores.append(exact / found.estimate - 1)
        errors.append(found.error / found.estimate)
        bounds.append(found.at_least)
    assert abs(np.mean(scores)) < 4 * np.std(scores) / 20
    assert np.std(scores) == pytest.approx(np.mean(errors), rel=0.15)
    # 95 % of the bounds hold; the standard error of that share is 1 %.
    assert 0.91 < np.mean(np.array(bounds) < exact) < 0.99


def test_hardly_any_two_long_solutions_have_the_same_template():
    config = Config(preset="med")
    texts = [solution_template(draw(config, generator(i, "long"), 15)) for i in range(300)]
    assert len(set(texts)) == 300
    easy = [solution_template(draw(config, generator(i, "easy"), 2)) for i in range(300)]
    assert len(set(easy)) < 30
