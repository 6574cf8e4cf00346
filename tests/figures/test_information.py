"""The table of exact bits: the paper's formula holds everywhere, each limit refutes the notes."""

import math

import pytest

from physlm import claims
from physlm.figures import information


def test_every_case_holds_and_every_limit_refutes_the_notes() -> None:
    table = information.table({})
    assert list(table.columns) == information.COLUMNS
    found = claims.formulas_hold(table, 5e-4)
    assert found.relation_holds, found.detail
    assert (table["formula"] == "lecture notes").sum() == 3


def test_counting_worlds_by_hand() -> None:
    # One name out of 3, one attribute, one chunk, 2 of the 3 letters in the dictionary: 3 names x
    # 3 dictionaries x 2 values.
    sizes = dict(zip(information.SIZES, (1, 1, 1, 2, 1, 3, 3), strict=True))
    assert information.count_worlds(sizes) == 18


def test_a_wrong_formula_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = information.bits.log2_binomial
    monkeypatch.setattr(information.bits, "log2_binomial", lambda n, k: right(n, k) + math.log2(3))
    assert not claims.formulas_hold(information.table({}), 5e-4).relation_holds
