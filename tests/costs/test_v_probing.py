"""What V-probes are reckoned to cost, against what they do."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from physlm.costs.steps import COSTS, Source
from physlm.data.problems import BLOCK
from physlm.probe import v_probes
from physlm.random import generator
from physlm.steps.v_probe import run
from tests.evaluate.grammars.toy import job
from tests.probe import v_toy

MODEL = {
    "seed": 0,
    "world": "igsm",
    "settings": {"preset": "micro"},
    "model": {"n_layers": 2, "d_model": 16, "n_heads": 2},
    "stream": {"n_ctx": 256, "batch_size": 2},
    "n_steps": 0,
    "optimiser": {"lr_peak": 0.01},
}


def test_probes_have_the_rows_and_weights_that_were_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    v_toy.solver(tmp_path / "model")
    n_read: list[int] = []
    branched = v_probes.branched

    def noting(model: Any, embed: Any, rows: torch.Tensor, layer: Any) -> Any:
        n_read.append(int((rows[:, 3] >= 0).sum()))
        return branched(model, embed, rows, layer)

    monkeypatch.setattr(v_probes, "branched", noting)
    settings = v_toy.config(
        tasks=["dep", "value"], n_steps=20, n_test=30, ops=[2, 4], checkpoint_every_s=0
    )
    run(job(tmp_path, settings, {"model": str(tmp_path / "model")}))
    cost = COSTS["v_probe"](settings, {"model": Source(MODEL, None)})
    info = json.loads((tmp_path / "model" / "model.json").read_text())
    assert cost.n_params == info["n_params"]
    assert cost.n_calls == 40
    assert cost.tokens == pytest.approx(sum(n_read), rel=0.15)
    assert cost.backward
    kept = 0
    for task in ("dep", "value"):
        tensors = load_file(tmp_path / "scratch" / task / "checkpoint.safetensors")
        kept += sum(t.nbytes for t in tensors.values() if t.is_floating_point() and t.numel() > 1)
    # While a checkpoint replaces another there are two.
    assert cost.scratch_bytes == 2 * kept
    size = (tmp_path / "out" / "v_probe.json").stat().st_size
    assert size == pytest.approx(cost.kept_bytes, rel=0.5)


def test_mistakes_are_written_and_probed() -> None:
    settings = v_toy.config(tasks=["nece", "can_next", "nece_next"])
    given = {"model": Source(MODEL, None)}
    without = COSTS["v_probe"](settings, given)
    mistakes = {"n": BLOCK, "ops": [3], "reask_ops": [4], "batch_size": 64}
    with_them = COSTS["v_probe"](settings | {"mistakes": mistakes}, given)
    world, rng = v_toy.source(), generator(1, "lengths")
    prompts = solutions = 0.0
    for op, reask in ((3, False), (4, True)):
        for problem in world.problems(50, rng, op=op, reask=reask):
            prompts += (1 + len(world.prompt(problem))) / 50
            solutions += (1 + len(world.solution(problem, rng))) / 50
    more = 4 * BLOCK * (prompts + solutions)
    assert with_them.tokens - without.tokens == pytest.approx(more, rel=0.15)
    calls = BLOCK // 64 * (2 + solutions)
    assert with_them.n_calls - without.n_calls == pytest.approx(calls, rel=0.2)
    assert "as long as the right ones" in with_them.assumed
    assert without.assumed == ""
