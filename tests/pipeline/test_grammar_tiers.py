"""The families of Part 1 in params.yaml: what they share, and the published settings."""

from pathlib import Path

import pytest

from physlm.config import build
from physlm.data.grammars.build import named
from physlm.evaluate.config import EvaluateConfig
from physlm.probe.trees_config import TreeProbeConfig
from physlm.provenance.grid import Grid
from physlm.train.fresh import FreshConfig
from tests.pipeline.project import ROOT
from tests.pipeline.test_extraction_tiers import project, state, variables

GRAMMARS = {"cfg3b", "cfg3i", "cfg3h", "cfg3g", "cfg3f", "cfg3e1-like", "cfg3e2-like"}
CAUSAL = {"gpt2", "gpt2_rel", "gpt2_rot", "gpt2_pos", "gpt2_uni"}


@pytest.fixture(scope="module")
def paper() -> Grid:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return Grid("paper")


def test_models_are_the_published_ones(paper: Grid) -> None:
    """Section 3 and appendix A: GPT2-small, 100K steps of 96 windows of 512, no warm-up."""
    seen = set()
    for job in paper.of("grammar", "fresh"):
        config = build(FreshConfig, job.config)
        model = config.model
        assert (model.n_layers, model.n_heads, model.d_model) == (12, 12, 768)
        if model.positions == "rotary":
            assert model.d_rotary == 16
        stream, optimiser, schedule = config.stream, config.optimiser, config.schedule
        assert (stream.n_ctx, stream.rows) == (512, 96)
        assert config.n_steps in (0, 100_000)
        assert (optimiser.lr_peak, optimiser.betas, optimiser.weight_decay) == (
            3e-4,
            (0.9, 0.98),
            0.1,
        )
        assert (schedule.kind, schedule.warmup_steps, schedule.final_ratio) == ("linear", 0, 0)
        if not model.causal:
            assert config.masking is not None
            assert config.masking.rate == 0.15
        if config.settings["bags"] == config.settings["perturbation"] == "none":
            seen.add((config.settings["grammar"], model.arch))
    assert seen == {(g, a) for g in GRAMMARS for a in CAUSAL | {"deberta"}}


def test_grammars_are_whole_at_the_paper_tier(paper: Grid) -> None:
    for job in paper.of("grammar", "fresh"):
        settings = job.config["settings"]
        assert named(settings["grammar"]).root == settings["root"]


def test_perturbed_data_is_as_reported(paper: Grid) -> None:
    """Results 11 to 13: three kinds, ten shares, on cfg3b."""
    found = set()
    for job in paper.of("grammar", "fresh"):
        settings = job.config["settings"]
        if settings["perturbation"] != "none":
            assert settings["grammar"] == "cfg3b"
            found.add((settings["perturbation"], settings["gamma"], settings["rate"]))
    rates = {"token": 0.15, "symbol": 0.1, "symbol-fixed": 0.05}
    shares = [k / 10 for k in range(1, 11)]
    assert found == {(kind, g, rate) for kind, rate in rates.items() for g in shares}


def test_measures_are_the_published_ones(paper: Grid) -> None:
    for job in paper.of("cfg_generation", "evaluate"):
        settings = build(EvaluateConfig, job.config).built()
        assert (settings.cuts, settings.n) == ((0, 50), 20_000)
    for job in paper.of("cfg_robustness", "evaluate"):
        settings = build(EvaluateConfig, job.config).built()
        assert (settings.cut, settings.rate, settings.n) == (50, 0.15, 20_000)
        assert settings.temperatures == (0.1, 0.2, 1.0)
    spans = set()
    for job in paper.of("cfg_probing", "tree_probe"):
        config = build(TreeProbeConfig, job.config)
        assert (config.n_heads, config.d_position, config.n_steps) == (16, 1024, 30_000)
        assert (config.batch_size, config.optimiser.lr_peak) == (60, 0.003)
        assert config.optimiser.weight_decay == 0.001
        spans.add(config.reach)
    assert spans == {None, 0, 1}


@pytest.mark.parametrize("tier", ["laptop", "gpu", "paper"])
def test_every_claim_has_the_runs_that_its_rule_reads(tier: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        grid = Grid(tier)
    written = {variables(job)["arch"] for job in grid.of("cfg_generation", "evaluate")}
    assert written == CAUSAL
    probed = [variables(job) for job in grid.of("cfg_probing", "tree_probe")]
    assert {"whole", "diagonal"} <= {run["span"] for run in probed}
    assert "deberta" in {run["arch"] for run in probed}
    assert {run["control"] for run in probed} == {"none", "model"}
    shares = {float(variables(job)["gamma"]) for job in grid.of("cfg_robustness", "evaluate")}
    assert {0.0, 0.1} <= shares
    if tier != "paper":
        seeds = {variables(job)["seed"] for job in grid.of("grammar", "fresh")}
        assert len(seeds) >= 3


def test_a_setting_of_a_probe_trains_no_model(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = state(project(tmp_path / "a"), "laptop")
    edit = "lr_probe: 0.003\n    n_tested: 500", "lr_probe: 0.001\n    n_tested: 500"
    after = state(project(tmp_path / "b", edit), "laptop")
    changed = 0
    for name, spec in before.specs.items():
        job = before.grid.jobs[name]
        if job.family == "cfg_probing" and job.step == "tree_probe":
            changed += after.specs[name] != spec
        elif job.step in ("fresh", "evaluate"):
            assert after.specs[name] == spec, name
    assert changed == len(before.grid.of("cfg_probing", "tree_probe"))
