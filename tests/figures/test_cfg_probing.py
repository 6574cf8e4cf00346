"""The figure of tree probes: rows by question and depth, levels counted from the tokens."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm.figures import cfg_probing
from physlm.figures.base import apply_style, save, write_table
from tests.figures.grammar_records import folder, tree_probe


def made(root: Path, records: list[dict[str, Any]]) -> pd.DataFrame:
    runs = [
        folder(root, r, "tree_probe.json", span=r["reach"], control=r["control"], layer=r["layer"])
        for r in records
    ]
    write_table(cfg_probing.table({"runs": runs}), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def records() -> list[dict[str, Any]]:
    return [
        tree_probe(arch, seed, reach, control, 0.95 if control == "none" else 0.6)
        for arch in ("gpt2_rot", "deberta")
        for seed in range(3)
        for reach in (None, 0)
        for control in ("none", "model")
    ]


def test_table_has_a_row_per_run_question_and_depth(tmp_path: Path) -> None:
    frame = made(tmp_path, [*records(), tree_probe("gpt2", reach=1), tree_probe("gpt2", reach=4)])
    assert list(frame.columns)[: len(cfg_probing.COLUMNS)] == cfg_probing.COLUMNS
    assert len(frame) == (2 * 3 * 2 * 2 + 2) * 2 * 3
    assert set(frame["span"]) == {"whole", "diagonal", "tridiagonal", "within 4"}
    assert ((frame["depth"] + frame["height"]) == 4).all()
    lowest = frame[(frame["height"] == 1) & (frame["control"] == "none")]
    assert lowest["accuracy"].unique() == pytest.approx([0.95])
    assert frame["layer"].isna().all()


def hollow(axis: Any) -> list[float]:
    found = [line for line in axis.lines if line.get_marker() == "D"]
    return sorted(round(float(y), 4) for line in found for y in line.get_ydata())


def test_published_levels_are_those_of_the_same_height(tmp_path: Path) -> None:
    apply_style()
    figure = cfg_probing.draw(made(tmp_path, records()))
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert [text.split("\n")[0] for text in titles] == [
        "Symbols, from the whole string",
        "Symbols at ends, from the end alone",
        "Ends, from the whole string",
    ]
    whole, diagonal, ends = figure.axes
    # NT6, NT5 and NT4 of cfg3f: rotary, DeBERTa and the untrained model.
    assert hollow(whole) == [44.6, 49.9, 71.3, 95.2, 96.3, 97.7, 99.6, 100, 100]
    assert hollow(diagonal) == [54.4, 58.8, 75.4, 78.2, 99.1, 99.2, 99.3, 100, 100]
    assert hollow(ends) == []
    dots = [c for c in whole.collections if len(c.get_offsets()) == 3]
    assert len(dots) == 2 * 2 * 3
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend[:4] == ["rotary", "DeBERTa", "untrained model", "ceiling: exact posterior"]


def test_middle_layers_are_in_the_table_alone_and_parts_may_be_missing(tmp_path: Path) -> None:
    apply_style()
    few = [tree_probe("gpt2_rot", reach=0, ceiling=None, grammar="mine")]
    few.append(tree_probe("gpt2_rot", accuracy=0.1, grammar="mine") | {"layer": 0})
    frame = made(tmp_path, few)
    assert set(frame["layer"].dropna()) == {0}
    figure = cfg_probing.draw(frame)
    save(figure, tmp_path, "cfg_probing")
    assert [a.get_title(loc="left") for a in figure.axes] == [
        "Symbols at ends, from the end alone\nmine from 16 (5 levels)"
    ]
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert not {"untrained model", "ceiling: exact posterior"} & set(legend)
    assert hollow(figure.axes[0]) == []


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    frame = cfg_probing.table({})
    assert list(frame.columns) == cfg_probing.COLUMNS
    apply_style()
    save(cfg_probing.draw(frame), tmp_path, "cfg_probing")
