"""The `fresh` step: a model trained on texts that never repeat."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from physlm.config import ConfigError, build
from physlm.data.fresh import FreshStream
from physlm.evaluate.grammars.trained import load_trained
from physlm.steps.fresh import run
from physlm.train.fresh import FreshConfig
from tests.evaluate.grammars import toy

MASKED = {"n_layers": 1, "d_model": 16, "n_heads": 2, "arch": "gbert"}


def weights(folder: Path) -> bytes:
    return (folder / "out" / "model.safetensors").read_bytes()


def test_a_model_knows_its_world_and_what_it_read(tmp_path: Path) -> None:
    trained = toy.train(tmp_path, stream={"n_ctx": 16, "batch_size": 4}, n_steps=7)
    info = json.loads((tmp_path / "out" / "model.json").read_text())
    assert (info["world"], info["settings"]) == ("grammar", toy.SETTINGS)
    assert (info["steps"], info["tokens"], info["seed"]) == (7, 7 * 64, 0)
    stream = FreshStream(trained.source, 0, 16, 4)
    state = stream.start()
    for _ in range(7):
        _, state = stream.take(state)
    assert info["texts"] == state["texts"]
    assert (tmp_path / "out" / "metrics.jsonl").exists()


def test_a_cut_training_leaves_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = toy.config(n_steps=12, checkpoint_every_s=0)
    run(toy.job(tmp_path / "whole", settings))
    take = FreshStream.take

    def cut(self: Any, state: dict[str, int]) -> Any:
        if state["texts"] > 150:
            raise KeyboardInterrupt
        return take(self, state)

    monkeypatch.setattr(FreshStream, "take", cut)
    with pytest.raises(KeyboardInterrupt):
        run(toy.job(tmp_path / "cut", settings))
    assert (tmp_path / "cut" / "scratch" / "checkpoint.safetensors").exists()
    monkeypatch.undo()
    run(toy.job(tmp_path / "cut", settings))
    assert weights(tmp_path / "whole") == weights(tmp_path / "cut")


def test_learning_lowers_the_loss(tmp_path: Path) -> None:
    few, many = (
        toy.train(tmp_path / str(n), n_steps=n, optimiser={"lr_peak": 0.01}) for n in (6, 300)
    )
    assert many.info["final_loss_nats"] < few.info["final_loss_nats"] - 0.2
    # Of 3 tokens and EOS; the entropy of a token is about 0.7 nats.
    assert few.info["final_loss_nats"] == pytest.approx(np.log(4), abs=0.1)


def test_a_masked_model_has_a_mask_token(tmp_path: Path) -> None:
    trained = toy.train(tmp_path, model=MASKED)
    assert trained.model.config.d_vocab == 5
    assert trained.info["masking"]["rate"] == 0.15


def test_perturbed_texts_are_for_training_alone(tmp_path: Path) -> None:
    perturbed = toy.SETTINGS | {"perturbation": "token", "gamma": 1, "rate": 0.5}
    trained = toy.train(tmp_path, settings=perturbed)
    rng = np.random.default_rng
    clean = load_trained(tmp_path / "out").source.draw_clean(30, rng(0))
    np.testing.assert_array_equal(
        clean.tokens, toy.train(tmp_path / "clean").source.draw_clean(30, rng(0)).tokens
    )
    assert (trained.stream().texts(0).tokens[:200] != clean.tokens[:200]).any()


def test_untrained_is_allowed(tmp_path: Path) -> None:
    trained = toy.train(tmp_path, n_steps=0)
    assert trained.info["final_loss_nats"] is None
    assert trained.info["texts"] == 0
    assert all(torch.isfinite(p).all() for p in trained.model.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_steps": -1}, r"n_steps=-1: must be 0 or more"),
        ({"world": "rhyme"}, r"world='rhyme': must be one of grammar"),
        ({"masking": {"rate": 0.1}}, r"masking=.*: must be left out for a causal model"),
        ({"settings": {"grammar": "cfg3f", "root": 1}}, r"root=1: must be one of"),
        ({"settings": {}}, r"settings.grammar: missing"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(FreshConfig, toy.config(**changes))


def test_a_model_of_another_step_is_refused(tmp_path: Path) -> None:
    toy.train(tmp_path)
    path = tmp_path / "out" / "model.json"
    info = json.loads(path.read_text())
    del info["world"]
    path.write_text(json.dumps(info))
    with pytest.raises(ValueError, match="was not trained on a grammar"):
        load_trained(tmp_path / "out")
