"""The figure of implicit grammars: a row per run, trained and untrained models by kind of bags."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from physlm.figures import cfg_implicit
from physlm.figures.base import apply_style, save, write_table
from tests.figures.grammar_records import bags, folder


def made(root: Path, records: list[dict[str, Any]], **names: Any) -> pd.DataFrame:
    runs = [folder(root, record, "evaluate.json", i=i, **names) for i, record in enumerate(records)]
    write_table(cfg_implicit.table({"runs": runs}), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def test_the_kind_of_bags_is_a_variable_of_the_run(tmp_path: Path) -> None:
    records = [bags(seed=seed) for seed in range(3)]
    frame = made(tmp_path / "a", records, bags="overlap")
    assert list(frame.columns)[: len(cfg_implicit.COLUMNS)] == cfg_implicit.COLUMNS
    assert frame["bags"].tolist() == ["overlap"] * 3
    assert set(made(tmp_path / "b", records)["bags"]) == {"bags"}


def test_trained_and_untrained_models_with_chance(tmp_path: Path) -> None:
    apply_style()
    runs = [bags(seed=s) for s in range(3)]
    runs += [bags(seed=s, within=0.01, nearest=0.3, steps=0) for s in range(3)]
    figure = cfg_implicit.draw(made(tmp_path, runs, bags="disjoint"))
    cosine, nearest = figure.axes
    assert cosine.get_title(loc="left") == "cfg3f from 16 (5 levels): n = 3 seeds"
    assert [t.get_text() for t in nearest.get_xticklabels()] == ["disjoint\nrotary"]
    drawn = {
        line.get_marker(): float(np.ravel(line.get_ydata())[0])
        for line in [*cosine.lines, *nearest.lines]
        if line.get_marker() in ("o", "s", "x", "+")
    }
    # The right panel comes last: nearest in per cent for o and x.
    assert drawn == pytest.approx({"o": 90, "s": -0.1, "x": 30, "+": -0.1})
    chance = nearest.collections[-1].get_segments()[0]
    assert chance[:, 1] == pytest.approx([31, 31])
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "untrained, sharing none" in legend


def test_without_controls_and_without_runs(tmp_path: Path) -> None:
    apply_style()
    alone = [bags(nearest=0.8) | {"cosine_across": None}]
    figure = cfg_implicit.draw(made(tmp_path, alone))
    assert not any("untrained" in t.get_text() for t in figure.legends[0].get_texts())
    save(figure, tmp_path, "cfg_implicit")
    frame = cfg_implicit.table({})
    assert list(frame.columns) == cfg_implicit.COLUMNS
    save(cfg_implicit.draw(frame), tmp_path, "cfg_implicit")
