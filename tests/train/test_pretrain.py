"""The `pretrain` step on a real corpus: outputs, kills, and what it refuses."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from physlm.config import build
from physlm.data import corpus
from physlm.model.storage import load_model
from physlm.random import generator
from physlm.steps import job, pretrain


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    settings = {"n_attributes": 2, "n_values": 8}
    values = {"world": "biod", "seed": 0, "n_people": 30, "settings": settings}
    corpus.build(folder, build(corpus.DataConfig, values))
    return folder


def write_spec(folder: Path, data: Path, **changes: Any) -> Path:
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
        "inputs": {"corpus": str(data)},
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
