"""The `problems` step: a model trained on problems with solutions that never repeat."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from physlm.config import ConfigError, build
from physlm.data.problems import ProblemStream
from physlm.model.storage import load_model
from physlm.model.transformer import Transformer
from physlm.steps.problems import run
from physlm.train.problems import ProblemsConfig
from tests.data import sums
from tests.evaluate.grammars.toy import job


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    sums.register(monkeypatch)


def config(**changes: Any) -> dict[str, Any]:
    """Settings of a job that takes a second."""
    return {
        "seed": 0,
        "world": "sums",
        "settings": {"terms": 2},
        "model": {"n_layers": 2, "d_model": 32, "n_heads": 2, "arch": "gpt2_rot"},
        "stream": {"n_ctx": 16, "batch_size": 16},
        "n_steps": 12,
        "scored": "solution",
        "optimiser": {"lr_peak": 0.003},
        "schedule": {"kind": "linear", "warmup_steps": 5, "final_ratio": 0.0},
    } | changes


def trained(
    folder: Path, base: Path | None = None, **changes: Any
) -> tuple[Transformer, dict[str, Any]]:
    run(job(folder, config(**changes), {} if base is None else {"model": str(base / "out")}))
    return load_model(folder / "out")


def weights(folder: Path) -> bytes:
    return (folder / "out" / "model.safetensors").read_bytes()


def test_a_model_learns_its_problems_and_knows_what_it_read(tmp_path: Path) -> None:
    model, info = trained(tmp_path, n_steps=150, settings={"terms": 1})
    assert (info["world"], info["settings"], info["steps"]) == ("sums", {"terms": 1}, 150)
    assert info["tokens"] == 150 * 256
    stream = ProblemStream(sums.Source(sums.Config(terms=1)), 0, 16, 16, "solution")
    state = stream.start()
    for _ in range(150):
        _, state = stream.take(state)
    assert info["problems"] == state["problems"]
    # The mean of the last 100 steps. Solutions alone are scored, and they follow from prompts.
    assert info["final_loss_nats"] < 0.3
    with torch.no_grad():
        said = model(torch.tensor([[0, 2 + a, 1] for a in range(5)]))[:, -1].argmax(-1)
    assert said.tolist() == [2 + a for a in range(5)]


@pytest.mark.parametrize("packing", ["whole", "cut"])
def test_a_cut_training_leaves_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    settings = config(checkpoint_every_s=0, packing=packing)
    run(job(tmp_path / "whole", settings))
    take = ProblemStream.take

    def cut(self: Any, state: dict[str, int]) -> Any:
        if state["problems"] > 150:
            raise KeyboardInterrupt
        return take(self, state)

    monkeypatch.setattr(ProblemStream, "take", cut)
    with pytest.raises(KeyboardInterrupt):
        run(job(tmp_path / "cut", settings))
    assert (tmp_path / "cut" / "scratch" / "checkpoint.safetensors").exists()
    monkeypatch.undo()
    sums.register(monkeypatch)
    run(job(tmp_path / "cut", settings))
    assert weights(tmp_path / "whole") == weights(tmp_path / "cut")


def test_who_draws_the_problems_decides_nothing(tmp_path: Path) -> None:
    changes = {"world": "igsm", "settings": {"preset": "micro"}, "n_steps": 6}
    stream = {"stream": {"n_ctx": 96, "batch_size": 4}}
    run(job(tmp_path / "alone", config(**changes, **stream)))
    run(job(tmp_path / "many", config(**changes, **stream, workers=2)))
    assert weights(tmp_path / "alone") == weights(tmp_path / "many")
    sciences = [build(ProblemsConfig, config(workers=n)).science() for n in (0, 3)]
    assert sciences[0] == sciences[1]


def test_training_goes_on_from_a_model_with_other_problems(tmp_path: Path) -> None:
    first, info = trained(tmp_path / "a")
    same, _ = trained(
        tmp_path / "b", tmp_path / "a", n_steps=0, settings={"terms": 4}, seed=3, model=MODEL
    )
    for one, other in zip(first.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)
    assert "base_digest" not in info
    after, told = trained(tmp_path / "c", tmp_path / "a", settings={"terms": 4})
    assert told["settings"] == {"terms": 4}
    assert len(told["base_digest"]) == 64
    assert not torch.equal(first.embed.weight, after.embed.weight)


MODEL = {"n_layers": 2, "d_model": 32, "n_heads": 2, "arch": "gpt2_rot", "init_std": 0.5}


def test_adapters_leave_other_weights_alone_and_are_merged(tmp_path: Path) -> None:
    first, _ = trained(tmp_path / "a")
    after, _ = trained(tmp_path / "b", tmp_path / "a", lora={"rank_qv": 2, "rank_embed": 3})
    assert not after.config.tied
    given, found = first.state_dict(), after.state_dict()
    changed = {name for name in given if not torch.equal(given[name], found[name])}
    assert changed == {"embed.weight", "blocks.0.attn.qkv.weight", "blocks.1.attn.qkv.weight"}
    difference = found["embed.weight"] - given["embed.weight"]
    assert torch.linalg.matrix_rank(difference, atol=1e-6) == 3
    with pytest.raises(ConfigError, match=r"lora=.*: must be null without an input model"):
        trained(tmp_path / "c", lora={"rank_qv": 2, "rank_embed": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"named": "so"}}, r"settings=.*'so'.*: must be of the vocabulary that"),
        ({"stream": {"n_ctx": 17, "batch_size": 2}}, r"stream\.n_ctx=17: must be at most 16"),
        ({"model": MODEL | {"n_layers": 3}}, r"model\.n_layers=3: must be 2, as in the model"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    trained(tmp_path / "a", n_steps=0)
    with pytest.raises(ConfigError, match=message):
        trained(tmp_path / "b", tmp_path / "a", **changes)


def test_a_model_of_another_world_is_refused(tmp_path: Path) -> None:
    trained(tmp_path / "a", n_steps=0)
    path = tmp_path / "a" / "out" / "model.json"
    info = json.loads(path.read_text())
    path.write_text(json.dumps(info | {"world": "plan"}))
    with pytest.raises(ConfigError, match=r"world='sums': must be 'plan', as of the model"):
        trained(tmp_path / "b", tmp_path / "a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_steps": -1}, r"n_steps=-1: must be 0 or more"),
        ({"world": "rhyme"}, r"world='rhyme': must be one of boxes, igsm, plan, retry"),
        ({"settings": {"terms": 0}}, r"world sums: settings\.terms=0: must be 1 or more"),
        ({"scored": "answers"}, r"scored='answers': must be"),
        (
            {"model": {"n_layers": 1, "d_model": 16, "n_heads": 2, "arch": "gbert"}},
            r"model\.arch='gbert': must be causal",
        ),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(ProblemsConfig, config(**changes))
