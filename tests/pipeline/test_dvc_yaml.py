"""dvc.yaml and the grid tell the same story, on the real repository."""

from pathlib import Path

import pytest
import yaml

from physlm.config import ConfigError
from physlm.provenance.closure import root_of, source
from physlm.provenance.commit import stage_name
from physlm.provenance.verdicts import State, published
from tests.pipeline.project import ROOT, settings_of


@pytest.fixture(scope="module")
def state() -> State:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return State()


@pytest.fixture(scope="module")
def stages() -> dict[str, dict]:
    from dvc.repo import Repo

    repo = Repo(str(ROOT))
    found = {
        stage.name: {
            "outs": {out.def_path for out in stage.outs},
            "deps": {dep.def_path for dep in stage.deps if dep.def_path != "params.yaml"},
            "git": {out.def_path for out in stage.outs if not out.use_cache},
            "persist": all(out.persist for out in stage.outs),
            "cmd": stage.cmd,
        }
        for stage in repo.index.stages
    }
    repo.close()
    return found


def test_20_a_stage_for_every_family_and_step(state: State, stages: dict) -> None:
    assert set(stages) == {stage_name(*stage) for stage in state.grid.stages()}
    for family, step in state.grid.stages():
        assert f"-- {family}_{step}" in stages[stage_name(family, step)]["cmd"]


def test_20_stages_have_the_outputs_of_the_grid(state: State, stages: dict) -> None:
    copies = published(state.grid)
    for family, step in state.grid.stages():
        jobs, stage = state.grid.of(family, step), stages[stage_name(family, step)]
        paths = {path for job in jobs for path in job.paths}
        if state.grid.steps[step].git:
            short = {
                copy for copy, path in copies.items() if path in paths and copy.count("/") == 1
            }
            assert stage["outs"] == paths | short
            assert stage["git"] == stage["outs"]
        else:
            assert stage["outs"] == {str(Path(job.folder).parent) for job in jobs}
            assert stage["git"] == set()
        assert stage["persist"]


def test_20_deps_cover_the_code_and_the_inputs(state: State, stages: dict) -> None:
    missing: list[tuple[str, str]] = []
    for family, step in state.grid.stages():
        deps = stages[stage_name(family, step)]["deps"]
        for job in state.grid.of(family, step):
            needed = {path for paths in job.files.values() for path in paths}
            for name in state.specs[job.name]["code"]:
                file = source(name) if "/" not in name else root_of("physlm") / name
                if name != "physlm" and file is not None and file.is_relative_to(ROOT):
                    needed.add(str(file.relative_to(ROOT)))
            missing += [
                (step, path) for path in needed if not any(_covers(dep, path) for dep in deps)
            ]
    assert sorted(set(missing)) == []


def _covers(dep: str, path: str) -> bool:
    return path == dep or path.startswith(dep + "/")


def test_22_every_tier_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for tier in yaml.safe_load((ROOT / "params.yaml").read_text())["tiers"]:
        grid = State(tier).grid
        assert grid.tier == tier
        assert grid.jobs


def test_a_file_that_a_job_needs_is_asked_for_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = settings_of("capacity")
    for block in params["tiers"]["smoke"]["capacity"]["grid"]:
        block["tokenizer"] = "gpt2"
    bios = params["capacity"]["data"]["config"]["settings"]["$world"]["bios"]
    bios["tokenizer_file"] = "nowhere/tokenizer.json"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"'nowhere/tokenizer\.json': no such file") as caught:
        State("smoke")
    assert "capacity.data.config" in str(caught.value)
    bios["tokenizer_file"] = str(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert State("smoke").grid.jobs
