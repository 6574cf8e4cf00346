"""What trainings on problems are reckoned to cost, against what they leave."""

import json
from pathlib import Path
from typing import Any

import pytest

from physlm.config import build
from physlm.costs.flops import training_flops
from physlm.costs.problems import problems_of, words_of
from physlm.costs.steps import COSTS, Source
from physlm.data.problems import source
from physlm.evaluate.igsm.config import ReasoningConfig
from physlm.evaluate.igsm.reasoning import measure
from physlm.train.problems import ProblemsConfig
from tests.data import sums
from tests.evaluate.igsm import toy
from tests.train.test_problems import config, trained

LORA: dict[str, Any] = {"rank_qv": 2, "rank_embed": 3}


@pytest.mark.parametrize("lora", [None, LORA])
def test_a_training_has_the_size_that_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: dict[str, Any] | None
) -> None:
    sums.register(monkeypatch)
    first, _ = trained(tmp_path / "a")
    _, info = trained(tmp_path / "b", tmp_path / "a", lora=lora, n_steps=8)
    given = Source(config(), None)
    cost = COSTS["problems"](config(lora=lora, n_steps=8), {"model": given})
    assert cost.n_params == info["n_params"]
    assert cost.tokens == info["tokens"]
    assert cost.flops == cost.tokens * training_flops(first.config, 16)
    size = sum(file.stat().st_size for file in (tmp_path / "b" / "out").iterdir())
    assert size == pytest.approx(cost.kept_bytes, abs=30_000)
    # Two of the six factors of q and v in each of two layers, and two at the embedding of 9 words.
    n_trained = 2 * 2 * (2 * 32 + 64) + 3 * (9 + 32)
    n_trained = n_trained if lora else info["n_params"]
    assert cost.scratch_bytes == 24 * n_trained


def test_solutions_cost_what_right_ones_would(tmp_path: Path) -> None:
    """Against the tokens of all problems and right solutions that a job really draws."""
    settings = {"seed": 3, "n": 60, "ops": [2, 5], "reask_ops": [5], "batch_size": 20}
    trained = toy.train(tmp_path)
    found = measure(trained.folder, build(ReasoningConfig, settings))
    means = [cell["problems"] for cell in found["cells"]]
    exact = 60 * sum(mean["prompt_tokens"] + mean["gold_tokens"] for mean in means)
    spec = json.loads((tmp_path / "out" / "model.json").read_text())
    given = Source(toy.config(), None)
    step = {"measure": "reasoning", "settings": settings}
    cost = COSTS["evaluate"](step, {"model": given})
    assert cost.tokens == pytest.approx(exact, rel=0.15)
    assert cost.n_params == spec["n_params"]
    # A pass over the prompts of a batch, and one for every token that is written.
    calls = 3 * sum(1 + mean["gold_tokens"] for mean in means)
    assert cost.n_calls == pytest.approx(calls, rel=0.2)
    assert cost.kept_bytes == pytest.approx(len(json.dumps(found)), rel=0.7)


def test_a_tokeniser_that_would_have_to_be_fetched_is_left_out_of_nested_settings_too() -> None:
    inner = {"preset": "med", "tokenizer": "gpt2"}
    retry = {"of": "igsm", "settings": inner, "rate": 0.1}
    words = source("igsm", {"preset": "med"}).vocabulary
    assert words_of("igsm", inner).vocabulary == words_of("retry", retry).vocabulary == words
    # Test problems are those of the world whose texts are changed, so their lengths are, too.
    assert problems_of(build(ProblemsConfig, config(world="retry", settings=retry))) == (
        "igsm",
        json.dumps(inner),
    )
