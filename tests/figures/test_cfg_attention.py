"""The figure of attention: distances in bins, excess by layer, and its panels."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from physlm.figures import cfg_attention
from physlm.figures.base import apply_style, save, write_table
from tests.figures.grammar_records import attention, folder


def made(root: Path, records: list[dict[str, Any]]) -> pd.DataFrame:
    runs = [folder(root, record, "evaluate.json") for record in records]
    write_table(cfg_attention.table({"runs": runs}), root / "t.csv")
    return pd.read_csv(root / "t.csv")


@pytest.mark.parametrize("width", [1, 5, 16, 17, 18, 40, 500])
def test_bins_take_every_distance_once(width: int) -> None:
    edges = cfg_attention.bins(width)
    assert (edges[0], edges[-1]) == (0, width)
    assert (np.diff(edges) > 0).all()
    assert edges[: min(width, 17) + 1] == list(range(min(width, 17) + 1))


def test_table_has_distances_by_layer_and_all_excess_records(tmp_path: Path) -> None:
    frame = made(tmp_path, [attention("gpt2_rot")])
    assert list(frame.columns)[: len(cfg_attention.COLUMNS)] == cfg_attention.COLUMNS
    counts = frame["kind"].value_counts()
    assert counts["end"] == 2 * 3 * 5
    assert counts["adjacent"] == 2 * 3 * 4
    assert counts["end_to_end"] == 2 * 3 * 3 * 9
    assert counts["reach"] == 2 * 2
    assert counts["distance"] == 2 * (len(cfg_attention.bins(40)) - 1)
    near = frame[(frame["kind"] == "distance") & (frame["distance"] == 2)].iloc[0]
    assert near[["value", "lowest", "highest"]].tolist() == pytest.approx(
        [(0.2 / 3 + 0.2 / 4) / 2, 0.2 / 4, 0.2 / 3]
    )
    far = frame[frame["distance"] == 18].iloc[0]
    # The bin of 17 to 19.
    assert far["highest"] == pytest.approx(np.mean([0.2 / 18, 0.2 / 19, 0.2 / 20]))
    heads = frame[(frame["kind"] == "reach") & (frame["layer"] == 0)].set_index("head")["value"]
    p = np.arange(40)
    assert heads[0] == pytest.approx((p / (p + 1)).sum() / (1 / (p + 1)).sum())
    end = frame[(frame["kind"] == "end") & (frame["height"] == 1)]
    assert (end["depth"] == 3).all()


def hollow(axis: Any) -> list[float]:
    found = [line for line in axis.lines if line.get_marker() == "D"]
    return sorted(round(float(y), 4) for line in found for y in line.get_ydata())


def test_panels_of_each_architecture_with_values_of_the_same_height(tmp_path: Path) -> None:
    apply_style()
    runs = [attention(a, s, grammar="cfg3b") for a in ("gpt2", "gpt2_rot") for s in range(3)]
    figure = cfg_attention.draw(made(tmp_path, runs))
    assert len(figure.axes) == 8
    assert figure.axes[0].get_title(loc="left").endswith("rotary, n = 3 seeds")
    assert figure.axes[4].get_title(loc="left").endswith("absolute, n = 3 seeds")
    assert hollow(figure.axes[1]) == [0.19, 0.47, 0.64]
    assert hollow(figure.axes[2])[-3:] == [2.11, 2.98, 3.15]
    assert hollow(figure.axes[5]) == []
    # Excess at ends, mean over two layers of 0.6 and 0.66 %.
    peak = max(float(np.max(line.get_ydata())) for line in figure.axes[1].lines)
    assert peak == pytest.approx(0.64)
    texts = [t.get_text() for t in figure.axes[3].texts]
    assert len(texts) == 3 * 9
    assert texts.count(".40") == 3
    assert texts.count("-.05") == 3 * 8
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert any("third party" in text for text in labels)


def test_attention_without_excess_and_few_kinds_are_drawn(tmp_path: Path) -> None:
    apply_style()
    flat = attention("gpt2_pos", scale=0.0)
    bare = attention("gpt2_rel", grammar="mine")
    bare["excess"] = [r for r in bare["excess"] if r["kind"] == "end" and r["depth"] < 3]
    figure = cfg_attention.draw(made(tmp_path, [flat, bare]))
    save(figure, tmp_path, "cfg_attention")
    assert len(figure.axes) == 8
    assert list(figure.axes[3].texts) == []


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    frame = cfg_attention.table({})
    assert list(frame.columns) == cfg_attention.COLUMNS
    apply_style()
    save(cfg_attention.draw(frame), tmp_path, "cfg_attention")
