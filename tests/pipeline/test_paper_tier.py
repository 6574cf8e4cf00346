"""The paper tier of the capacity family against the tables of Part 3.3, and its dry run."""

import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from physlm.config import build
from physlm.provenance.grid import Grid, Job
from physlm.train.config import PretrainConfig
from tests.pipeline.project import ROOT

K, M = 1_000, 1_000_000

# Part 3.3 (arXiv 2404.05405), Appendix A.1, copied from the paper: people -> weight decay, learning
# rates, batch of 512-token windows. Of 20M at 1000 exposures nothing is printed (ours: see below).
PARAMETER_1 = {
    10 * K: (0.02, [0.001], 24),
    20 * K: (0.02, [0.001], 48),
    50 * K: (0.02, [0.001], 96),
    100 * K: (0.02, [0.001], 192),
    200 * K: (0.02, [0.001], 192),
    500 * K: (0.01, [0.0005], 192),
    1 * M: (0.01, [0.0005], 192),
    2 * M: (0.005, [0.0003], 1536),
    5 * M: (0.002, [0.0003], 1536),
    10 * M: (0.001, [0.0003], 1536),
}
PARAMETER_2 = {
    50 * K: (0.01, [0.001], 12),
    100 * K: (0.01, [0.001], 24),
    200 * K: (0.01, [0.001], 48),
    500 * K: (0.01, [0.0005], 96),
    1 * M: (0.01, [0.0005], 192),
    2 * M: (0.01, [0.0003, 0.0005, 0.001], 384),
    5 * M: (0.01, [0.0003, 0.0005], 768),
    10 * M: (0.01, [0.0002, 0.0003, 0.0005], 1024),
    20 * M: (0.002, [0.0002, 0.0003, 0.0005], 1536),
}
# Smallest and largest model in millions of parameters, and how many (Figure 1(a)).
PUBLISHED_RANGES = {
    50 * K: (0.816, 19.00, 29),
    100 * K: (1.213, 33.20, None),
    200 * K: (2.409, 63.23, None),
    500 * K: (5.577, 175.0, None),
    1 * M: (11.91, 356.0, None),
}
ONE_SIZE = {2 * M: "16-8", 5 * M: "6-20", 10 * M: "20-16", 20 * M: "25-20"}
# Figure 1(a) and Appendix A: heads -> layers of the models that were trained.
LAYERS = {
    2: [2, 3, 4, 5, 6, 7, 8],
    3: [2, 4, 5, 6],
    4: [2, 3, 4, 5, 6, 8, 10, 12, 16],
    6: [2, 3, 4, 5, 6, 8, 9, 10, 12],
    8: [2, 6, 7, 8, 10, 12, 16],
    12: [4, 6, 8, 12, 16, 20],
    16: [6, 8, 12, 16, 20, 24, 28],
    20: [2, 3, 4, 6, 8, 12, 14, 16, 25, 28],
    24: [6, 8, 12],
}
SIZES = [f"{layers}-{heads}" for heads, group in LAYERS.items() for layers in group]


def millions(size: str) -> float:
    """Parameters by the papers' rule (Appendix A): 3275 rows, tied, heads of 64 dims."""
    layers, heads = map(int, size.split("-"))
    d = 64 * heads
    return (3275 * d + layers * (12 * d**2 + 13 * d) + 2 * d) / 1e6


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    for name in ("params.yaml", "claims.yaml", "Snakefile"):
        shutil.copy(ROOT / name, folder)
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def jobs(here: Path) -> list[Job]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        return Grid("paper").of("capacity", "pretrain")


Point = tuple[int, int]


@pytest.fixture(scope="module")
def runs(jobs: list[Job]) -> dict[Point, list[tuple[str, PretrainConfig]]]:
    """(exposures, people) -> (size "l-h", settings) of every run, checked for what all share."""
    found = defaultdict(list)
    for job in jobs:
        run = build(PretrainConfig, job.config)
        variables = dict(part.split("=") for part in job.run.split(","))
        assert (variables["world"], variables["arch"]) == ("bios", run.model.arch)
        assert run.model.arch == "gpt2_rot"
        assert run.model.d_model == 64 * run.model.n_heads
        assert run.stream.n_ctx == 512
        assert run.precision == "fp16"
        schedule = (run.schedule.kind, run.schedule.warmup_steps, run.schedule.final_ratio)
        assert schedule == ("cosine", 1000, 0.1)
        assert float(variables["lr_peak"]) == run.optimiser.lr_peak
        size = f"{run.model.n_layers}-{run.model.n_heads}"
        found[round(run.exposures), int(variables["n_people"])].append((size, run))
    return dict(found)


def expected(exposures: int, n_people: int, size: str) -> tuple[float, list[float], int]:
    """Weight decay, learning rates and batch, with the exceptions that the paper prints."""
    if (exposures, n_people) == (1000, 20 * M):
        # Not printed: weight decay falls on as 1 / N from 2M people, the rest is that of 10M.
        return 0.0005, [0.0003], 1536
    decay, rates, batch = (PARAMETER_1 if exposures == 1000 else PARAMETER_2)[n_people]
    if (exposures, n_people, size) == (100, 200 * K, "2-20"):
        rates = [0.0005]
    if (exposures, n_people, size) == (100, 20 * M, "28-20"):
        batch = 1280
    return decay, rates, batch


def test_every_number_of_people_at_both_exposures(runs: dict) -> None:
    wanted = {(1000, n) for n in [*PARAMETER_1, 20 * M]} | {(100, n) for n in PARAMETER_2}
    assert set(runs) == wanted


def test_every_run_has_the_published_optimiser(runs: dict) -> None:
    for (exposures, n_people), group in runs.items():
        rates = defaultdict(list)
        for size, run in group:
            decay, _, batch = expected(exposures, n_people, size)
            assert run.optimiser.weight_decay == decay, (exposures, n_people, size)
            assert run.stream.batch_size == batch, (exposures, n_people, size)
            rates[size].append(run.optimiser.lr_peak)
        for size, tried in rates.items():
            assert tried == expected(exposures, n_people, size)[1], (exposures, n_people, size)


def test_sizes_are_published_ones_within_the_published_ranges(runs: dict) -> None:
    for (exposures, n_people), group in runs.items():
        sizes = {size for size, _ in group}
        assert sizes <= set(SIZES)
        if exposures == 1000 and n_people in ONE_SIZE:
            assert sizes == {ONE_SIZE[n_people]}
        elif n_people in PUBLISHED_RANGES:
            low, high, count = PUBLISHED_RANGES[n_people]
            counts = sorted(map(millions, sizes))
            # The ends are printed with four digits; between them no published size is left out.
            assert [counts[0], counts[-1]] == pytest.approx([low, high], rel=2e-3)
            assert sizes == {s for s in SIZES if counts[0] <= millions(s) <= counts[-1]}
            assert count in (None, len(sizes))
        elif exposures == 1000:  # 10K and 20K, whose range is ours
            assert sizes == {s for s in SIZES if millions(s) * M <= 380 * n_people}
        else:  # from 2M, whose range is ours: from the lower end of 1M, by the person, to 28-20
            assert sizes == {s for s in SIZES if millions(s) * M >= 11.8 * n_people}
    assert {size for group in runs.values() for size, _ in group} == set(SIZES)


def test_there_is_a_measure_for_every_run_and_a_corpus_for_every_world(here: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        grid = Grid("paper")
    assert len(grid.of("capacity", "measure")) == len(grid.of("capacity", "pretrain")) == 582
    assert len(grid.of("capacity", "data")) == len(PARAMETER_1) + 1
    assert {job.config["settings"]["tokenizer"] for job in grid.of("capacity", "data")} == {"gpt2"}


@pytest.mark.pipeline
def test_the_dry_run_lists_every_job_and_needs_no_tokeniser(here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--config", "tier=paper"],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-2000:]
    rows = [line.split() for line in text.split("Job stats:")[1].splitlines()]
    counts = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        jobs = Grid("paper").jobs.values()
    wanted = Counter(job.step for job in jobs)
    wanted["publish"], wanted["all"] = wanted["figure"], 1
    assert wanted["pretrain"] >= 582
    assert counts == {**wanted, "total": sum(wanted.values())}
