"""The `pretrain` step on a real corpus: outputs, kills, and what it refuses."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch

from physlm.config import build
from physlm.data import corpus
from physlm.model.storage import load_model
from physlm.random import generator
from physlm.steps import job, pretrain
from physlm.train import losses
from physlm.train.checkpoints import digest
from tests.train import toy


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    settings = {"n_attributes": 2, "n_values": 8}
    values = {"world": "biod", "seed": 0, "n_people": 30, "settings": settings}
    corpus.build(folder, build(corpus.DataConfig, values))
    return folder


def write_spec(folder: Path, data: Path, base: Path | None = None, **changes: Any) -> Path:
    config: dict[str, Any] = {
        "seed": 0,
        "model": {"arch": "gpt2_rot", "n_layers": 1, "d_model": 8, "n_heads": 1},
        "stream": {"n_ctx": 14, "batch_size": 2},
        "exposures": 20,
        "optimiser": {"lr_peak": 0.01},
        "schedule": {"warmup_steps": 5},
    }
    spec = {
        "name": "test",
        "config": config | changes,
        "inputs": {"corpus": str(data)} | ({"model": str(base)} if base else {}),
        "folder": str(folder / "out"),
    }
    folder.mkdir(exist_ok=True)
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    return path


def work(spec: str, scratch: str) -> None:
    raise SystemExit(job.main(pretrain.run, [spec, "--scratch", scratch]))


def run(spec: Path) -> int:
    return job.main(pretrain.run, [str(spec), "--scratch", str(spec.parent / "scratch")])


def test_outputs_say_what_was_trained(tmp_path: Path, data: Path) -> None:
    assert run(write_spec(tmp_path, data)) == 0
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {"model.safetensors", "model.json", "metrics.jsonl"}
    model, info = load_model(out)
    opened = corpus.load(data)
    # An entry is EOS, 4 symbols of the name and 2 values; a step has 2 windows of 14 tokens.
    assert info["steps"] == 20 * 30 * 7 // 28 == 150
    assert info["tokens"] == 150 * 28
    assert info["exposures"] == pytest.approx(20, abs=1 / 30)
    assert info["corpus_digest"] == opened.digest
    assert info["n_params"] == sum(p.numel() for p in model.parameters())
    assert model.config.d_vocab == opened.manifest["d_vocab"]
    last = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 150
    assert info["final_loss_nats"] < 4.0


def test_no_exposures_leave_the_model_as_drawn(tmp_path: Path, data: Path) -> None:
    assert run(write_spec(tmp_path, data, exposures=0)) == 0
    model, info = load_model(tmp_path / "out")
    assert (info["steps"], info["exposures"], info["final_loss_nats"]) == (0, 0, None)
    assert model.norm.weight.eq(1).all()


def test_kills_in_the_middle_change_no_byte(tmp_path: Path, data: Path) -> None:
    every = {"checkpoint_every_s": 0, "log_every_s": 0}
    assert run(write_spec(tmp_path / "whole", data, **every)) == 0
    spec = write_spec(tmp_path / "killed", data, **every)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.train.test_pretrain", "physlm.train.loop"])
    rng, codes = generator(0, "kill"), []
    for wait in [*rng.uniform(0.05, 0.4, size=4), 60.0]:
        process = context.Process(target=work, args=(str(spec), str(spec.parent / "scratch")))
        process.start()
        process.join(wait)
        codes.append(process.exitcode)
        process.kill()
        process.join()
    assert None in codes
    assert codes[-1] == 0
    for name in ("model.safetensors", "model.json"):
        whole = (tmp_path / "whole/out" / name).read_bytes()
        assert whole == (tmp_path / "killed/out" / name).read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exposure": 3}, "error: exposure=3: unknown key"),
        ({"model": {"n_layers": 1, "d_model": 10, "n_heads": 3}}, "error: model.n_heads=3: must"),
        ({"optimiser": {"lr_peak": 1e30}}, "error: the loss is"),
    ],
)
def test_an_error_is_one_line(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], changes: dict, message: str
) -> None:
    assert run(write_spec(tmp_path, data, **changes)) == 2
    said = capsys.readouterr().err
    assert said.startswith(message)
    assert said.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


def test_a_checkpoint_of_another_corpus_is_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write_spec(tmp_path, data, checkpoint_every_s=0)) == 0
    other = tmp_path / "other"
    values = {"world": "biod", "seed": 1, "n_people": 30}
    values["settings"] = {"n_attributes": 2, "n_values": 8}
    corpus.build(other, build(corpus.DataConfig, values))
    spec = write_spec(tmp_path, other)
    assert run(spec) == 2
    assert "is the checkpoint of another run, corpus is" in capsys.readouterr().err


GBERT = {"arch": "gbert", "n_layers": 1, "d_model": 8, "n_heads": 1}


def more_people(folder: Path, **settings: int) -> Path:
    """A corpus of other people in the same vocabulary, if `settings` say nothing else."""
    values = {"world": "biod", "seed": 1, "n_people": 40}
    values["settings"] = {"n_attributes": 2, "n_values": 8} | settings
    corpus.build(folder, build(corpus.DataConfig, values))
    return folder


@pytest.mark.parametrize("model", [None, GBERT])
def test_a_run_in_two_parts_goes_on_from_the_weights(
    tmp_path: Path, data: Path, model: dict[str, Any] | None
) -> None:
    changes = {"model": model} if model else {}
    assert run(write_spec(tmp_path / "first", data, **changes)) == 0
    base, said = load_model(tmp_path / "first/out")
    other = more_people(tmp_path / "other")
    spec = write_spec(tmp_path / "same", other, tmp_path / "first/out", exposures=0, **changes)
    assert run(spec) == 0
    copied, info = load_model(tmp_path / "same/out")
    assert toy.equal(copied, base)
    assert info["corpus_digest"] == corpus.load(other).digest != said["corpus_digest"]
    assert info["base_digest"] == digest(dict(base.named_parameters()))
    assert "base_digest" not in said
    opened = corpus.load(other)
    assert info["vocabulary_digest"] == opened.manifest["digests"]["vocabulary"]
    # Shorter windows than the model was made for are allowed.
    shorter = {"stream": {"n_ctx": 7, "batch_tokens": 28}} | changes
    spec = write_spec(tmp_path / "more", other, tmp_path / "first/out", **shorter)
    assert run(spec) == 0
    trained, _ = load_model(tmp_path / "more/out")
    assert trained.config == base.config
    assert not toy.equal(trained, base)
    # A checkpoint of the continued run is not one of a run from another base.
    (tmp_path / "more/out/model.json").unlink()
    assert run(write_spec(tmp_path / "new", other, **shorter)) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"n_layers": 2}}, "error: model.n_layers=2: must be 1, as in the model of"),
        ({"model": {"arch": "llama"}}, "error: model.arch='llama': must be 'gpt2_rot', as in"),
        ({"model": {"tied": False}}, "error: model.tied=False: must be True, as in the model of"),
        ({"stream": {"n_ctx": 15, "batch_size": 2}}, "error: stream.n_ctx=15: must be at most 14"),
    ],
)
def test_going_on_with_another_architecture_is_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], changes: dict, message: str
) -> None:
    assert run(write_spec(tmp_path / "first", data, exposures=0)) == 0
    model = {"arch": "gpt2_rot", "n_layers": 1, "d_model": 8, "n_heads": 1}
    changes = changes | {"model": model | changes.get("model", {})}
    assert run(write_spec(tmp_path / "next", data, tmp_path / "first/out", **changes)) == 2
    said = capsys.readouterr().err
    assert said.startswith(message)
    assert said.count("\n") == 1
    assert not list((tmp_path / "next/out").iterdir())


def test_going_on_with_another_vocabulary_is_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "first/out"
    assert run(write_spec(tmp_path / "first", data, exposures=0)) == 0
    larger = more_people(tmp_path / "larger", alphabet=70)
    assert run(write_spec(tmp_path / "a", larger, base)) == 2
    assert "error: d_vocab of the corpus=71: must be 65, as in" in capsys.readouterr().err
    # As many tokens, but not the same ones: 40 of names, 24 of values, EOS.
    split = {"shared_alphabet": False, "name_alphabet": 40, "alphabet": 24}
    other = more_people(tmp_path / "split", **split)
    assert run(write_spec(tmp_path / "b", other, base)) == 2
    assert "trained on another vocabulary than the corpus has" in capsys.readouterr().err
    # A model that does not say goes on with its own corpus alone.
    info = json.loads((base / "model.json").read_text())
    del info["vocabulary_digest"]
    (base / "model.json").write_text(json.dumps(info))
    assert run(write_spec(tmp_path / "c", data, base, exposures=0)) == 0
    assert run(write_spec(tmp_path / "d", more_people(tmp_path / "more"), base)) == 2
    assert "does not say which vocabulary" in capsys.readouterr().err


def test_a_checkpoint_of_another_base_is_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (0, 1):
        assert run(write_spec(tmp_path / f"base{seed}", data, exposures=0, seed=seed)) == 0
    every = {"checkpoint_every_s": 0}
    assert run(write_spec(tmp_path / "run", data, tmp_path / "base0/out", **every)) == 0
    assert run(write_spec(tmp_path / "run", data, tmp_path / "base1/out", **every)) == 2
    assert "is the checkpoint of another run, base_digest is" in capsys.readouterr().err
    assert run(write_spec(tmp_path / "run", data, **every)) == 2
    assert "is the checkpoint of another run, base_digest is" in capsys.readouterr().err


def test_a_masked_model_learns_its_people(tmp_path: Path, data: Path) -> None:
    spec = write_spec(
        tmp_path,
        data,
        model=GBERT | {"d_model": 64, "n_heads": 4},
        stream={"n_ctx": 14, "batch_size": 8},
        masking={"rate": 0.3},
        optimiser={"lr_peak": 0.005},
        exposures=1000,
    )
    assert run(spec) == 0
    model, info = load_model(tmp_path / "out")
    opened = corpus.load(data)
    # A row more than the corpus has: the mask token.
    assert model.config.d_vocab == opened.manifest["d_vocab"] + 1
    assert not model.config.causal
    # EOS, 4 symbols of the name, 2 values of 8 possible ones; people are few.
    tokens = torch.from_numpy(opened.evaluation.tokens.astype("int64")).view(30, 7)
    hidden = tokens.clone()
    hidden[:, 5:] = model.config.d_vocab - 1
    # Two entries in a row, as in training, of which the second is asked for.
    with torch.no_grad():
        logits = model(torch.cat([tokens.roll(1, 0), hidden], 1))[:, 12:]
    said = logits.argmax(-1)
    # One in eight by chance; more of it for the wrong person would be the corpus, not the name.
    assert (said == tokens[:, 5:]).float().mean() > 0.5
    assert (said == tokens.roll(1, 0)[:, 5:]).float().mean() < 0.35
    assert info["final_loss_nats"] < 2.5


def test_a_masked_run_cut_in_two_ends_bit_equal(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"model": GBERT, "checkpoint_every_s": 0}
    assert run(write_spec(tmp_path / "whole", data, **changes)) == 0
    spec, calls = write_spec(tmp_path / "cut", data, **changes), iter(range(71))

    def cut(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        if next(calls, None) is None:
            raise ValueError("cut")
        return losses.mean_nats(model, batch)

    with monkeypatch.context() as patched:
        patched.setattr(losses, "objective", lambda config: cut)
        assert run(spec) == 2
    assert run(spec) == 0
    for name in ("model.safetensors", "model.json", "metrics.jsonl"):
        whole = (tmp_path / "whole/out" / name).read_bytes()
        assert whole == (tmp_path / "cut/out" / name).read_bytes()
