"""The figure of robustness: rows by what is given and temperature, panels by kind."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm.figures import cfg_robustness
from physlm.figures.base import apply_style, save, write_table
from tests.figures.grammar_records import folder, robustness


def made(root: Path, records: list[dict[str, Any]]) -> pd.DataFrame:
    runs = [
        folder(root, r, "evaluate.json", kind=r["perturbation"], share=r["perturbed_share"])
        for r in records
    ]
    write_table(cfg_robustness.table({"runs": runs}), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def records() -> list[dict[str, Any]]:
    return [
        robustness(seed, share, kind, 0.3 if share == 0 else 0.8)
        for kind, share in ((None, 0.0), ("token", 0.1), ("token", 1.0), ("symbol", 0.1))
        for seed in range(3)
    ]


def hollow(axis: Any) -> list[float]:
    found = [line for line in axis.lines if line.get_marker() == "D"]
    return sorted(round(float(y), 4) for line in found for y in line.get_ydata())


def test_table_has_a_row_per_run_given_and_temperature(tmp_path: Path) -> None:
    frame = made(tmp_path, [*records(), robustness(3, 0.0, "token")])
    assert list(frame.columns)[: len(cfg_robustness.COLUMNS)] == cfg_robustness.COLUMNS
    assert len(frame) == 13 * 3 * 2
    # A share of 0 is clean, whatever kind it has none of.
    assert (frame[frame["perturbed_share"] == 0]["perturbation"] == "none").all()
    assert frame[frame["perturbed_share"] == 0]["perturbed_rate"].isna().all()
    row = frame[(frame["given"] == "corrupted") & (frame["temperature"] == 1)].iloc[0]
    assert row["accuracy"] == pytest.approx(0.15)


def test_a_row_of_panels_per_kind_each_with_the_clean_models(tmp_path: Path) -> None:
    apply_style()
    figure = cfg_robustness.draw(made(tmp_path, records()))
    assert len(figure.axes) == 4
    assert [a.get_title(loc="right").strip() for a in figure.axes[:2]] == [
        "temperature 0.1",
        "temperature 1",
    ]
    assert (
        figure.axes[0]
        .texts[0]
        .get_text()
        .startswith("cfg3b from 16 (5 levels), rotary: tokens replaced, n = 3 seeds")
    )
    assert "symbols replaced" in figure.axes[2].texts[0].get_text()
    assert hollow(figure.axes[0]) == [30, 79]
    assert hollow(figure.axes[1]) == []
    lines = [line for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    corrupted = max(lines, key=lambda line: float(max(line.get_ydata())) < 85)
    assert [round(float(y)) for y in corrupted.get_ydata()] == [30, 80, 80]
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "corrupted prefix given (12 tokens)" in legend


def test_clean_models_of_another_grammar_alone_are_drawn(tmp_path: Path) -> None:
    apply_style()
    figure = cfg_robustness.draw(made(tmp_path, [robustness(grammar="cfg3f")]))
    save(figure, tmp_path, "cfg_robustness")
    assert figure.axes[0].texts[0].get_text().startswith("cfg3f from 16 (5 levels), rotary, n = 1")
    # The published values are those of cfg3b, whatever grammar ours is.
    assert hollow(figure.axes[0]) == [30.0, 79.0]


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    frame = cfg_robustness.table({})
    assert list(frame.columns) == cfg_robustness.COLUMNS
    apply_style()
    save(cfg_robustness.draw(frame), tmp_path, "cfg_robustness")
