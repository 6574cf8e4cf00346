"""Fresh clones: with everything pulled, with a part, with nothing, with no remote at all."""

import pytest
import yaml

from tests.pipeline.conftest import Copy, write_remote
from tests.pipeline.project import Project

pytestmark = pytest.mark.pipeline

RUN = "world=biod,arch=gpt2_rot,d_model=8,n_people=3,seed=0"


def one_rate(project: Project) -> None:
    """Change one learning rate of the grid."""
    project.edit(
        "params.yaml", "- {n_people: 3, d_model: 8}", "- {n_people: 3, d_model: 8, lr_peak: 0.01}"
    )


TRAINED = ("pretrain", "measure")
DEPENDANTS = [
    f"capacity/pretrain/{RUN}",
    f"capacity/measure/{RUN}",
    "capacity/table/all",
    "capacity/figure/all",
    "claims/claims/all",
]


def clean(project: Project) -> None:
    assert project.git_status() == ""
    assert "up to date" in project.dvc("status")


@pytest.fixture(scope="module")
def pulled(clone_of: Copy) -> Project:
    project = clone_of("pulled")
    project.snakemake("-n")
    project.dvc("pull -q")
    return project


def test_1_2_clone_and_pull_runs_nothing(pulled: Project) -> None:
    assert pulled.snakemake("figures/capacity.pdf") == []
    assert pulled.repro() == []
    clean(pulled)


def test_5_6_one_rate_changed_and_set_back(pulled: Project) -> None:
    one_rate(pulled)
    plan = pulled.sh("python -m physlm.cli plan").stdout
    assert "config optimiser.lr_peak: 0.004 -> 0.01" in plan
    assert "7 up to date, 0 to restore, 0 to fetch, 5 to run" in plan
    assert sorted(pulled.snakemake()) == sorted(DEPENDANTS)
    assert pulled.repro() == []
    assert "n_people=3 seed=0,0.24" in pulled.text("results/laptop/capacity/capacity.csv")
    pulled.sh("git checkout -q params.yaml")
    assert pulled.snakemake() == []
    clean(pulled)


def test_5_the_same_by_dvc_repro(clone_of: Copy) -> None:
    project = clone_of("repro")
    project.dvc("pull -q")
    one_rate(project)
    project.edit("params.yaml", "d_model: 16}", "d_model: [16, 24]}")  # 7: and a grid that grows
    grown = [f"capacity/{step}/{RUN}".replace("d_model=8", "d_model=24") for step in TRAINED]
    grown = [name.replace("n_people=3", "n_people=5") for name in grown]
    assert sorted(project.repro()) == sorted(DEPENDANTS + grown)
    assert project.snakemake() == []


def test_3_partial_pull_wants_no_checkpoint(clone_of: Copy) -> None:
    project = clone_of("partial")
    project.dvc("pull -q measure@capacity")
    project.params(capacity__figure__config={"figure": "capacity", "style": "plain"})
    done = project.sh("snakemake --cores 2")
    assert "committed to DVC: pretrain@capacity" in done.stdout + done.stderr
    assert project.executed(lambda: project.sh("snakemake --cores 2")) == []
    assert project._lines() == ["laptop/capacity/figure/all"]
    assert not (project.folder / f"results/laptop/capacity/pretrain/{RUN}").exists()
    assert "figure" not in project.dvc("status figure@capacity")


def test_4_nothing_pulled(clone_of: Copy) -> None:
    project = clone_of("nothing")
    assert project.repro("--pull --allow-missing") == []
    project.sh("rm -rf results/laptop/capacity .dvc/cache")
    project.sh("git checkout -q results")
    assert project.snakemake("-- capacity_measure") == []
    assert (project.folder / f"results/laptop/capacity/measure/{RUN}/measure.json").exists()
    clean(project)


def test_25_no_remote_draws_from_the_tables(clone_of: Copy) -> None:
    project = clone_of("bare")
    (project.folder / ".dvc/config.local").unlink()
    project.sh("rm -rf figures results/laptop/figures")
    drawn = project.snakemake("figures/capacity.pdf --config from=tables")
    assert drawn == ["capacity/figure/all"]
    audit = project.sh("python -m physlm.cli audit figures/capacity.pdf").stdout
    assert "10 jobs" in audit
    assert "\nmeasured: " in audit
    assert "not here" in audit
    # both formats are back, with the bytes of the committed ones
    assert project.git_status() == ""


def test_25_what_is_not_here_is_recorded_as_its_locks_say(clone_of: Copy) -> None:
    project = clone_of("absent")
    (project.folder / ".dvc/config.local").unlink()
    before = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]
    # What is absent and unchanged has nothing to record.
    told = project.sh("python -m physlm.cli commit --from tables").stdout
    assert "pretrain@capacity" not in told, told
    (project.folder / "src/physlm/data/remark.py").write_text("# nothing that a job runs\n")
    told = project.sh("python -m physlm.cli commit").stdout
    assert "not committed to DVC: pretrain@capacity" in told
    told = project.sh("python -m physlm.cli commit --from tables").stdout
    assert "not committed" not in told
    after = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]
    assert after.keys() == before.keys()
    for name, stage in after.items():
        assert stage.get("outs") == before[name].get("outs"), name
    code = {name: dep for name, dep in _deps(after["data@capacity"]) if name.startswith("src")}
    assert code != {n: d for n, d in _deps(before["data@capacity"]) if n.startswith("src")}
    assert not (project.folder / "results/laptop/capacity/pretrain").exists()


def _deps(stage: dict) -> list[tuple[str, str]]:
    return [(dep["path"], dep["md5"]) for dep in stage["deps"]]


def test_25_unreachable_remote_draws_too(clone_of: Copy) -> None:
    project = clone_of("unreachable")
    write_remote(project, "/nowhere/at/all")
    project.sh("rm -rf figures results/laptop/figures")
    assert project.snakemake("figures/capacity.pdf") == ["capacity/figure/all"]


def test_bare_clone_trains_and_gives_the_same_numbers(clone_of: Copy) -> None:
    project = clone_of("scratch")
    (project.folder / ".dvc/config.local").unlink()
    executed = project.snakemake("figures/capacity.pdf")
    assert [name.split("/")[1] for name in executed].count("pretrain") == 3
    assert "capacity.csv" not in project.git_status()
    assert project.snakemake("figures/capacity.pdf") == []


def test_15_a_variant_nobody_committed_travels_by_the_run_cache(clone_of: Copy) -> None:
    one, two = clone_of("one"), clone_of("two")
    for project in (one, two):
        project.edit("params.yaml", "n_values: 4", "n_values: 5")
        write_remote(project, str(one.folder) + ".remote")
    assert len(one.snakemake("figures/capacity.pdf")) == 10
    one.dvc("push -q --run-cache")
    two.sh("dvc pull -q --run-cache", ok=None)  # complains: dvc.lock is of what was committed
    # DVC carries what it keeps; tables and figures are git's, and made again in a second
    assert two.snakemake("figures/capacity.pdf") == ["capacity/table/all", "capacity/figure/all"]


def test_15_after_gc_the_plan_says_fetch(clone_of: Copy) -> None:
    project = clone_of("gc")
    project.dvc("pull -q")
    project.sh("rm -rf results/laptop/capacity/pretrain results/laptop/capacity/measure .dvc/cache")
    wanted = f"results/laptop/capacity/measure/{RUN}/measure.json"
    assert "12 up to date" in project.sh("python -m physlm.cli plan").stdout
    plan = project.sh(f"python -m physlm.cli plan {wanted}").stdout
    assert "1 up to date, 0 to restore, 2 to fetch, 0 to run" in plan
    assert project.snakemake("-- capacity_measure") == []
    clean(project)
