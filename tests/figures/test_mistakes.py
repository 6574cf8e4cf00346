"""The figure of foreseen mistakes: a row per case, counts and kinds of faults beside them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm.figures import mistakes
from physlm.figures.base import apply_style, save, write_table
from tests.figures import problem_records as made_up
from tests.figures.problem_records import folder, v_probe


def made(
    root: Path, records: list[dict[str, Any]], solutions: list[dict[str, Any]]
) -> pd.DataFrame:
    inputs = {
        "runs": [folder(root, r, "v_probe.json", control=r["control"]) for r in records],
        "solutions": [folder(root / "s", r, "evaluate.json") for r in solutions],
    }
    write_table(mistakes.table(inputs), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def records() -> list[dict[str, Any]]:
    return [
        v_probe(seed, order=order, mistakes=made_up.mistakes(right=0.3 + 0.1 * seed))
        for order in ("pq", "qp")
        for seed in range(3)
    ]


def test_table_has_a_row_per_case_and_per_set_of_solutions(tmp_path: Path) -> None:
    control = v_probe(0, "model")
    probed = v_probe(1, mistakes=made_up.mistakes(right=0.4, n=60))
    frame = made(tmp_path, [control, probed], [made_up.reasoning(1, base=0.9, fall=0.3)])
    assert list(frame.columns)[: len(mistakes.COLUMNS)] == mistakes.COLUMNS
    solutions = frame[frame["case"] == "solutions"]
    assert len(solutions) == 11
    assert len(frame) == 11 + 4 * 3
    cell = frame[(frame["op"] == 8) & (frame["task"] == "nece")].iloc[0]
    assert (cell["case"], cell["n"], cell["accuracy"]) == ("unnecessary", 15, 0.4)
    assert (cell["all_n"], cell["all_accuracy"], cell["auc"]) == (5000, 0.98, 0.9)
    assert (cell["alike_n"], cell["alike_accuracy"]) == (1500, pytest.approx(0.96))
    first = frame[(frame["op"] == 8) & (frame["task"] == "can_next")].iloc[0]
    assert (first["case"], first["n"], first["n_wrong"]) == ("first_wrong", 84, 120)
    assert pd.isna(first["auc"])
    seven = solutions[(solutions["op"] == 7) & ~solutions["reask"]].iloc[0]
    assert (seven["n_correct"], seven["n_wrong"], seven["error_not_ready"]) == (150, 350, 263)


def test_shares_of_a_seed_weigh_cells_by_their_parameters() -> None:
    row = {"case": "unnecessary", "task": "nece", "seed": 0}
    frame = pd.DataFrame(
        [
            row | {"n": 10, "accuracy": 0.2, "all_n": 100, "all_accuracy": 0.9},
            row | {"n": 30, "accuracy": 0.6, "all_n": 300, "all_accuracy": 1.0},
            row | {"n": 0, "accuracy": float("nan"), "all_n": 0, "all_accuracy": float("nan")},
            row | {"n": 5, "accuracy": 1.0, "all_n": 5, "all_accuracy": 1.0, "task": "can_next"},
        ]
    )
    found = mistakes.shares(frame, "unnecessary", "nece")
    assert found.loc[0, "n"] == 40
    assert found.loc[0, "accuracy"] == pytest.approx(0.5)
    assert found.loc[0, "all_accuracy"] == pytest.approx(0.975)


def test_cases_counts_and_kinds_are_drawn(tmp_path: Path) -> None:
    apply_style()
    solutions = [made_up.reasoning(s, order=o) for s in range(3) for o in ("pq", "qp")]
    figure = mistakes.draw(made(tmp_path, records(), solutions))
    save(figure, tmp_path, "mistakes")
    needless, can_next, _, kinds = figure.axes
    # Counts over the three seeds, an order a line, below each cell: few in right normal solutions.
    assert [text.get_text() for text in needless.texts] == ["45\n45"] * 2 + ["180\n180"] * 2
    assert [text.get_text() for text in can_next.texts] == ["252\n252"] * 2 + ["126\n126"] * 2
    bars = {
        c.get_label(): [round(bar.get_height(), 2) for bar in c]  # type: ignore[union-attr]
        for c in kinds.containers
    }
    # Of 5 wrong solutions of 500 at op 5, one has a wrong value.
    assert (bars["not ready"][5], bars["wrong value"][5]) == (80, 20)
    assert bars["other"] == [0] * 11


def test_other_kinds_are_pooled(tmp_path: Path) -> None:
    apply_style()
    run = made_up.reasoning(0, ops=(5,), base=0.5)
    run["cells"][0]["kinds"] = {"syntax": 100, "unknown": 50, "repeated": 100}
    figure = mistakes.draw(made(tmp_path, [], [run]))
    bars = {c.get_label(): c[0].get_height() for c in figure.axes[3].containers}
    assert (bars["other"], bars["repeated"], bars["not ready"]) == (60, 40, 0)


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    frame = mistakes.table({})
    assert list(frame.columns) == mistakes.COLUMNS
    apply_style()
    save(mistakes.draw(frame), tmp_path, "mistakes")
