"""The figure of generation: a row per run and cut, its panels, and what is published."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from physlm.figures import cfg_generation
from physlm.figures.base import apply_style, save, write_table
from tests.figures.grammar_records import folder, generation


def made(root: Path, records: list[dict[str, Any]]) -> pd.DataFrame:
    runs = [folder(root, record, "evaluate.json") for record in records]
    write_table(cfg_generation.table({"runs": runs}), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def records() -> list[dict[str, Any]]:
    arches = {"gpt2": 0.6, "gpt2_rot": 0.95, "gpt2_rel": 0.97}
    return [
        generation(arch, seed, value + 0.01 * seed)
        for arch, value in arches.items()
        for seed in range(3)
    ]


def test_table_has_a_row_per_run_and_cut(tmp_path: Path) -> None:
    frame = made(tmp_path, records())
    assert list(frame.columns)[: len(cfg_generation.COLUMNS)] == cfg_generation.COLUMNS
    assert len(frame) == 3 * 3 * 2
    row = frame[(frame["arch"] == "gpt2") & (frame["seed"] == 2) & (frame["cut"] == 0.3)].iloc[0]
    assert row["accuracy"] == pytest.approx(0.64)
    assert row[["model_bits", "truth_bits", "kl_nats", "exact_nats"]].tolist() == pytest.approx(
        [45, 44, 0.001, 0.742]
    )
    assert row[["distinct_model_d2", "distinct_truth_d2"]].tolist() == pytest.approx([108, 120])
    assert row["n_distinct"] == 200
    assert "distinct_model_d0" not in frame
    assert "distinct_truth_d4" in frame


def test_only_records_of_the_measure_are_taken(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be generation"):
        made(tmp_path, [generation("gpt2") | {"measure": "bags"}])


def hollow(axis: Any) -> list[float]:
    """The published values of a panel."""
    found = [line for line in axis.lines if line.get_marker() == "D"]
    return [float(y) for line in found for y in line.get_ydata()]


def test_panels_show_seeds_and_the_published_values_of_the_whole_grammar(tmp_path: Path) -> None:
    apply_style()
    figure = cfg_generation.draw(made(tmp_path, records()))
    assert len(figure.axes) == 4
    accuracy, divergence, entropy, distinct = figure.axes
    assert accuracy.get_title(loc="left") == "cfg3f from 16 (5 levels):\naccuracy, n = 3 seeds"
    names = [t.get_text() for t in accuracy.get_xticklabels()]
    assert names == ["relative", "rotary", "absolute"]
    assert sorted(hollow(accuracy)) == pytest.approx([57.1, 57.3, 97.6, 97.7, 98.8, 98.8])
    assert sorted(hollow(divergence)) == pytest.approx([0.00043, 0.0006, 0.00455])
    assert divergence.get_yscale() == "log"
    assert sorted(hollow(entropy)) == pytest.approx([2, 4, 7])
    own = [c for c in accuracy.collections if len(c.get_offsets()) == 3]
    assert len(own) == 3 * 2
    bars = [line for line in distinct.lines if line.get_color() == "black"]
    assert sorted({float(np.ravel(b.get_ydata())[0]) for b in bars}) == [9, 120, 190, 200]
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "left: nothing given" in legend
    assert "left: 30 % given" in legend
    assert any("whole grammar" in text for text in legend)


def test_untrained_models_and_unknown_grammars_of_one_seed_are_drawn(tmp_path: Path) -> None:
    apply_style()
    few = [generation("gpt2_rot"), generation("gpt2_rot", steps=0, accuracy=0.0, kl=0.6)]
    few.append(generation("gpt2_rot", grammar="mine", root=7, n_levels=3))
    figure = cfg_generation.draw(made(tmp_path, few))
    save(figure, tmp_path, "cfg_generation")
    titles = [axis.get_title(loc="left") for axis in figure.axes[::4]]
    assert [text.split(":")[0] for text in titles] == [
        "mine from 7 (3 levels)",
        "cfg3f from 16 (5 levels)",
    ]
    names = [t.get_text() for t in figure.axes[4].get_xticklabels()]
    assert names == ["rotary", "untrained"]
    assert hollow(figure.axes[0]) == []


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    frame = cfg_generation.table({})
    assert list(frame.columns) == cfg_generation.COLUMNS
    assert frame.empty
    apply_style()
    save(cfg_generation.draw(frame), tmp_path, "cfg_generation")
