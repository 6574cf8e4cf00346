"""Checkpoints: what is damaged or foreign is refused in one line, and nothing is lost."""

from pathlib import Path

import pytest

from physlm.random import generator
from physlm.train.metrics import Reporter
from tests.train import toy


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    toy.run(tmp_path, 10, checkpoint_every_s=0)
    return tmp_path / "checkpoint.safetensors"


def test_every_damage_is_noticed(checkpoint: Path) -> None:
    good = checkpoint.read_bytes()
    rng = generator(0, "damage")
    damaged = [b"", good[:100], good[:-1], good + b"\0"]
    for place in rng.integers(len(good), size=40):
        damaged.append(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
    for content in damaged:
        checkpoint.write_bytes(content)
        with pytest.raises(ValueError, match=r"checkpoint\.safetensors: ") as error:
            toy.run(checkpoint.parent, 10)
        assert "\n" not in str(error.value)
        assert checkpoint.read_bytes() == content
    checkpoint.write_bytes(good)
    toy.run(checkpoint.parent, 10)


def test_another_corpus_or_setting_is_refused(checkpoint: Path) -> None:
    content = checkpoint.read_bytes()
    with pytest.raises(ValueError, match="another run, corpus is 'c' there and 'd' here"):
        toy.run(checkpoint.parent, 10, corpus="d")
    with pytest.raises(ValueError, match=r"config\.optimiser\.lr_peak is 0\.01 there and 0\.02"):
        toy.run(
            checkpoint.parent, 10, optimiser={"lr_peak": 0.02, "weight_decay": 0.1, "eps": 1e-5}
        )
    model = {"arch": "llama", "n_layers": 1, "d_model": 16, "n_heads": 2}
    with pytest.raises(ValueError, match=r"config\.model\.\w+ is .* there and"):
        toy.run(checkpoint.parent, 10, model=model)
    assert checkpoint.read_bytes() == content


def test_how_a_run_is_carried_out_may_change(checkpoint: Path) -> None:
    toy.run(checkpoint.parent, 10, threads=2, micro_batch_size=4, log_every_s=5)


def test_a_failed_save_keeps_the_old_one(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from physlm.train import checkpoints

    content = checkpoint.read_bytes()

    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        toy.run(checkpoint.parent, 20, checkpoint_every_s=0)
    assert checkpoint.read_bytes() == content
    assert {p.name for p in checkpoint.parent.iterdir()} == {checkpoint.name, "metrics.jsonl"}


def test_records_of_a_killed_run_go_on_where_it_resumes(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 5}\n{"step": 10}\n{"step": 15}\n{"st')
    Reporter(file, start=10, n_steps=20, every_s=1).close()
    assert file.read_text() == '{"step": 5}\n{"step": 10}\n'
