"""The figure of decoding: its table by hand, series and published values where they belong."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm.figures import retry_decoding
from physlm.figures.base import apply_style, save, write_table
from tests.figures.decoding_records import decoding
from tests.figures.problem_records import folder


def made(root: Path, records: list[dict[str, Any]]) -> pd.DataFrame:
    inputs = {"runs": [folder(root, record, "decoding.json") for record in records]}
    write_table(retry_decoding.table(inputs), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def test_table_has_a_row_per_arm_and_per_case(tmp_path: Path) -> None:
    frame = made(tmp_path, [decoding(), decoding(1, probe=False)])
    assert list(frame.columns)[: len(retry_decoding.COLUMNS)] == retry_decoding.COLUMNS
    solved, detected = (frame[frame["part"] == part] for part in ("solved", "detected"))
    assert len(solved) == 4 * (6 + 5)
    assert len(detected) == 4 * 4
    # 0.99 - 0.2 at op 7, and a quarter of 4 % of what is missing.
    row = solved[(solved["op"] == 7) & (solved["n_beams"] == 4) & (solved["seed"] == 0)].iloc[0]
    assert (row["arm"], row["n_correct"], row["error_not_ready"]) == ("beams", 396, 104)
    assert row["accuracy"] == 396 / 500
    assert (row["steps"], row["written_steps"], row["probe_rank"]) == (1000, 4, 8)
    regret = solved[(solved["detector"] == "trained") & (solved["op"] == 8)].iloc[0]
    assert (regret["retries"], regret["spent"], regret["most_retries"]) == (0.5, 0.05, 10)
    cases = detected[detected["op"] == 5].set_index("case")
    assert cases["n"].to_dict() == {
        "questions": 1000, "right": 1500, "others": 400, "mistakes": 40,
    }  # fmt: skip
    assert cases["accuracy"].to_dict() == {
        "questions": 0.99, "right": 0.99, "others": 0.97, "mistakes": 0.6,
    }  # fmt: skip


def drawn(tmp_path: Path, records: list[dict[str, Any]]) -> Any:
    apply_style()
    figure = retry_decoding.draw(made(tmp_path, records))
    save(figure, tmp_path, "retry_decoding")
    return figure


def test_every_way_has_its_look_and_published_values(tmp_path: Path) -> None:
    figure = drawn(tmp_path, [decoding(seed) for seed in range(3)])
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:6] == [
        "greedy",
        "4 beams",
        "16 beams",
        "regret, trained detector, 10 retries",
        "regret, perfect detector, 10 retries",
        "regret, perfect detector, 50 retries",
    ]
    looks = [(line.get_color(), line.get_marker()) for line in legend.get_lines()[:6]]
    assert len(set(looks)) == 6
    # The diamonds at 23 / 15 and 32 / 21 times the range, which is 5; two for two versions.
    solved, detected = figure.axes
    diamonds = [line for line in solved.lines if line.get_marker() == "D"]
    counts = [len(line.get_xdata()) for line in diamonds]
    assert counts == [2, 2, 2, 4, 2, 2]
    assert diamonds[0].get_ydata().tolist() == pytest.approx([76.8, 82.8])
    assert diamonds[0].get_xdata().mean() == pytest.approx(5 * (23 / 15 + 32 / 21) / 2, abs=0.3)
    assert [text.get_text() for text in detected.texts] == ["12,000", "18,000", "4,800", "480"]
    diamonds = [line.get_ydata().tolist() for line in detected.lines if line.get_marker() == "D"]
    assert diamonds == [[99], [], [], [60]]


def test_plans_have_nothing_published_and_orders_their_own_panels(tmp_path: Path) -> None:
    records = [
        decoding(seed, world=world, preset=preset, order=order)
        for seed in range(2)
        for world, preset, order in (
            ("retry", "plan", "pq"), ("igsm", "micro", "pq"), ("igsm", "micro", "qp"),
        )
    ]  # fmt: skip
    figure = drawn(tmp_path, records)
    titles = [axis.get_title(loc="left").split(":")[0] for axis in figure.axes[::2]]
    assert titles == [
        "plan (problem, question)", "micro (problem, question)", "micro (question, problem)",
    ]  # fmt: skip
    plan, _, micro, *_ = figure.axes
    counts = [
        sum(len(line.get_xdata()) for line in axis.lines if line.get_marker() == "D")
        for axis in (plan, micro)
    ]
    assert counts[0] == 0
    assert counts[1] > 0


def test_without_runs_or_probes_there_is_something_to_draw(tmp_path: Path) -> None:
    frame = retry_decoding.table({})
    assert list(frame.columns) == retry_decoding.COLUMNS
    apply_style()
    save(retry_decoding.draw(frame), tmp_path, "empty")
    drawn(tmp_path, [decoding(0, probe=False)])
