"""`physlm plan`: what it prints at the real tiers, its JSON, what it refuses, what it imports."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from physlm.cli import main
from physlm.costs import accelerators
from physlm.costs.steps import COSTS
from physlm.provenance import price
from physlm.provenance.verdicts import State
from tests.pipeline.conftest import Copy
from tests.pipeline.project import ROOT

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real settings in a folder where nothing was ever run."""
    monkeypatch.chdir(settled(tmp_path))
    return tmp_path


def settled(folder: Path) -> Path:
    """The folder, with the real settings in it."""
    for name in ("params.yaml", "claims.yaml"):
        shutil.copy(ROOT / name, folder)
    return folder


def plan(capsys: Capture, *arguments: str) -> list[str]:
    assert main(["plan", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def cells(lines: list[str], label: str) -> list[str]:
    """The row of the table that begins with `label`, in cells."""
    (row,) = (line for line in lines if line.startswith(label + "  "))
    return [cell.strip() for cell in row.split("  ") if cell.strip()]


def test_smoke_tier_job_by_job_with_its_price(here: Path, capsys: Capture) -> None:
    lines = plan(capsys, "--tier", "smoke", "--jobs", "--on", "h100", "--utilisation", "0.25")
    jobs = [line for line in lines if line.startswith("run     ")]
    state = State("smoke")
    n = len(state.grid.jobs)
    assert len(jobs) == n >= 24
    assert "run     capacity data world=biod: never run" in jobs
    found = {n: c for n, (c, _) in price.costs(state, list(state.grid.jobs)).items() if c}
    assert {state.grid.jobs[name].step for name in found} == set(COSTS)
    flops = sum(cost.flops for cost in found.values())
    total = cells(lines, "total")
    assert total[:2] == ["total", str(n)]
    assert float(total[2]) == pytest.approx(flops, rel=0.01)
    # All of it in fp32: 67 TFLOP/s, a quarter of which is reached.
    assert float(total[4].removesuffix(" s")) == pytest.approx(flops / (67e12 / 4), rel=0.1)
    assert cells(lines, "claims claims") == ["claims claims", "1", "-", "-", "-", "-"]
    (last,) = (line for line in lines if line.startswith(f"{n} jobs to run"))
    assert "on h100 at 25 % of 67 TFLOP/s (fp32)" in last
    assert lines[-1] == f"tier smoke: 0 up to date, 0 to restore, 0 to fetch, {n} to run"


def test_many_jobs_by_step_and_all_of_them_if_asked(here: Path, capsys: Capture) -> None:
    lines = plan(capsys, "figures/capacity.pdf")
    assert "run     capacity pretrain, 66 jobs: never run" in lines
    assert len([line for line in lines if line.startswith("run ")]) == 5
    assert "time on" not in "\n".join(lines)
    every = plan(capsys, "figures/capacity.pdf", "--jobs")
    assert len([line for line in every if line.startswith("run ")]) == 12 + 66 + 66 + 2
    assert every[-1] == lines[-1]


MODULES = (
    "import sys\nfrom physlm.cli import main\nassert main({arguments}) == 0\n"
    "print(*sorted(m for m in sys.modules if '.' not in m or 'costs' in m))"
)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The plan of the paper tier with its price, and in the last line the modules it needed."""
    folder = settled(tmp_path_factory.mktemp("paper"))
    code = MODULES.format(arguments=["plan", "--tier", "paper", "--on", "h100"])
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_paper_tier(paper: list[str], here: Path, capsys: Capture) -> None:
    pretrain = cells(paper, "capacity pretrain")
    assert pretrain[1:3] == ["582", "664K to 554M"]
    assert any(line.startswith("Assumed: tokens as GPT-2's tokeniser") for line in paper)
    # The largest run by hand: 25-20 on 20M people, 67.09 tokens a text, 6 N D and attention
    # (12 L d T), at 40 % of 989 TFLOP/s.
    n, tokens = 2085 * 1280 + 25 * 12 * 1280**2, 1000 * 20e6 * 67.09
    hours = tokens * (6 * n + 12 * 25 * 1280 * 512) / (0.4 * 989e12) / 3600
    page = (ROOT / "docs/plan.md").read_text()
    shown = plan(capsys, "figures/capacity.pdf", "--tier", "paper", "--on", "h100")
    table = "\n".join(shown[shown.index("") + 1 :])
    assert table in page, "docs/plan.md shows another price; paste that of the paper tier"
    (last,) = (line for line in paper if "the longest job" in line)
    told = float(last.split("the longest job ")[1].removesuffix(" h.").replace(",", ""))
    assert told == pytest.approx(hours, rel=0.01)


def test_json(here: Path, capsys: Capture) -> None:
    assert main(["plan", "--tier", "smoke", "--json", "--on", "a100"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["on"] == {"name": "a100", "utilisation": 0.4}
    jobs = {job["name"]: job for job in told["jobs"]}
    assert set(jobs) == set(State("smoke").grid.jobs)
    assert jobs["smoke/capacity/table/all"]["cost"] is None
    trained = [job for job in jobs.values() if "/pretrain/" in job["name"]]
    assert all(job["what"] == "run" and job["cost"]["n_params"] > 1000 for job in trained)
    assert all(
        job["seconds"] == pytest.approx(job["cost"]["flops"] / (0.4 * 19.5e12)) for job in trained
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--on", "tpu"], "on='tpu': must be one of cpu, v100"),
        (["--on", "h100", "--utilisation", "0"], "utilisation=0.0: must be above 0 and at most 1"),
        (["--on", "h100", "--utilisation", "40%"], "utilisation='40%': must be above 0"),
        (["--utilisation", "0.4"], "utilisation=0.4: must be left out without --on"),
        (["--tier", "papre"], "tier='papre': must be one of smoke, laptop, larger, gpu, paper"),
        (["figures/capasity.pdf"], "figures/capasity.pdf: no job of tier laptop makes this file"),
        (["--tier", "gpu", "--on", "v100"], "on='v100': has no bf16"),
        (["--tier", "paper", "--on", "cpu"], "on='cpu': has no fp16"),
    ],
)
def test_refused_in_one_line(here: Path, capsys: Capture, arguments: list, words: str) -> None:
    assert main(["plan", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"error: {words}")
    assert told.err.count("\n") == 1


def test_the_cpu_is_measured_for_the_threads_of_the_jobs(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerators, "measured_rate", lambda precision, threads: 1e9 * threads)
    lines = plan(capsys, "--tier", "smoke", "--on", "cpu")
    assert any("on cpu at 90 % of 1 GFLOP/s (fp32, 1 thread)" in line for line in lines)


def test_numbers_and_times_as_people_read_them() -> None:
    told = [price.short(815_616), price.short(12), price.short(3.5e12, "B"), price.short(999_999)]
    assert told == ["816K", "12", "3.5 TB", "1M"]
    times = [0.24, 400, 4e5, 184_444_200]
    assert [price.duration(t) for t in times] == ["0.24 s", "400 s", "111 h", "51,234 h"]


@pytest.mark.pipeline
def test_a_plan_without_a_price_imports_nothing_for_one(copy_of: Copy) -> None:
    project = copy_of("plan")
    (project.folder / "modules.py").write_text(MODULES.format(arguments=["plan"]))
    loaded = project.sh("python modules.py").stdout.splitlines()[-1].split()
    assert {"physlm", "yaml"} <= set(loaded)
    assert not {"numpy", "torch", "physlm.costs"} & set(loaded)


def test_a_price_needs_no_torch(paper: list[str]) -> None:
    loaded = set(paper[-1].split())
    assert "physlm.costs.steps" in loaded
    assert not {"torch", "accelerate", "snakemake", "dvc"} & loaded
