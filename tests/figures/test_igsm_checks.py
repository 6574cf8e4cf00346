"""The checks of iGSM's problems: every row by hand on few problems, and broken sides are seen."""

import math
from dataclasses import replace

import pytest

from physlm.claim_rules import igsm as rules
from physlm.data.igsm.split import SplitSource
from physlm.data.igsm.templates import bin_of
from physlm.evaluate.igsm.reading import Reading
from physlm.evaluate.igsm.solve import Solved
from physlm.figures import igsm_checks
from physlm.random import generator


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many problems as a test can wait for."""
    kinds = [("med", None, False), ("micro", 8, False), ("micro", 5, True), ("plan", None, False)]
    monkeypatch.setattr(igsm_checks, "KINDS", kinds)
    monkeypatch.setattr(igsm_checks, "N_CHECKED", 25)
    monkeypatch.setattr(igsm_checks, "COUNTED", [("med", 2, 40), ("med", 15, 20)])
    monkeypatch.setattr(igsm_checks, "N_SPLIT", 30)


@pytest.mark.usefixtures("few")
def test_both_sides_agree_on_every_problem_and_the_control_is_refused() -> None:
    table = igsm_checks.table({})
    assert list(table.columns) == igsm_checks.COLUMNS
    assert len(table) == 4 * 2 + 2 + 3 * 2
    oracle = table[table["check"] == "oracle"]
    assert (oracle[igsm_checks.MEASURED].to_numpy() == 25).all()
    assert (oracle["spoiled_accepted"] == 0).all()
    assert (oracle["direct"] <= 25).all()
    plans, others = (oracle[(oracle["world"] == "plan") == is_plan] for is_plan in (True, False))
    assert (others["told_in_order"] < others["dependencies"]).all()
    assert (others["told_in_order"] > 0).all()
    assert (plans[["implicit", "instance", "dependencies"]] == 0).all().all()
    found = rules.two_sides_agree(table, 0.5)
    assert found is not None
    assert found.relation_holds, found.detail
    assert found.estimate == 1


@pytest.mark.usefixtures("few")
def test_templates_and_split_are_those_of_the_source() -> None:
    table = igsm_checks.table({})
    counted = table[table["check"] == "templates"].set_index("op")
    made = igsm_checks.make("med")
    rng = generator(igsm_checks.SEED, "igsm_checks", "templates", "med", 2)
    drawn = [made.template(p) for p in made.problems(40, rng, op=2, split="all")]
    assert counted.loc[2, "distinct"] == len(set(drawn))
    by_hand = sum(a == b for i, a in enumerate(drawn) for b in drawn[:i])
    assert counted.loc[2, "pairs"] == by_hand > 0
    assert counted.loc[2, "estimate"] == pytest.approx(40 * 39 / 2 / by_hand)
    assert counted.loc[2, "test_share"] == sum(bin_of(t) >= 17 for t in drawn) / 40
    assert counted.loc[15, "distinct"] == 20
    assert counted.loc[15, "at_least"] == pytest.approx(20 * 19 / 2 / -math.log(0.05))
    split = table[table["check"] == "split"]
    assert (split["shared"] == 0).all()
    assert (split["distinct_test"] > 1).all()


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("broken", ["answers", "necessary", "ops"])
def test_a_solver_that_errs_is_seen(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = igsm_checks.solve

    def solve(reading: Reading) -> Solved:
        solved = right(reading)
        if broken == "answers":
            return replace(solved, answer=None if solved.answer is None else solved.answer + 1)
        if broken == "necessary":
            return replace(solved, necessary=solved.necessary - {reading.query})
        return replace(solved, op=solved.op + 1)

    monkeypatch.setattr(igsm_checks, "solve", solve)
    monkeypatch.setattr(igsm_checks, "KINDS", [("micro", 5, True)])
    monkeypatch.setattr(igsm_checks, "COUNTED", [])
    table = igsm_checks.table({})
    oracle = table[table["check"] == "oracle"]
    assert (oracle[broken] == 0).all()
    found = rules.two_sides_agree(table, 0.5)
    assert found is not None
    assert not found.relation_holds
    assert f"{broken} 50" in found.detail


def test_templates_on_both_sides_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(igsm_checks, "N_SPLIT", 60)
    monkeypatch.setattr(igsm_checks, "KINDS", [("micro", None, False)])
    monkeypatch.setattr(igsm_checks, "N_CHECKED", 1)
    monkeypatch.setattr(igsm_checks, "COUNTED", [])
    # A split that puts every problem on both sides.
    monkeypatch.setattr(SplitSource, "split_of", lambda self, problem: Anything())
    table = igsm_checks.table({})
    assert (table.query("check == 'split'")["shared"] > 0).all()


class Anything(str):
    """Equal to all."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0
