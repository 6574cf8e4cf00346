"""What jobs of grammars are reckoned to cost, against what they do."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from physlm.config import build
from physlm.costs.flops import training_flops
from physlm.costs.steps import COSTS, Cost, Source
from physlm.evaluate.config import EvaluateConfig
from physlm.evaluate.grammars import attention
from physlm.evaluate.grammars.trained import load_trained
from physlm.probe.trees import probe
from physlm.probe.trees_config import TreeProbeConfig
from physlm.steps.fresh import run
from tests.evaluate.grammars import toy
from tests.probe.test_trees import VALUES

MEAN = ((8 + 7 + 7) / 3 + 2 * (11 / 4 + 7 / 3 + 7 / 3)) / 3

MODELS: dict[str, dict[str, Any]] = {
    "plain": {},
    "masked": {"model": {"n_layers": 1, "d_model": 16, "n_heads": 2, "arch": "deberta"}},
    "bags": {"settings": toy.SETTINGS | {"bags": "overlap", "vocabulary": 12}},
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_training_has_the_size_that_was_told(tmp_path: Path, kind: str) -> None:
    settings = toy.config(**MODELS[kind])
    run(toy.job(tmp_path, settings))
    trained = load_trained(tmp_path / "out")
    cost = COSTS["fresh"](settings, {})
    assert cost.n_params == trained.info["n_params"]
    assert cost.tokens == trained.info["tokens"]
    assert cost.flops == cost.tokens * training_flops(trained.model.config, 32)
    size = sum(file.stat().st_size for file in (tmp_path / "out").iterdir())
    assert size == pytest.approx(cost.kept_bytes, abs=30_000)


def evaluated(measure: str, **settings: Any) -> Cost:
    config = {"measure": measure, "settings": {"seed": 0, **settings}}
    return COSTS["evaluate"](config, {"model": Source(toy.config(), None)})


def test_measures_read_and_write_mean_strings() -> None:
    # By hand: 11/4 tokens below 7, 8/3 below 8, 7/3 below 9; 10 is 8 9 9, 9 7 9 or 7 9 9.
    mean = evaluated("attention", n=1000).tokens / 2000
    assert mean == pytest.approx(MEAN, abs=0.001)
    written = evaluated("generation", n=100, cuts=[0, 2], n_rows=50, n_trees=1)
    assert written.tokens == pytest.approx(250 * mean, abs=1)
    robust = evaluated("robustness", n=100, cut=2, temperatures=[0.5, 1.0])
    assert robust.tokens == pytest.approx(600 * mean, abs=1)
    assert "as long as the grammar's" in robust.assumed
    bags = COSTS["evaluate"](
        {"measure": "bags", "settings": {}}, {"model": Source(toy.config(), None)}
    )
    assert bags.flops == bags.tokens == 0


def test_attention_reads_every_string_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = toy.train(tmp_path)
    read = []

    def note(module: nn.Module, inputs: Any, named: Any, out: Any) -> None:
        # EOS at both ends, and after shorter strings.
        read.append(inputs[0])

    trained.model.register_forward_hook(note, with_kwargs=True)
    monkeypatch.setattr(attention, "load_trained", lambda folder: trained)
    config = {"measure": "attention", "settings": {"seed": 0, "n": 30, "batch_size": 7}}
    attention.measure(trained.folder, build(EvaluateConfig, config).built())
    cost = evaluated("attention", n=30, batch_size=7)
    assert cost.n_calls == len(read)
    assert int(sum((rows > 0).sum() for rows in read)) == pytest.approx(cost.tokens, rel=0.15)


@pytest.mark.parametrize("reach", [None, 0])
def test_probes_have_the_weights_that_were_told(tmp_path: Path, reach: int | None) -> None:
    trained = toy.train(tmp_path)
    values = VALUES | {"reach": reach, "n_steps": 2, "checkpoint_every_s": 0}
    probe(trained, build(TreeProbeConfig, values), tmp_path / "probe")
    cost = COSTS["tree_probe"](values, {"model": Source(toy.config(), None)})
    tensors = load_file(tmp_path / "probe" / "checkpoint.safetensors")
    kept = sum(t.nbytes for t in tensors.values() if t.is_floating_point() and t.numel() > 1)
    # While a checkpoint replaces another there are two.
    assert 2 * kept == cost.scratch_bytes
    assert torch.isfinite(torch.tensor(cost.flops))
    assert cost.n_calls == 2
    assert cost.tokens == pytest.approx((2 * 16 + 60) * MEAN, abs=1)
