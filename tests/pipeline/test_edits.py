"""Edits of params and code in a finished project: exactly what depends on them is redone."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.pipeline.conftest import Copy
from tests.pipeline.project import Project

pytestmark = pytest.mark.pipeline

BIG = "world=biod,arch=gpt2_rot,d_model=16,n_people=5,seed=0"


@pytest.fixture(scope="module")
def project(copy_of: Copy) -> Project:
    return copy_of("edits")


@pytest.fixture(autouse=True)
def _same_again(project: Project, finished: Project) -> Iterator[None]:
    yield
    project.sh("git checkout -q . && git clean -qfd && rm -rf results")
    shutil.copytree(finished.folder / "results", project.folder / "results")


def plan(project: Project, arguments: str = "") -> str:
    """The totals of the plan."""
    lines = project.sh(f"python -m physlm.cli plan {arguments}").stdout.splitlines()
    return lines[-1].partition(": ")[2]


NOTHING = "12 up to date, 0 to restore, 0 to fetch, 0 to run"


def test_noop(project: Project) -> None:
    assert plan(project) == NOTHING
    done = project.sh("snakemake --cores 2")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_7_grid_shrunk_and_grown(project: Project) -> None:
    project.edit("params.yaml", "        - {n_people: 5, d_model: 16}\n", "")
    executed = project.snakemake()
    assert sorted(executed) == ["capacity/figure/all", "capacity/table/all", "claims/claims/all"]
    assert "d_model=16" not in project.text("figures/capacity.pdf")
    for step in ("pretrain", "measure"):
        assert not (project.folder / f"results/laptop/capacity/{step}/{BIG}").exists()
        assert not (project.folder / f"results/laptop/locks/capacity/{step}/{BIG}.json").exists()
    assert "up to date" in project.dvc("status")
    project.sh("git checkout -q . && git clean -qfd")
    assert project.snakemake() == []
    assert project.git_status() == ""


def test_8_comments_refactorings_and_changes(project: Project) -> None:
    project.edit("src/physlm/data/biod.py", "return", "# in order\n    return")
    project.edit("src/physlm/evaluate/toy.py", "Bits of a toy.", "Bits, of a toy.")
    assert plan(project) == NOTHING
    project.edit("src/physlm/steps/data.py", "[file, people,", "[str(file), people,")
    assert [name.split("/")[1] for name in project.snakemake()] == ["data", "data"]
    project.edit("src/physlm/evaluate/toy.py", "weight * n_people", "2 * weight * n_people")
    assert plan(project) == "6 up to date, 0 to restore, 0 to fetch, 6 to run"


def test_8_resources_count_as_code(project: Project) -> None:
    project.edit("src/physlm/figures/published/capacity.csv", "2.0", "1.0")
    text = project.sh("python -m physlm.cli plan").stdout
    assert "code of physlm/figures/published/capacity.csv changed" in text
    assert "9 up to date, 0 to restore, 0 to fetch, 3 to run" in text


def test_9_edit_of_an_inactive_tier(project: Project) -> None:
    project.edit("params.yaml", "[{n_people: 2, d_model: 8}]", "[{n_people: 2, d_model: 9}]")
    assert plan(project) == NOTHING
    assert "up to date" in project.dvc("status")


def test_24_one_off_tier_leaves_the_rest_alone(project: Project) -> None:
    before = project.sh("find results/laptop figures -type f | sort | xargs md5sum; cat dvc.lock")
    executed = project.snakemake("--config tier=smoke")
    # the table of the formulas is the same job in every tier: restored
    assert sorted(name.split("/")[1] for name in executed) == sorted(
        ["data", "pretrain", "measure", "table", "figure", "claims"]
    )
    assert (project.folder / "figures/smoke/capacity.pdf").exists()
    project.sh("rm -rf figures/smoke")
    after = project.sh("find results/laptop figures -type f | sort | xargs md5sum; cat dvc.lock")
    assert before.stdout == after.stdout
    assert project.git_status() == ""
    project.params(tier="smoke")  # 9: there and back
    assert project.snakemake() == []
    project.sh("git checkout -q params.yaml")
    assert project.snakemake() == []


def test_10_touch_does_not_bless(project: Project) -> None:
    project.edit("params.yaml", "style: paper", "style: plain")
    project.sh("snakemake --cores 2 --touch figures/capacity.pdf")
    assert plan(project) == "11 up to date, 0 to restore, 0 to fetch, 1 to run"
    assert project.snakemake("figures/capacity.pdf") == ["capacity/figure/all"]


def test_11_tampering_is_seen_and_repaired(project: Project) -> None:
    table = project.folder / "results/laptop/capacity/capacity.csv"
    model = project.folder / f"results/laptop/capacity/pretrain/{BIG}/model.safetensors"
    corpus = project.folder / "results/laptop/capacity/data/world=biod,n_people=5,seed=0"
    figure = project.folder / "figures/capacity.pdf"
    lock = project.folder / f"results/laptop/locks/capacity/measure/{BIG}.json"
    conflict = project.folder / "results/laptop/locks/capacity/figure/all.json"

    def swap(text: bytes) -> bytes:
        return text[:-2] + bytes([text[-2] ^ 1]) + text[-1:]

    for path in (table, model, corpus / "eval_kinds.npy", figure):
        stat = path.stat()
        path.write_bytes(swap(path.read_bytes()))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        audit = project.sh("python -m physlm.cli audit figures/capacity.pdf", ok=False).stdout
        assert f"FAILED {path.relative_to(project.folder)}" in audit
    lock.write_text(lock.read_text().replace('"seconds": ', '"seconds": 9'))
    audit = project.sh("python -m physlm.cli audit figures/capacity.pdf", ok=False).stdout
    assert f"FAILED {lock.relative_to(project.folder)}" in audit
    conflict.write_text("<<<<<<< HEAD\n" + conflict.read_text())
    assert project.snakemake() == []
    assert project.git_status() == ""
    project.sh("python -m physlm.cli audit figures/capacity.pdf results/laptop/claims.csv")


def test_11_poisoned_cache_is_seen_and_not_restored(project: Project) -> None:
    md5 = project.json(f"results/laptop/locks/capacity/measure/{BIG}.json")["outputs"]
    digest = next(iter(md5.values()))
    kept = project.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    kept.chmod(0o644)
    kept.write_text("poison")
    audit = project.sh("python -m physlm.cli audit figures/capacity.pdf", ok=False).stdout
    assert f"FAILED {kept.relative_to(project.folder)}" in audit
    project.sh(f"rm results/laptop/capacity/measure/{BIG}/measure.json")
    assert project.snakemake("-- capacity_measure") == [f"capacity/measure/{BIG}"]
    project.sh("python -m physlm.cli audit figures/capacity.pdf")


def test_18_audit_compares_with_the_code_at_the_recorded_commit(project: Project) -> None:
    forge = (
        "import sys; from physlm.files import *; from physlm.provenance.locks import digest\n"
        "lock = read_json(sys.argv[1]); lock['code']['physlm.model.toy'] = '0' * 32\n"
        "lock.pop('digest'); lock['digest'] = digest(lock); write_json(sys.argv[1], lock)"
    )
    path = f"results/laptop/locks/capacity/pretrain/{BIG}.json"
    project.sh(f'python -c "{forge}" {path}')
    audit = project.sh("python -m physlm.cli audit figures/capacity.pdf", ok=False).stdout
    assert "FAILED physlm.model.toy: its code at commit" in audit
    assert "OUT OF DATE: code of physlm.model.toy changed" in audit


def test_16_branches(project: Project) -> None:
    project.sh("git checkout -q -b other")
    project.edit("params.yaml", "lr_peak: 0.004", "lr_peak: 0.005")
    assert len(project.snakemake()) == 9
    project.commit("other rate")
    project.sh("git checkout -q main")
    assert project.snakemake() == []
    assert project.git_status() == ""
    project.sh("git checkout -q other && dvc checkout -q")
    assert project.snakemake() == []
    project.sh("git checkout -q main && git branch -qD other")
    assert project.snakemake() == []


def test_29_forced_again_gives_the_same_bytes(project: Project) -> None:
    before = project.text(f"results/laptop/capacity/pretrain/{BIG}/model.safetensors")
    project.variables["PHYSLM_FORCE"] = "1"
    target = f"results/laptop/capacity/pretrain/{BIG}/model.safetensors"
    executed = project.snakemake(f"{target} -R pretrain")
    project.variables.clear()
    assert executed == [f"capacity/pretrain/{BIG}"]
    assert project.text(target) == before


def test_deleted_snakemake_folder_and_results(project: Project) -> None:
    project.sh("rm -rf .snakemake .physlm results/laptop/capacity")
    project.sh("git checkout -q results")
    assert plan(project) == NOTHING
    assert project.snakemake("-- capacity_measure") == []
    assert project.git_status() == ""
