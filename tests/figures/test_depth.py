"""The figure of depth: shapes of equal size by op, and what each layer knows by distance."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm.figures import depth
from physlm.figures.base import apply_style, save, write_table
from tests.figures import problem_records as made_up
from tests.figures.problem_records import folder, v_probe


def made(root: Path, runs: list[dict[str, Any]], probes: list[dict[str, Any]]) -> pd.DataFrame:
    inputs = {
        "runs": [folder(root, r, "evaluate.json") for r in runs],
        "probes": [folder(root / "p", r, "v_probe.json", layer=r["layer"]) for r in probes],
    }
    write_table(depth.table(inputs), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def runs() -> list[dict[str, Any]]:
    return [
        made_up.reasoning(seed, fall=0.3 / n, n_layers=n, d_model=256 // n)
        for n in (1, 4)
        for seed in range(3)
    ]


def probes(layers: tuple[int | None, ...] = (0, 1, 2, 3)) -> list[dict[str, Any]]:
    return [
        v_probe(
            seed,
            layer=layer,
            tasks=("nece",),
            distances={0: 0.99, 1: 0.2 + 0.2 * (3 if layer is None else layer), 2: 0.5},
        )
        for seed in range(3)
        for layer in layers
    ]


def test_table_has_solutions_and_what_layers_know(tmp_path: Path) -> None:
    frame = made(tmp_path, runs(), probes())
    assert list(frame.columns)[: len(depth.COLUMNS)] == depth.COLUMNS
    assert (frame["part"] == "solved").sum() == 6 * 11
    # Five sets of problems (one asked again), three distances, of three seeds and four layers.
    assert (frame["part"] == "probed").sum() == 3 * 4 * 5 * 3
    shares = depth.layer_shares(frame)
    # Without the query itself and without problems asked again: 4 sets of 300 parameters.
    assert len(shares) == 3 * 4 * 2
    assert (shares["n"] == 1200).all()
    first = shares[(shares["layer"] == 2) & (shares["distance"] == 1)]
    assert first["accuracy"].tolist() == pytest.approx([0.6] * 3)


def test_a_world_has_the_name_of_its_runs(tmp_path: Path) -> None:
    solved = folder(tmp_path, made_up.reasoning(), "evaluate.json", preset="micro2")
    probed = folder(tmp_path / "p", probes((0,))[0], "v_probe.json", preset="micro2")
    plan = folder(tmp_path, made_up.reasoning(world="plan", preset="plan"), "evaluate.json")
    plan_named = Path(plan).rename(tmp_path / Path(plan).name.replace("=plan", "=micro"))
    frame = depth.table({"runs": [solved, str(plan_named)], "probes": [probed]})
    assert set(frame[frame["world"] == "igsm"]["preset"]) == {"micro2"}
    assert set(frame[frame["part"] == "probed"]["preset"]) == {"micro2"}
    assert set(frame[frame["world"] == "plan"]["preset"]) == {"plan"}


def test_the_normed_output_stands_for_the_last_layer_only_where_that_is_missing(
    tmp_path: Path,
) -> None:
    shares = depth.layer_shares(made(tmp_path, [], probes((0, None))))
    assert sorted(set(shares["layer"])) == [0, 3]
    both = depth.layer_shares(made(tmp_path / "b", [], probes((0, 3, None))))
    assert (both["n"] == 1200).all()
    assert sorted(set(both["layer"])) == [0, 3]


def test_untrained_models_and_controls_do_not_count(tmp_path: Path) -> None:
    others = [p | {"steps": 0} for p in probes((0,))] + [
        p | {"control": "model", "d_model": 8} for p in probes((1,))
    ]
    assert depth.layer_shares(made(tmp_path, [], others)).empty


def test_shapes_layers_and_published_are_drawn(tmp_path: Path) -> None:
    apply_style()
    frame = made(tmp_path, runs(), probes())
    frame.loc[frame["distance"] == 2, "n"] = 4  # in four sets: 16, too few for a share
    figure = depth.draw(frame)
    save(figure, tmp_path, "depth")
    axes: list[Any] = figure.axes
    by_op, by_depth, published, layers = axes
    legend = [text.get_text() for text in by_op.get_legend().get_texts()]
    assert legend == ["1 x 256 (0.45M)", "4 x 64 (0.45M)"]
    # A line per seed: op 6, 7 and 8 are 0.3 / n below each other, 0.6 / n on average.
    lines = [line for line in by_depth.lines if list(line.get_xdata()) == [1, 4]]
    assert len(lines) == 3
    assert lines[0].get_ydata() == pytest.approx([39, 84], abs=0.2)
    # med and hard, two orders, two sizes.
    assert sum(len(line.get_xdata()) == 5 for line in published.lines) == 8
    assert [t.get_text() for t in layers.get_legend().get_texts()] == ["1", "2", "3", "4"]
    assert list(layers.get_xticks()) == [1]


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    frame = depth.table({})
    assert list(frame.columns) == depth.COLUMNS
    apply_style()
    save(depth.draw(frame), tmp_path, "depth")
