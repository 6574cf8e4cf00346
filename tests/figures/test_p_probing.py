"""The P-probing figure: its rows, and the maps of attribute by position."""

from pathlib import Path

import pandas as pd
import pytest

from physlm.figures import p_probing
from physlm.figures.base import apply_style, save, write_table
from tests.figures.answer_runs import p_runs, probe, result


def made(folder: Path, runs: list[str]) -> pd.DataFrame:
    write_table(p_probing.table({"runs": runs}), folder / "t.csv")
    return pd.read_csv(folder / "t.csv")


def test_table_has_a_row_per_run_task_attribute_and_position(tmp_path: Path) -> None:
    results = [result("first", "major", 0, 0.2), result("whole", "major", 3, 0.9)]
    runs = [
        probe(tmp_path, "p", results, variant="single", control=control, seed=seed)
        for control in ("none", "labels")
        for seed in (0, 1)
    ]
    frame = made(tmp_path, runs)
    assert list(frame.columns)[: len(p_probing.COLUMNS)] == p_probing.COLUMNS
    assert len(frame) == 8
    # "none" must survive the CSV as a word.
    assert set(frame["control"]) == {"none", "labels"}
    whole = frame[(frame["task"] == "whole") & (frame["control"] == "none")]
    assert list(whole["accuracy"]) == [0.9, 0.9]
    assert list(whole["position"]) == [3, 3]


def test_probes_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    run = probe(
        tmp_path, "q", [result("first", "major", 0, 0.2)], variant="a", control="none", seed=0
    )
    with pytest.raises(ValueError, match="kind='q': must be p"):
        p_probing.table({"runs": [run]})


def test_maps_show_positions_controls_and_published_values(tmp_path: Path) -> None:
    apply_style()
    frame = made(tmp_path, p_runs(tmp_path, ("single", "multi5+permute")))
    figure = p_probing.draw(frame)
    first, whole, augmented, _ = figure.axes
    labels = [label.get_text() for label in first.get_xticklabels()]
    assert labels[:7] == ["0", "1", "2", "3", "4", "5", "majority"]
    assert labels[7:] == ["shuffled\nlabels", "random\nmodel", "publ.\nat 0", "publ.\nlast"]
    # single: a triangle of 21 cells, and 5 columns of 6; whole: 20 cells, and 4 columns of 5.
    assert len(first.texts) == 21 + 5 * 6
    assert len(whole.texts) == 20 + 4 * 5
    assert len(augmented.texts) == 36 + 4 * 6
    row = [t.get_text() for t in first.texts if t.get_position()[1] == 1]
    assert row == ["10", "99", "10", "10", "10", "6", "100"]
    assert "n = 3 seeds, 100 people tested" in whole.get_title(loc="right")
    assert "95 % intervals" in figure.get_suptitle()


def test_one_seed_without_controls_is_drawn(tmp_path: Path) -> None:
    apply_style()
    frame = made(tmp_path, p_runs(tmp_path, ("single",), n_seeds=1, controls=False))
    figure = p_probing.draw(frame)
    save(figure, tmp_path, "p_probing")
    assert len(figure.axes) == 2
    assert "interval" not in figure.get_suptitle()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert "random\nmodel" not in labels
