"""The families of Part 3.1 in params.yaml: what they share, one more variant, the paper tier."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from physlm.config import build
from physlm.data.corpus import DataConfig
from physlm.probe.config import ProbeConfig
from physlm.provenance.grid import Grid, Job
from physlm.provenance.verdicts import State
from physlm.train.config import PretrainConfig
from physlm.train.questions import FinetuneConfig, MixedConfig
from tests.pipeline.project import ROOT

# Part 3.1 (arXiv 2309.14316), Section 2.1: one biography and its 15 augmentations.
LADDER = {
    "single", "single+fullname", "single+permute1", "single+permute2", "single+permute5",
    "single+permute1+fullname", "single+permute2+fullname", "single+permute5+fullname",
    "multi2", "multi2+fullname", "multi2+permute", "multi2+permute+fullname",
    "multi5", "multi5+fullname", "multi5+permute", "multi5+permute+fullname",
}  # fmt: skip


def project(folder: Path, edit: tuple[str, str] | None = None) -> Path:
    """A folder with the repository's params.yaml, in which one text is replaced by another."""
    text = (ROOT / "params.yaml").read_text()
    if edit:
        assert text.count(edit[0]) == 1, edit[0]
        text = text.replace(*edit)
    (folder / "params.yaml").write_text(text)
    shutil.copy(ROOT / "claims.yaml", folder)
    return folder


def grid(folder: Path, tier: str) -> Grid:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return Grid(tier)


def state(folder: Path, tier: str) -> State:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return State(tier)


def variables(job: Job) -> dict[str, str]:
    return dict(part.split("=", 1) for part in job.run.split(","))


def test_a_setting_of_finetuning_changes_no_base_model(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = state(project(tmp_path / "a"), "laptop")
    changed = "    lr_finetune: 0.001\n", "    lr_finetune: 0.0005\n"
    after = state(project(tmp_path / "b", changed), "laptop")
    finetuned = 0
    for name, spec in before.specs.items():
        step = before.grid.jobs[name].step
        if step == "finetune":
            finetuned += name not in after.specs
        elif step in ("data", "pretrain", "mixed", "measure", "probe"):
            assert after.specs[name] == spec, name
    assert finetuned > 0


def test_one_more_variant_is_one_line_and_adds_its_own_runs_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    line = "        # more ways to finetune what one biography has left\n"
    more = "        - variant: multi2+permute+fullname\n"
    before = set(grid(project(tmp_path / "a"), "laptop").jobs)
    after = set(grid(project(tmp_path / "b", (line, more + line)), "laptop").jobs)
    assert before < after
    added = sorted(name.split("/")[1] + "/" + name.split("/")[2] for name in after - before)
    steps = ("data", "pretrain", "measure", "finetune", "exam")
    assert added == sorted(f"extraction/{step}" for step in steps for _ in range(3))


@pytest.mark.parametrize("tier", ["laptop", "gpu"])
def test_arms_have_at_least_three_seeds(tmp_path: Path, tier: str) -> None:
    jobs = grid(project(tmp_path), tier).jobs.values()
    for family in ("extraction", "mixed_training", "celebrity", "encoder", "p_probing"):
        seeds: dict[tuple[Any, ...], set[str]] = {}
        for job in jobs:
            if job.family == family and job.run != "all":
                run = variables(job)
                seed = run.pop("seed")
                seeds.setdefault((job.step, *sorted(run.items())), set()).add(seed)
        assert seeds, family
        assert {len(found) for found in seeds.values()} == {3}, family


def test_the_paper_tier_has_the_published_settings(tmp_path: Path) -> None:
    paper = grid(project(tmp_path), "paper")
    corpora = [build(DataConfig, job.config) for job in paper.of("extraction", "data")]
    assert {corpus.settings["variant"] for corpus in corpora} == LADDER
    for corpus in corpora:
        assert (corpus.n_people, corpus.settings["tokenizer"]) == (100_000, "gpt2")
        world = corpus.world_config()
        assert (world.birth_cities, world.universities, world.majors, world.employers) == (
            *(200, 300, 100),
            263,
        )
    for job in paper.of("extraction", "pretrain"):
        run = build(PretrainConfig, job.config)
        assert (run.model.n_layers, run.model.n_heads, run.model.d_model) == (12, 12, 768)
        assert (run.model.arch, run.model.rotary_fraction) == ("gpt2_rot", 0.25)
        assert (run.stream.n_ctx, run.stream.batch_size, run.exposures) == (512, 96, 540)
        optimiser = run.optimiser
        assert (optimiser.lr_peak, optimiser.weight_decay, optimiser.eps) == (1e-3, 0.1, 1e-6)
        schedule = (run.schedule.kind, run.schedule.warmup_steps, run.schedule.final_ratio)
        assert schedule == ("cosine", 1000, 0.1)


def test_the_paper_tier_finetunes_as_published(tmp_path: Path) -> None:
    paper = grid(project(tmp_path), "paper")
    ranks: dict[str, set[tuple[int, int]]] = {}
    full: dict[str, set[tuple[float, float]]] = {}
    for job in paper.of("extraction", "finetune"):
        run, variant = build(FinetuneConfig, job.config), variables(job)["variant"]
        # 50K steps of 48 questions are 8 passes of six questions about 50K people.
        assert run.batch_size * 50_000 == run.passes * 6 * 50_000
        assert (run.optimiser.eps, run.schedule.warmup_steps) == (1e-6, 0)
        assert (run.schedule.kind, run.schedule.final_ratio) == ("cosine", 0.1)
        if run.lora is None:
            optimiser = run.optimiser
            full.setdefault(variant, set()).add((optimiser.lr_peak, optimiser.weight_decay))
        else:
            assert (run.lora.alpha, run.optimiser.lr_peak) == (4, 3e-4)
            assert run.optimiser.weight_decay == 0.01
            ranks.setdefault(variant, set()).add((run.lora.rank_qv, run.lora.rank_embed))
    assert set(ranks) == LADDER
    every = {(r, e) for r in (2, 4, 8, 16, 32) for e in (0, 16, 32, 64, 128)}
    for variant, tried in ranks.items():
        swept = variant in ("single", "multi5+permute")
        assert tried == (every if swept else {(8, 128), (16, 128)}), variant
    rates = {(lr, decay) for lr in (1e-3, 3e-4, 1e-4) for decay in (0.01, 0.001)}
    assert full == {"single": rates, "multi5+permute": rates}


def test_the_paper_tier_mixes_and_probes_as_published(tmp_path: Path) -> None:
    paper = grid(project(tmp_path), "paper")
    ratios: dict[str, set[float]] = {}
    for job in paper.of("mixed_training", "mixed"):
        run = build(MixedConfig, job.config)
        # As many steps as pretraining has, whatever the ratio.
        assert run.exposures / (1 - run.qa_ratio) == pytest.approx(540, rel=1e-3)
        ratios.setdefault(variables(job)["variant"], set()).add(run.qa_ratio)
    assert set(ratios) == LADDER
    assert ratios["single"] == {0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 0.9}
    for family, batch, rank in (("p_probing", 50, 2), ("q_probing", 200, 16)):
        probes = [build(ProbeConfig, job.config) for job in paper.of(family, "probe")]
        assert rank in {probe.rank_embed for probe in probes}
        for probe in probes:
            assert (probe.batch_size, probe.n_steps) == (batch, 30_000)
            optimiser = probe.optimiser
            assert (optimiser.lr_peak, optimiser.weight_decay, optimiser.eps) == (1e-3, 0.3, 1e-6)
            assert (probe.schedule.kind, probe.schedule.final_ratio) == ("linear", 0.0)
            assert probe.schedule.warmup_steps == 0
            assert set(probe.tasks) == {"first", "whole"}


def test_families_train_on_the_same_people(tmp_path: Path) -> None:
    """The same seed and number of people are the same people, so the halves agree everywhere."""
    laptop = grid(project(tmp_path), "laptop")
    seen: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for family in ("extraction", "celebrity", "encoder"):
        for job in laptop.of(family, "data"):
            config = build(DataConfig, job.config)
            pools = {
                k: v for k, v in config.settings.items() if k not in ("variant", "celebrities")
            }
            seen.setdefault((config.seed, config.n_people), []).append(pools)
    for pools in seen.values():
        assert all(settings == pools[0] for settings in pools)
