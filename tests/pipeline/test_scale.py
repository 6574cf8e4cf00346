"""Many jobs, imports, lint: what the pipeline costs and how it is written."""

import json
import re
import subprocess
import sys

import pytest

from tests.pipeline.conftest import Copy
from tests.pipeline.project import ROOT, Project

pytestmark = pytest.mark.pipeline

# Writes outputs and locks as the runner would, for jobs that need not run to be judged.
FABRICATE = """
from pathlib import Path
from physlm.files import md5, write_text
from physlm.provenance import locks
from physlm.provenance.circumstances import meta
from physlm.provenance.verdicts import State
state = State()
details = meta(next(iter(state.specs.values())), 0.1, [])
for name, job in state.grid.jobs.items():
    for path in job.paths:
        write_text(path, path)
    inputs = {role: {p: md5(p) for p in paths} for role, paths in job.files.items()}
    outputs = {n: md5(p) for n, p in zip(job.outputs, job.paths)}
    locks.write(state.specs[name], inputs, outputs, details)
for path in ("figures/capacity.pdf", "figures/capacity.png"):
    write_text(path, "results/laptop/" + path)
print(len(state.grid.jobs))
"""


@pytest.fixture(scope="module")
def project(copy_of: Copy) -> Project:
    return copy_of("scale")


def test_19_noop_of_300_jobs(project: Project) -> None:
    project.params(
        tiers__laptop__capacity__grid=[{"n_people": 3, "d_model": 8, "seed": list(range(100))}]
    )
    (project.folder / "fabricate.py").write_text(FABRICATE)
    assert int(project.sh("python fabricate.py").stdout) == 304
    done = project.sh("snakemake --cores 2")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_19_the_runner_is_light(project: Project) -> None:
    code = "import json, sys\nimport physlm.provenance.runner\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    heavy = {"numpy", "torch", "dvc", "snakemake", "omegaconf", "pandas", "yaml", "accelerate"}
    assert heavy & set(json.loads(done.stdout)) == set()


def test_22_lint_and_format() -> None:
    bin = sys.executable.rpartition("/")[0]
    check = [f"{bin}/snakefmt", "--check", "Snakefile", "workflow"]
    assert subprocess.run(check, cwd=ROOT, capture_output=True).returncode == 0


def test_22_lint(copy_of: Copy) -> None:
    project = copy_of("lint")
    # A stale figure: looking at the rules must not take it away.
    project.params(capacity__point__lr_peak=0.5)
    project.sh("snakemake --lint")
    assert (project.folder / "figures/capacity.pdf").exists()


def test_14_children_on_a_cluster_do_not_judge() -> None:
    # The Snakefile's guard: a child Snakemake runs in another mode than the main one.
    import snakemake.api  # noqa: F401  (first, or the imports go round in a circle)
    from snakemake.workflow import Workflow

    names = Workflow.is_main_process.fget.__code__.co_names  # type: ignore[union-attr]
    assert {"exec_mode", "ExecMode", "DEFAULT"} <= set(names)
    assert re.search(r"main=workflow\.is_main_process", (ROOT / "Snakefile").read_text())


def test_broken_pipe_is_quiet(project: Project) -> None:
    done = project.sh("set -o pipefail; python -m physlm.cli plan | true", ok=None)
    assert done.stderr == ""
