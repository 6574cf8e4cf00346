"""The celebrity figure: its rows and its panels."""

from pathlib import Path

import pandas as pd

from physlm.figures import celebrity
from physlm.figures.base import apply_style, save, write_table
from tests.figures.answer_runs import celebrity_inputs

GAINS = {"single": (0.1, 0.5), "single+permute1": (0.05, 0.7)}


def made(folder: Path, inputs: dict[str, list[str]]) -> pd.DataFrame:
    write_table(celebrity.table(inputs), folder / "t.csv")
    return pd.read_csv(folder / "t.csv")


def test_table_has_a_row_per_exam_with_celebrities_and_memory(tmp_path: Path) -> None:
    frame = made(tmp_path, celebrity_inputs(tmp_path, GAINS))
    assert list(frame.columns)[: len(celebrity.COLUMNS)] == celebrity.COLUMNS
    assert len(frame) == 12
    assert set(frame["celebrities"]) == {0, 100}
    assert (frame["biography_accuracy"] == 0.995).all()


def test_a_panel_per_minority_compares_with_and_without(tmp_path: Path) -> None:
    apply_style()
    figure = celebrity.draw(made(tmp_path, celebrity_inputs(tmp_path, GAINS)))
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[0].startswith("Minority: single+permute1 (n = 3 seeds, 100 people asked")
    top = figure.axes[0]
    ticks = [t.get_text() for t in figure.axes[-1].get_xticklabels()]
    assert ticks[:2] == ["mean", "birth date"]
    assert top.get_ylabel() == "Right answers (%)"
    seeds = [c for c in top.collections if len(c.get_offsets()) == 3]
    assert len(seeds) == 2 * 7
    hollow = [line for line in top.lines if line.get_marker() == "D"]
    drawn = [round(float(y), 4) for line in hollow for y in line.get_ydata()]
    assert {4.4, 86.8, 98.3} <= set(drawn)
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend[:2] == ["without celebrities", "with celebrities"]


def test_one_seed_with_celebrities_alone_is_drawn(tmp_path: Path) -> None:
    apply_style()
    inputs = celebrity_inputs(tmp_path, {"single": (0.1, 0.5)}, n_seeds=1)
    helped = [run for run in inputs["exams"] if "celebrities=100" in run]
    frame = made(tmp_path, {"exams": helped})
    figure = celebrity.draw(frame)
    save(figure, tmp_path, "celebrity")
    assert "n = 1 seed," in figure.axes[0].get_title(loc="left")
    assert frame["biography_accuracy"].isna().all()
