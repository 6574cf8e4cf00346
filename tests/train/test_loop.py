"""The loop: it learns, resumes bit for bit, stops on what is not finite, accumulates, shares."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from physlm.config import ConfigError
from physlm.model.storage import load_model
from physlm.model.transformer import loss_nats
from physlm.random import generator
from physlm.train.loop import gradients
from physlm.train.losses import divisors, mean_nats
from tests.train import toy

ROOT = Path(__file__).parents[2]


class Cut(Exception):
    """Ends a run in the middle, as a crash would."""


def cut_after(n: int) -> Any:
    """A loss that works `n` times."""
    calls = iter(range(n))

    def loss(model: torch.nn.Module, tokens: Tensor) -> Tensor:
        if next(calls, None) is None:
            raise Cut
        return loss_nats(model, tokens)

    return loss


def test_it_learns_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, outcome = toy.run(tmp_path, 400, log_every_s=0)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    assert [r["step"] for r in records] == list(range(2, 401, 2))
    assert records[-1]["tokens"] == outcome.tokens == 400 * 8 * 12
    assert records[-1]["exposures"] == outcome.exposures == 40
    assert records[0]["loss_nats"] == pytest.approx(3.135, abs=0.05)
    assert outcome.loss_nats is not None
    assert outcome.loss_nats < records[0]["loss_nats"] - 0.2
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("step 400/400  loss ")
    assert last.endswith(" tokens/s  0s left")


@pytest.mark.parametrize("cut", [1, 17, 39])
def test_a_run_cut_in_two_ends_bit_equal(tmp_path: Path, cut: int) -> None:
    whole, outcome = toy.run(tmp_path / "whole", 40)
    with pytest.raises(Cut):
        toy.run(tmp_path / "cut", 40, cut_after(cut), checkpoint_every_s=0, log_every_s=0)
    # What the global generator does in between must not matter, it is part of the checkpoint.
    torch.rand(3)
    resumed, again = toy.run(tmp_path / "cut", 40, cut_after(40 - cut), log_every_s=0)
    assert toy.equal(whole, resumed)
    assert again == outcome
    records = (tmp_path / "cut/metrics.jsonl").read_text()
    assert records == (tmp_path / "whole/metrics.jsonl").read_text()
    assert [json.loads(line)["step"] for line in records.splitlines()] == list(range(1, 41))


def test_twenty_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    n_steps = "260"
    toy.main(str(tmp_path / "whole"), n_steps)
    whole, _ = load_model(tmp_path / "whole")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.train.toy"])
    folder, rng = tmp_path / "killed", generator(0, "kills")
    arguments = (str(folder), n_steps, json.dumps({"checkpoint_every_s": 0, "log_every_s": 0}))
    kills, started = 0, time.monotonic()
    while time.monotonic() - started < 60:
        process = context.Process(target=toy.main, args=arguments)
        process.start()
        wait = rng.uniform(0.02, 0.3) if kills < 20 else 60
        process.join(timeout=wait)
        if process.exitcode == 0 and kills < 20:
            # Finished before the kill: begin again, with the rest of the kills to come.
            assert toy.equal(whole, load_model(folder)[0])
            (folder / "checkpoint.safetensors").unlink()
        elif process.exitcode == 0:
            break
        else:
            assert process.exitcode is None
            process.kill()
            process.join()
            kills += 1
    assert kills == 20
    assert toy.equal(whole, load_model(folder)[0])


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    calls = iter(range(100))

    def loss(model: torch.nn.Module, tokens: Tensor) -> Tensor:
        scale = float("nan") if next(calls) == 20 else 1.0
        return loss_nats(model, tokens) * scale

    with pytest.raises(FloatingPointError, match=r"loss is nan at step 21, learning rate 0\.00"):
        toy.run(tmp_path, 40, loss, checkpoint_every_s=0)
    finished, _ = toy.run(tmp_path, 40, cut_after(20))
    assert toy.equal(finished, toy.run(tmp_path / "whole", 40)[0])


def test_a_weight_that_is_not_finite_is_never_saved(tmp_path: Path) -> None:
    def explode(model: torch.nn.Module, tokens: Tensor) -> Tensor:
        loss = loss_nats(model, tokens)
        loss.register_hook(lambda grad: grad * float("inf"))
        return loss

    with pytest.raises(FloatingPointError, match="is not finite after step 1"):
        toy.run(tmp_path, 40, explode, checkpoint_every_s=0)
    assert not (tmp_path / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("source", ["Counting", "Labelled"])
def test_accumulation_changes_rounding_only(tmp_path: Path, source: str) -> None:
    whole, outcome = toy.run(tmp_path / "1", 50, source=source)
    pieces, again = toy.run(tmp_path / "4", 50, source=source, micro_batch_size=2)
    for a, b in zip(whole.parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    assert again.loss_nats == pytest.approx(outcome.loss_nats, abs=1e-5)


@pytest.mark.parametrize("micro", [8, 4, 2, 1])
def test_the_gradient_is_that_of_the_mean_over_all_scored_tokens(micro: int) -> None:
    settings = toy.config()
    batch, _ = toy.Labelled(12, 8).take({"taken": 3})
    model, reference = toy.fresh(settings), toy.fresh(settings)
    accelerator = Accelerator()
    parts = divisors(batch, slice(0, 8), micro, 1)
    tensor = torch.from_numpy(batch)
    value = gradients(accelerator, model, mean_nats, tensor, parts)
    # Token by token, without a loss function of ours or of torch.
    total = torch.zeros(())
    for row, n in zip(batch, toy.N_LABELS, strict=True):
        logits = reference(torch.from_numpy(row[0])[None])[0]
        for place in range(n):
            total = total - logits[place].log_softmax(-1)[row[1, place]]
    mean = total / toy.N_LABELS.sum()
    mean.backward()
    assert value.item() == pytest.approx(mean.item(), abs=1e-6)
    for a, b in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-7)


def test_a_batch_without_labels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "N_LABELS", np.zeros(8, int))
    with pytest.raises(ValueError, match="no token of the batch is scored"):
        toy.run(tmp_path, 10, source="Labelled")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "batch 96 tokens = 1 process x 1 piece x 8 rows x 12"),
        ({"micro_batch_size": 1}, "batch 96 tokens = 1 process x 8 pieces x 1 row x 12"),
        (
            {"stream": {"n_ctx": 12, "batch_tokens": 96}, "micro_batch_size": 2},
            "batch 96 tokens = 1 process x 4 pieces x 2 rows x 12",
        ),
    ],
)
def test_a_run_says_how_its_batch_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict, line: str
) -> None:
    toy.run(tmp_path, 1, schedule={"warmup_steps": 0}, **changes)
    assert capsys.readouterr().out.splitlines()[0] == line


def test_clipping_limits_the_gradient(tmp_path: Path) -> None:
    optimiser = {"lr_peak": 0.01, "weight_decay": 0.0, "eps": 1.0}
    free, _ = toy.run(tmp_path / "a", 1, schedule={"warmup_steps": 0}, optimiser=optimiser)
    tight = optimiser | {"clip_norm": 1e-6}
    still, _ = toy.run(tmp_path / "b", 1, schedule={"warmup_steps": 0}, optimiser=tight)
    start = toy.run(tmp_path / "c", 0)[0].embed.weight
    moved = (free.embed.weight - start).norm().item()
    assert (still.embed.weight - start).norm().item() < 1e-3 * moved


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"micro_batch_size": 3}, "micro_batch_size=3: must be a divisor of the 8 rows"),
        ({"schedule": {"warmup_steps": 40}}, "must be less than the 40 steps of the run"),
    ],
)
def test_what_does_not_fit_the_run_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        toy.run(tmp_path, 40, **changes)


@pytest.fixture
def another_precision() -> Iterator[None]:
    """Accelerate allows one precision to a process; let this test have its own."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.usefixtures("another_precision")
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_keeps_weights_in_fp32_and_resumes(tmp_path: Path, precision: str) -> None:
    whole, _ = toy.run(tmp_path / "whole", 30, precision=precision)
    assert {p.dtype for p in whole.parameters()} == {torch.float32}
    with pytest.raises(Cut):
        toy.run(tmp_path / "cut", 30, cut_after(9), precision=precision, checkpoint_every_s=0)
    assert toy.equal(whole, toy.run(tmp_path / "cut", 30, precision=precision)[0])


@pytest.mark.parametrize("source", ["Counting", "Labelled"])
def test_two_processes_are_one_up_to_rounding(tmp_path: Path, source: str) -> None:
    changes = json.dumps({"source": source, "micro_batch_size": 2})
    toy.main(str(tmp_path / "one"), "50", json.dumps({"source": source}))
    # `accelerate launch --cpu` starts one process, whatever it is asked for.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "tests.train.toy"]
    command += [str(tmp_path / "two"), "50", changes]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "batch 96 tokens = 2 processes x 2 pieces x 2 rows x 12\n" in done.stdout
    (one, alone), (two, shared) = load_model(tmp_path / "one"), load_model(tmp_path / "two")
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    assert shared["loss_nats"] == pytest.approx(alone["loss_nats"], abs=1e-5)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_is_the_same_up_to_rounding(tmp_path: Path) -> None:
    plain, outcome = toy.run(tmp_path / "plain", 20)
    compiled, again = toy.run(tmp_path / "compiled", 20, compile=True)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for a, b in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    assert again.loss_nats == pytest.approx(outcome.loss_nats, abs=1e-5)
