"""params.yaml -> jobs: what the grid makes of it and which lines it refuses."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from physlm.config import ConfigError
from physlm.files import read_json
from physlm.provenance.grid import Grid
from physlm.provenance.runner import Runner
from tests.pipeline.project import TOY

TEXT = (TOY / "params.yaml").read_text()


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return copy.deepcopy(yaml.safe_load(TEXT))


def grid(params: dict[str, Any], tier: str | None = None) -> Grid:
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return Grid(tier)


def refused(params: dict[str, Any], *words: str) -> None:
    with pytest.raises(ConfigError) as error:
        grid(params)
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_jobs_upstream_first(params: dict[str, Any]) -> None:
    jobs = grid(params).jobs
    assert len(jobs) == 12
    seen: set[str] = set()
    for name, job in jobs.items():
        assert set(job.upstream) <= seen
        seen.add(name)
    run = "world=biod,arch=gpt2_rot,d_model=16,n_people=5,seed=0"
    job = jobs[f"laptop/capacity/measure/{run}"]
    assert job.inputs == {
        "model": f"results/laptop/capacity/pretrain/{run}",
        "corpus": "results/laptop/capacity/data/world=biod,n_people=5,seed=0",
    }
    assert [Path(p).name for p in job.files["model"]] == ["model.safetensors", "model.json"]
    table = jobs["laptop/capacity/table/all"]
    assert len(table.inputs["runs"]) == 3
    assert table.paths == ["results/laptop/capacity/capacity.csv"]
    assert jobs["laptop/claims/claims/all"].inputs["ledger"] == "claims.yaml"


def test_lists_multiply_and_branches_are_chosen(params: dict[str, Any]) -> None:
    params["tiers"]["laptop"]["capacity"]["grid"] = [
        {"n_people": [3, 5], "d_model": [8, 16], "seed": [0, 1]}
    ]
    found = grid(params)
    assert len(found.of("capacity", "pretrain")) == 8
    assert len(found.of("capacity", "data")) == 4
    assert found.of("capacity", "data")[0].config["settings"] == {"n_values": 4}
    assert found.of("capacity", "pretrain")[0].config["optimiser"] == {"lr_peak": 0.004}
    assert (
        found.of("capacity", "pretrain")[0].label == "capacity pretrain d_model=8,n_people=3,seed=0"
    )


def test_other_tiers(params: dict[str, Any]) -> None:
    assert all(name.startswith("smoke/") for name in grid(params, "smoke").jobs)
    with pytest.raises(ConfigError, match="tier='big': must be one of smoke, laptop"):
        grid(params, "big")


def test_one_run_id_with_two_settings(params: dict[str, Any]) -> None:
    params["tiers"]["laptop"]["capacity"]["grid"].append(
        {"n_people": 3, "d_model": 8, "lr_peak": 0.1}
    )
    refused(params, "lr_peak: 0.004", "lr_peak: 0.1", "give the same run")


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (("colour",), 1, ["colour: unknown"]),
        (("capacity", "pretrian"), {}, ["pretrian: unknown", "did you mean pretrain?"]),
        (("capacity", "data", "input"), {}, ["input: unknown", "did you mean inputs?"]),
        (("capacity", "point", "n_peple"), 3, ["n_peple=3: no step uses this variable"]),
        (("capacity", "point", "world"), "bios", ["world=bios: no such branch, there are biod"]),
        (("capacity", "point", "seed"), "a/b", ["seed='a/b'", "letters, digits"]),
        (("capacity", "point", "seed"), "a" * 236, ["at most 235 characters"]),
        (("capacity", "data", "config", "seed"), "$sed", ["$sed is not a variable"]),
        (("capacity", "table", "inputs", "runs"), "probe", ["there is no such step"]),
        (("families",), ["capacity", "information", "claims", "x"], ["x has no section"]),
        (("tiers", "smoke"), {"capacity": {}, "claims": {}}, ["tiers.smoke.information: missing"]),
        (("tiers", "laptop", "capacity"), {}, ["capacity.grid: missing"]),
        (("tiers", "laptop", "extra"), {}, ["extra: unknown in tiers.laptop"]),
        (("information", "table", "inputs"), {"x": "claims/claims"}, ["circle"]),
    ],
)
def test_refused(params: dict[str, Any], where: tuple, value: Any, words: list[str]) -> None:
    place = params
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    refused(params, *words)


def test_two_jobs_with_one_output(params: dict[str, Any]) -> None:
    params["families"].append("twin")
    params["twin"] = {
        "figure": params["capacity"]["figure"] | {"inputs": {"table": "capacity/table"}}
    }
    for tier in params["tiers"].values():
        tier["twin"] = {}
    refused(params, "both make results/laptop/figures/capacity.pdf")


def test_text_that_is_no_yaml(params: dict[str, Any]) -> None:
    Path("params.yaml").write_text("a: [1\nb: }")
    with pytest.raises(ConfigError) as error:
        Grid()
    assert str(error.value).startswith("params.yaml: ")
    assert "\n" not in str(error.value)


def test_how_a_job_is_carried_out_is_no_part_of_its_key(
    params: dict[str, Any], tmp_path: Path
) -> None:
    before = grid(params).jobs
    params["capacity"]["pretrain"]["execution"] = {"checkpoint_every_s": 3}
    run = "world=biod,arch=gpt2_rot,d_model=16,n_people=5,seed=0"
    name = f"laptop/capacity/pretrain/{run}"
    job = grid(params).jobs[name]
    assert job.execution == {"checkpoint_every_s": 3}
    assert job.config == before[name].config
    spec = {"name": name, "label": "x", "step": "pretrain", "module": "m", "code": {}, "files": {}}
    spec |= {"config": {"a": 1}, "inputs": {}, "folder": "results/x", "outputs": [], "lock": "l"}
    plain = Runner({**spec, "execution": {}}, tmp_path / "log")
    told = Runner({**spec, "execution": job.execution}, tmp_path / "log")
    assert told.key == plain.key
    assert read_json(told._spec_copy(tmp_path))["config"] == {"a": 1, "checkpoint_every_s": 3}
    params["capacity"]["pretrain"]["execution"] = {"lr_peak": 1}
    refused(params, "lr_peak", "capacity.pretrain.execution", "checkpoint_every_s")
