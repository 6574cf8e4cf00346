"""The tables of problems read what the steps really write, and made-up records look like that."""

from typing import Any

import pandas as pd
import pytest

from physlm.evaluate.igsm.config import ReasoningConfig
from physlm.evaluate.igsm.reasoning import measure
from physlm.figures import depth, mistakes, reasoning, v_probing
from physlm.figures.base import apply_style, read_runs
from physlm.files import write_json
from physlm.probe.v_config import TASKS
from physlm.probe.v_probing import probe_solver
from tests.evaluate.igsm import toy
from tests.figures import problem_records as made_up
from tests.probe import v_toy


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Folders with records of a model that hardly learned: solved, probed, one layer probed."""
    root = tmp_path_factory.mktemp("runs")
    trained = toy.train(root / "model")
    asked = {"n": 12, "ops": (None, 1, 6), "reask_ops": (5,), "length_bins": (40, 60)}
    solved = measure(trained.folder, ReasoningConfig(seed=0, **asked))
    records = {"solved": {"measure": "reasoning", **solved}}
    written = {"n": 8, "ops": (1,), "reask_ops": (5,)}
    for name, changes in (
        ("probed", {"tasks": list(TASKS), "reask": [False, True], "mistakes": written}),
        ("layer", {"tasks": ["nece"], "layer": 0}),
    ):
        config = v_toy.built(n_steps=2, **changes)
        records[name] = probe_solver(trained, config, root / "scratch" / name)
    folders = {}
    for name, record in records.items():
        place = root / name / "order=pq,seed=0"
        place.mkdir(parents=True)
        file = "evaluate.json" if name == "solved" else "v_probe.json"
        write_json(place / file, record)
        folders[name] = [str(place)]
    return folders


def test_made_up_records_have_the_keys_of_real_ones(inputs: dict[str, list[str]]) -> None:
    (solved,) = read_runs(inputs["solved"], "evaluate.json")
    (probed,) = read_runs(inputs["probed"], "v_probe.json")
    assert set(made_up.reasoning()) == set(solved)
    fake, real = made_up.reasoning()["cells"][0], solved["cells"][0]
    assert set(fake) <= set(real)
    for part in ("problems", "level0"):
        assert set(fake[part]) <= set(real[part])
    assert set(fake["lengths"][0]) == set(real["lengths"][0])
    invented = made_up.v_probe(mistakes=made_up.mistakes())
    assert set(invented) == set(probed)
    theirs, ours = ({r["task"]: set(r) for r in run["results"]} for run in (invented, probed))
    assert all(theirs[task] <= ours[task] for task in TASKS)
    (cell, *_) = invented["mistakes"]
    assert set(cell) == set(probed["mistakes"][0])
    for task in ("nece", "can_next", "nece_next"):
        assert set(cell[task]) == set(probed["mistakes"][0][task])


def test_tables_of_real_records_are_whole(inputs: dict[str, list[str]]) -> None:
    tables: dict[Any, dict[str, list[str]]] = {
        reasoning: {"runs": inputs["solved"]},
        v_probing: {"runs": inputs["probed"]},
        mistakes: {"runs": inputs["probed"], "solutions": inputs["solved"]},
        depth: {"runs": inputs["solved"], "probes": inputs["layer"]},
    }
    apply_style()
    for module, roles in tables.items():
        frame = module.table(roles)
        known = frame[["arch", "preset", "order", "op_max", "n_layers", "steps", "seed"]]
        assert len(frame) > 0
        assert known.notna().all().all()
        assert len(module.draw(frame).axes) >= 3
    frame: pd.DataFrame = mistakes.table(tables[mistakes])
    asked = frame[frame["task"] == "can_next"]
    assert (asked["n_wrong"] + asked["n_correct"] == 8).all()
    solutions = frame[frame["case"] == mistakes.SOLUTIONS]
    errors = solutions.filter(like="error_").sum(axis=1)
    assert (errors == solutions["n_wrong"]).all()
    assert (solutions["n_wrong"] + solutions["n_correct"] == 12).all()
    layers = depth.table(tables[depth])
    assert set(layers.loc[layers["part"] == depth.PROBED, "layer"]) == {0}
