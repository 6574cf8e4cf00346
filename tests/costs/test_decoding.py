"""What decoding is reckoned to cost, against what it does and against problems drawn here."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from physlm.costs.cost import Cost
from physlm.costs.steps import COSTS, Source
from physlm.data.problems import source
from physlm.probe import v_probes
from physlm.random import generator
from physlm.steps.decoding import run
from tests.evaluate.grammars.toy import job
from tests.evaluate.igsm import toy

PROBE = {"rank": 2, "n_steps": 20, "batch_size": 4, "n_test": 10}
SETTINGS: dict[str, Any] = {
    "seed": 0, "n": 12, "ops": [2, 4], "batch_size": 6, "beams": [2], "most_retries": [0],
    "optimiser": {"lr_peak": 0.01}, "checkpoint_every_s": 0,
    "schedule": {"kind": "linear", "warmup_steps": 0, "final_ratio": 0},
}  # fmt: skip
WORLDS: dict[str, dict[str, Any]] = {
    "plan": {"world": "plan", "settings": {"n_max": 6}},
    "micro": {"world": "igsm", "settings": {"preset": "micro"}},
}


def price(world: str, **changes: Any) -> Cost:
    return COSTS["decoding"](
        SETTINGS | changes, {"model": Source(toy.config(**WORLDS[world]), None)}
    )


@pytest.mark.parametrize("world", WORLDS)
def test_every_arm_reads_and_writes_and_a_detector_reads_again(world: str) -> None:
    made, rng = source(**WORLDS[world]), generator(1, "lengths")
    texts, asked = 0.0, 0.0
    for op in (2, 4):
        for problem in made.problems(60, rng, op=op):
            tokens = (2 + len(made.prompt(problem)) + len(made.solution(problem, rng))) / 60
            texts += 12 * tokens
            asked += 12 * tokens * len(problem.solution)
    greedy = price(world, beams=[], most_retries=[])
    assert greedy.tokens == pytest.approx(texts, rel=0.15)
    beams = price(world, beams=[3, 4], most_retries=[])
    assert beams.tokens == pytest.approx(8 * greedy.tokens, rel=1e-3)
    assert beams.n_calls / greedy.n_calls == pytest.approx((2 + 6 + 12) / 2, rel=0.01)
    perfect = price(world, beams=[], most_retries=[1, 10])
    assert perfect.tokens == pytest.approx(3 * greedy.tokens, rel=1e-3)
    assert perfect.n_calls / greedy.n_calls == pytest.approx(3, rel=0.01)
    assert (perfect.backward, perfect.scratch_bytes < 20_000) == (False, True)
    one, two = (price(world, most_retries=[1, 10][:n], detector=PROBE) for n in (1, 2))
    more = two.tokens - one.tokens
    assert more - 2 * greedy.tokens == pytest.approx(asked, rel=0.15)
    assert "without retries" in two.assumed


def test_a_job_has_the_probe_and_the_bytes_that_were_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = toy.train(tmp_path / "model", **WORLDS["micro"])
    n_read: list[int] = []
    branched = v_probes.branched

    def noting(model: Any, embed: Any, rows: torch.Tensor, layer: Any) -> Any:
        n_read.append(int((rows[:, 3] >= 0).sum()))
        return branched(model, embed, rows, layer)

    monkeypatch.setattr(v_probes, "branched", noting)
    settings = SETTINGS | {"detector": PROBE}
    run(job(tmp_path, settings, {"model": str(trained.folder)}))
    cost, less = price("micro", detector=PROBE), price("micro", detector=PROBE | {"n_steps": 1})
    assert cost.n_params == trained.info["n_params"]
    assert cost.n_calls - less.n_calls == 19
    assert cost.tokens - less.tokens == pytest.approx(sum(n_read[1:20]), rel=0.15)
    assert cost.backward
    tensors = load_file(tmp_path / "scratch" / "can_next" / "checkpoint.safetensors")
    kept = sum(t.nbytes for t in tensors.values() if t.is_floating_point() and t.numel() > 1)
    cells = sum(file.stat().st_size for file in (tmp_path / "scratch" / "cells").iterdir())
    assert cost.scratch_bytes == pytest.approx(2 * kept + cells, rel=0.3)
    size = (tmp_path / "out" / "decoding.json").stat().st_size
    assert size == pytest.approx(cost.kept_bytes, rel=0.4)
