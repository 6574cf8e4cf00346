"""The figure of V-probes: rows by what is asked and about which parameters, with controls."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm.figures import v_probing
from physlm.figures.base import apply_style, save, write_table
from tests.figures.problem_records import folder, v_probe


def made(root: Path, records: list[dict[str, Any]]) -> pd.DataFrame:
    names = ("control", "layer")
    runs = [folder(root, r, "v_probe.json", **{key: r[key] for key in names}) for r in records]
    write_table(v_probing.table({"runs": runs}), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def records() -> list[dict[str, Any]]:
    return [
        v_probe(seed, control, order=order)
        for order in ("pq", "qp")
        for seed in range(3)
        for control in ("none", "model")
    ]


def test_table_has_rows_of_all_and_of_parts(tmp_path: Path) -> None:
    frame = made(tmp_path, [v_probe(2, accuracy=0.9, ops=(5, 7))])
    assert list(frame.columns)[: len(v_probing.COLUMNS)] == v_probing.COLUMNS
    one = frame[(frame["task"] == "nece") & (frame["op"] == 7)]
    # All, necessary and unnecessary A, each with two right answers, and five distances.
    assert len(one) == 3 * 3 + 5
    whole = v_probing.overall(one)
    assert whole["accuracy"].tolist() == pytest.approx([0.89])
    assert whole["majority"].tolist() == pytest.approx([0.55])
    far = one[one["distance"] == 3]
    assert far["accuracy"].tolist() == pytest.approx([0.86])
    assert (far["about"] == "necessary").all()
    by_label = v_probing.by_label(one, "unnecessary")
    assert sorted(by_label["label"]) == [0, 1]
    values = frame[(frame["task"] == "value") & (frame["op"] == 7) & (frame["about"] == "all")]
    assert sorted(values["label"].dropna()) == [0, 1, 5]


def test_sets_without_problems_that_fit_are_left_out(tmp_path: Path) -> None:
    record = v_probe(0, ops=(5, 7))
    for result in record["results"]:
        if result["op"] == 7:
            for key in set(result) - {"task", "op", "reask"}:
                del result[key]
            result |= {"n_problems": 0, "left_out": 100}
    frame = made(tmp_path, [record])
    assert set(frame["op"]) == {5}


def test_other_layers_are_in_the_table_alone(tmp_path: Path) -> None:
    frame = made(tmp_path, [v_probe(0, accuracy=0.95), v_probe(0, accuracy=0.2, layer=1)])
    assert v_probing.overall(frame)["accuracy"].min() > 0.9
    assert frame["accuracy"].min() < 0.2


def of_marker(axis: Any, marker: str) -> list[tuple[float, float]]:
    points = [
        (round(float(x), 3), round(float(y), 2))
        for line in axis.lines
        if line.get_marker() == marker
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    return sorted(points)


def test_six_tasks_level_two_and_distances_are_drawn(tmp_path: Path) -> None:
    apply_style()
    figure = v_probing.draw(made(tmp_path, records()))
    save(figure, tmp_path, "v_probing")
    assert len(figure.axes) == 9
    titles = [axis.get_title(loc="left").split("\n")[0] for axis in figure.axes]
    assert [t.split(", ")[1].split(":")[0] for t in titles[:6]] == list(v_probing.TASKS)
    nece, dep, can_next = figure.axes[0], figure.axes[6], figure.axes[7]
    # Published of med at op 23 of 15, question last, with the model and untrained.
    place = round(23 / 15 * 5 - 0.12, 3)
    assert {(place, 94.7), (place, 49.3)} <= set(of_marker(nece, "D"))
    # Untrained models are right about the commoner answer alone.
    for axis in (dep, can_next):
        up, down = of_marker(axis, "^"), of_marker(axis, "v")
        assert {y for _, y in up} == {98.5, 97.5, 97.0, 10.0}
        assert {y for _, y in down} == {98.5, 97.5, 97.0, 95.0}


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    frame = v_probing.table({})
    assert list(frame.columns) == v_probing.COLUMNS
    apply_style()
    save(v_probing.draw(frame), tmp_path, "v_probing")
