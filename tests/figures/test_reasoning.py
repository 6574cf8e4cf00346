"""The figure of solved problems: rows by op and by length, published values at their place."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm.figures import reasoning
from physlm.figures.base import apply_style, save, write_table
from tests.figures import problem_records as made_up
from tests.figures.problem_records import folder


def made(root: Path, records: list[dict[str, Any]]) -> pd.DataFrame:
    runs = [folder(root, record, "evaluate.json") for record in records]
    write_table(reasoning.table({"runs": runs}), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def records(**more: Any) -> list[dict[str, Any]]:
    orders = ("pq", "qp")
    return [made_up.reasoning(s, order=o, **more) for o in orders for s in range(3)]


def test_table_has_a_row_per_cell_and_per_bin(tmp_path: Path) -> None:
    frame = made(tmp_path, [made_up.reasoning(1, base=0.9, fall=0.3)])
    assert list(frame.columns)[: len(reasoning.COLUMNS)] == reasoning.COLUMNS
    cells = frame[frame["part"] == "op"].set_index(["reask", "op"])
    # Nine cells, one of them the mix, and two of reask; three bins each, but one of op 1.
    assert len(cells) == 11
    assert (frame["part"] == "length").sum() == 31
    assert cells["accuracy"].loc[False, 7] == pytest.approx(0.3)
    assert cells["n_correct"].loc[False, 7] == 150
    assert cells["error_not_ready"].loc[False, 7] == 263
    assert cells["error_wrong_value"].loc[False, 7] == 87
    assert cells["unnecessary"].loc[True, 7] == pytest.approx(0.04)
    assert cells["level0_unnecessary_correct"].loc[True, 7] == 4
    assert cells["written_steps"].loc[False, 3] == pytest.approx(2.1)
    # Of the model, not of what it wrote.
    assert (frame["steps"] == 1000).all()
    mix = cells.loc[False].loc[lambda part: part.index.isna()]
    assert len(mix) == 1
    # Without right solutions there is nothing to say about them.
    nothing = made(tmp_path / "b", [made_up.reasoning(0, base=0.5, fall=0.5)])
    cell = nothing[(nothing["op"] == 8) & (nothing["part"] == "op")].iloc[0]
    assert cell["n_correct"] == 0
    assert pd.isna(cell["unnecessary"])
    assert pd.isna(cell["level0_unnecessary_correct"])


def test_lengths_are_shares_of_their_bins(tmp_path: Path) -> None:
    frame = made(tmp_path, [made_up.reasoning(0, base=0.9, fall=0.3)])
    lengths = frame[(frame["part"] == "length") & (frame["op"] == 6) & ~frame["reask"]]
    assert lengths["tokens_from"].tolist() == [0, 60, 80]
    assert lengths["accuracy"].tolist() == pytest.approx([0.6] * 3)
    assert lengths["n_correct"].tolist() == [60] * 3


def hollow(axis: Any) -> list[tuple[float, float]]:
    found = [line for line in axis.lines if line.get_marker() == "D"]
    points = [
        (float(x), float(y))
        for line in found
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    return sorted((round(x, 3), round(y, 3)) for x, y in points if x == x)


def test_published_values_are_at_the_same_multiple_of_the_range(tmp_path: Path) -> None:
    apply_style()
    axes: list[Any] = reasoning.draw(made(tmp_path, records())).axes
    accuracy, needless, lengths = axes
    points = hollow(accuracy)
    # med op 23 of 15 and hard op 32 of 21, problem first, drawn a little to the left of it.
    assert (round(23 / 15 * 5 - 0.12, 3), 76.8) in points
    assert (round(32 / 21 * 5 - 0.12, 3), 82.8) in points
    # Two presets, two orders: 5 + 6 cells each, and one of reask each.
    assert len(points) == 2 * (5 + 6) + 4
    assert len(hollow(needless)) == 2 * (5 + 6) * 2
    names = [tick.get_text() for tick in accuracy.get_xticklabels()]
    assert names == ["mix", *"12345678", "5*", "7*"]
    ops = [text.get_text() for text in lengths.get_legend().get_texts()]
    assert ops == [f"op {op}" for op in range(1, 9)]


def test_what_we_did_not_test_is_not_drawn_of_the_paper(tmp_path: Path) -> None:
    apply_style()
    few = [made_up.reasoning(0, ops=(4, 5, 6))]
    axes = reasoning.draw(made(tmp_path, few)).axes
    assert max(x for x, _ in hollow(axes[0]) if x < 7) <= 6.5
    own = [made_up.reasoning(0, preset="med", op_max=15, ops=(15, 20, 23))]
    axes = reasoning.draw(made(tmp_path / "b", own)).axes
    # Its own preset alone, at its own op.
    assert (23 - 0.0, 76.8) in hollow(axes[0])
    assert (32 - 0.0, 82.8) not in hollow(axes[0])


def test_worlds_have_a_row_each_and_untrained_or_small_models_none(tmp_path: Path) -> None:
    apply_style()
    runs = [*records(), made_up.reasoning(0, steps=0, preset="tiny")]
    runs.append(made_up.reasoning(0, base=0.2, n_params=1000, d_model=8))
    runs.append(made_up.reasoning(0, world="plan", preset="plan", op_max=6))
    frame = made(tmp_path, runs)
    assert {"tiny", "plan", "micro"} == set(frame["preset"])
    figure = reasoning.draw(frame)
    save(figure, tmp_path, "reasoning")
    titles = [axis.get_title(loc="left").split("\n")[0] for axis in figure.axes]
    assert [t for t in titles if t.endswith(": right solutions")] == [
        "plan: right solutions",
        "micro: right solutions",
    ]
    assert hollow(figure.axes[0]) == []
    third: Any = figure.axes[3]
    drawn = [y for line in third.lines for y in line.get_ydata()]
    assert 20 not in [round(float(y), 3) for y in drawn]


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    frame = reasoning.table({})
    assert list(frame.columns) == reasoning.COLUMNS
    apply_style()
    save(reasoning.draw(frame), tmp_path, "reasoning")
