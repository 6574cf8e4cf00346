"""Kills, failures, two runs at once, and errors of the user."""

import re
import time

import pytest

from tests.pipeline.conftest import Copy
from tests.pipeline.project import Project, kill_group

pytestmark = pytest.mark.pipeline

SMALL = "world=biod,arch=gpt2_rot,d_model=8,n_people=3,seed=0"


@pytest.fixture(scope="module")
def project(copy_of: Copy) -> Project:
    return copy_of("failures")


def wait_for(project: Project, step: int, seconds: float = 40) -> None:
    """Wait until a training has saved this step."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in project.folder.glob(".physlm/scratch/*/checkpoint.json"):
            if f'"step": {step}' in path.read_text():
                return
        time.sleep(0.05)
    raise AssertionError("no training started")


def gone(project: Project, seconds: float = 20) -> bool:
    """Whether every step in this tree ends, within a little time."""
    end = time.monotonic() + seconds
    while project.processes("physlm.steps.") and time.monotonic() < end:
        time.sleep(0.05)
    return project.processes("physlm.steps.") == []


@pytest.mark.parametrize(
    "command", ["snakemake figures/capacity.pdf", "dvc repro pretrain@capacity"]
)
def test_13_kill_of_everything_then_the_same_command_resumes(
    project: Project, command: str
) -> None:
    width = 9 if "snakemake" in command else 10
    project.edit("params.yaml", "{n_people: 3, d_model: ", f"{{n_people: 3, d_model: {width} # ")
    project.sh(f"sed -i 's/d_model: {width} #.*/d_model: {width}}}/' params.yaml")
    project.variables["TOY_SLEEP"] = "0.3"
    process = project.start(command)
    wait_for(project, 3)
    assert project.processes("physlm.steps.") != []
    kill_group(process)
    assert gone(project)
    project.variables.clear()
    executed = project.executed(lambda: project.sh(command))
    assert executed[0].startswith("capacity/pretrain/")
    assert executed[0].endswith(("from 3", "from 4"))
    assert list(project.folder.glob(".physlm/scratch/*")) == []


def test_12_27_a_failure_is_named_and_the_rest_goes_on(project: Project) -> None:
    project.sh("git checkout -q .")
    project.edit("params.yaml", "exposures: 5", "exposures: 6")
    project.variables["TOY_FAIL"] = "d_model=16"
    done = project.sh("snakemake --cores 2", ok=False)
    text = done.stdout + done.stderr
    assert "FAILED: exit status 2; the end of logs/laptop/pretrain/capacity/" in text
    assert "  | trouble ahead" in text
    assert "  | error: this toy was told to fail" in text
    assert "not committed to DVC: pretrain@capacity (" in text
    status = project.sh("python -m physlm.cli status").stdout
    assert re.search("^capacity/measure +2 of 3 valid", status, re.M)
    assert "data@capacity" not in project.dvc("status data@capacity")
    project.variables.clear()
    # exposures change no weight of a toy: what follows the training is restored
    assert [name.split("/")[1] for name in project.snakemake()] == ["pretrain"]
    assert "up to date" in project.dvc("status")


def test_21_an_undeclared_import_fails_the_job(project: Project) -> None:
    hidden = (
        'model = __import__("importlib").import_module("physlm." + "figures.base")\n    model ='
    )
    project.edit("src/physlm/steps/measure.py", "model =", hidden)
    done = project.sh("snakemake --cores 2 -- capacity_measure", ok=False)
    assert "it used physlm.figures, physlm.figures.base, which its key does not cover" in (
        done.stdout + done.stderr
    )
    project.sh("git checkout -q src")


def test_28_two_clones_share_one_cache(copy_of: Copy) -> None:
    one, two = copy_of("first"), copy_of("second")
    shared = str(one.folder) + ".cache"
    for project in (one, two):
        project.sh(f"rm -rf .dvc/cache results figures; dvc config --local cache.dir {shared}")
        project.edit("params.yaml", "exposures: 5", "exposures: 7")
    processes = [p.start("snakemake --cores 2 && dvc status > status") for p in (one, two)]
    assert [process.wait() for process in processes] == [0, 0]
    for project in (one, two):
        assert "up to date" in project.text("status")
        project.sh("python -m physlm.cli audit figures/capacity.pdf")
    assert one.text("figures/capacity.pdf") == two.text("figures/capacity.pdf")


def test_a_second_snakemake_in_the_same_tree_is_refused(project: Project) -> None:
    project.sh("git checkout -q .")
    project.edit("params.yaml", "exposures: 5", "exposures: 8")
    # The first is still at work when the second begins, also on a busy machine.
    project.variables["TOY_SLEEP"] = "3"
    process = project.start("snakemake --cores 2 figures/capacity.pdf")
    wait_for(project, 1)
    done = project.sh("snakemake --cores 1", ok=False)
    assert "error: another Snakemake is at work in this folder (process " in done.stderr
    project.sh("snakemake --cores 1 -n")
    process.terminate()
    process.wait()
    project.variables.clear()
    assert gone(project)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("style: paper", "stile: paper", "capacity.figure.config.stile='paper': unknown key"),
        ("tier: laptop", "tier: huge", "tier='huge': must be one of smoke, laptop"),
        ("lr_peak: 0.004", "lr_peak: fast", "optimiser.lr_peak='fast': must be float"),
        ("n_people: 3", "n_people: -3", "capacity.data.config.n_people=-3: must be 1 or more"),
        ("ledger: claims.yaml", "ledger: no.yaml", "claims.claims.files.ledger='no.yaml'"),
    ],
)
def test_errors_are_one_line(project: Project, old: str, new: str, said: str) -> None:
    project.sh("git checkout -q .")
    project.edit("params.yaml", old, new)
    commands = ["python -m physlm.cli plan"]
    if "tier" in old:
        commands.append("snakemake --cores 1")
    for command in commands:
        done = project.sh(command, ok=False)
        lines = [x for x in done.stderr.splitlines() if x and not x.startswith("Using workflow")]
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("error: ")
        assert said in lines[0]
    project.sh("git checkout -q .")


def test_unwritable_results_are_one_line(project: Project) -> None:
    project.sh("git checkout -q . && mv results away && touch results")
    done = project.sh("snakemake --cores 1", ok=False)
    assert "error: results: is in the way, a folder is wanted there" in done.stderr
    assert "Traceback" not in done.stderr
    project.sh("rm results && mv away results")
