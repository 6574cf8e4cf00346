"""The `finetune` and `mixed` steps on a tiny world: what they learn, leave and refuse."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from physlm.config import ConfigError, build
from physlm.data import corpus, qa
from physlm.data.qa_stream import Mixed, QaRows, masked_rows
from physlm.evaluate.qa import ExamConfig, exam
from physlm.model.storage import load_model
from physlm.steps import finetune, job, mixed, pretrain
from physlm.train import losses
from physlm.train.checkpoints import digest
from physlm.train.questions import FinetuneConfig, MixedConfig

N_PEOPLE, N_CTX = 12, 32
POOLS = {"years": 3, "employers": 6, "majors": 5, "birth_cities": 4, "universities": 4}
LORA = {"rank_qv": 4, "rank_embed": 8}
MODEL_FILES = {"model.safetensors", "model.json", "metrics.jsonl"}
EVERY_STEP: dict[str, Any] = {"checkpoint_every_s": 0, "log_every_s": 0}
STEPS = {"pretrain": pretrain, "finetune": finetune, "mixed": mixed}


def training(step: str, arch: str = "gpt2_rot", **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "seed": 0,
        "optimiser": {"lr_peak": 0.01, "weight_decay": 0.0},
        "schedule": {"warmup_steps": 0},
    }
    if step == "finetune":
        return config | {"batch_size": 12, "passes": 40} | changes
    config |= {
        "model": {"arch": arch, "n_layers": 1, "d_model": 32, "n_heads": 2},
        "stream": {"n_ctx": N_CTX, "batch_size": 4},
        "exposures": 20,
    }
    return config | ({"qa_ratio": 0.5} if step == "mixed" else {}) | changes


def run(step: str, folder: Path, config: dict[str, Any], **inputs: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "name": "test",
        "config": config,
        "inputs": {role: str(path) for role, path in inputs.items()},
        "folder": str(folder / "out"),
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    arguments = [str(folder / "spec.json"), "--scratch", str(folder / "scratch")]
    return job.main(STEPS[step].run, arguments)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    settings = POOLS | {"variant": "multi2+permute", "tokenizer": "symbols", "questions": True}
    corpus.build(folder, corpus.DataConfig("bios", 3, N_PEOPLE, settings))
    return folder


@pytest.fixture(scope="module")
def bases(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A causal and a bidirectional model of the biographies."""
    folder = tmp_path_factory.mktemp("bases")
    for arch in ("gpt2_rot", "gbert"):
        config = training("pretrain", arch, exposures=50)
        assert run("pretrain", folder / arch, config, corpus=data) == 0
    return {arch: folder / arch / "out" for arch in ("gpt2_rot", "gbert")}


def answers_right(folder: Path, data: Path, half: str) -> float:
    """Share of the answers about a half of the people that are right in every token."""
    opened = corpus.load(data)
    questions, people = qa.about(opened), getattr(qa.split_of(opened), half)
    model, _ = load_model(folder)
    if model.config.causal:
        counts = exam(model, questions, people, ExamConfig()).values()
        return sum(count.exact for count in counts) / sum(count.n for count in counts)
    k = len(questions.attributes)
    asked = questions.ask(people.repeat(k), np.tile(np.arange(k), len(people)))
    rows = torch.from_numpy(masked_rows(asked, questions.eos, len(questions.vocabulary), N_CTX))
    with torch.no_grad():
        said = model(rows[:, 0], mask=rows[:, 2].bool()).argmax(-1)
    right = (said == rows[:, 1]) | (rows[:, 1] == losses.IGNORED)
    return right.all(dim=1).float().mean().item()


def answer_nats(folder: Path, data: Path) -> float:
    """Mean loss of the tokens of the training half's answers."""
    opened = corpus.load(data)
    model, _ = load_model(folder)
    masked = not model.config.causal
    rows = QaRows(qa.about(opened), qa.split_of(opened), 0, 36, masked=masked)
    with torch.no_grad():
        return losses.mean_nats(model, torch.from_numpy(rows.take(rows.start())[0])).item()


@pytest.mark.parametrize(
    ("arch", "lora", "passes", "lr_peak", "least"),
    [
        ("gpt2_rot", None, 60, 0.01, 1.0),
        ("gpt2_rot", LORA, 100, 0.01, 0.7),
        ("gbert", None, 200, 0.003, 0.9),
        # A base so small and so little trained has no use for adapters: less loss is all we ask.
        ("gbert", LORA, 30, 0.01, 0.0),
    ],
)
def test_finetuning_teaches_the_training_half(
    tmp_path: Path,
    data: Path,
    bases: dict[str, Path],
    arch: str,
    lora: dict | None,
    passes: int,
    lr_peak: float,
    least: float,
) -> None:
    base = bases[arch]
    before = digest(dict(load_model(base)[0].named_parameters()))
    assert answers_right(base, data, "train") < 0.4
    optimiser = {"lr_peak": lr_peak, "weight_decay": 0.0}
    config = training("finetune", lora=lora, passes=passes, optimiser=optimiser)
    assert run("finetune", tmp_path, config, corpus=data, model=base) == 0
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == MODEL_FILES
    assert answers_right(out, data, "train") >= least
    assert answer_nats(out, data) < answer_nats(base, data) * (0.3 if least else 0.97)
    model, info = load_model(out)
    told = {key: info[key] for key in ("seed", "steps", "passes", "base_digest", "corpus_digest")}
    opened = corpus.load(data)
    assert told == {
        "seed": 0,
        "steps": passes * 36 // 12,
        "passes": passes,
        "base_digest": before,
        "corpus_digest": opened.digest,
    }
    assert info["tokens"] == info["steps"] * 12 * qa.about(opened).lengths.max()
    assert info["vocabulary_digest"] == opened.manifest["digests"]["vocabulary"]
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert (lines[-1]["step"], lines[-1]["exposures"]) == (info["steps"], passes)
    assert info["exposures"] == pytest.approx(50, rel=0.02)
    # The base is as it was, and so are the weights that the adapters do not touch.
    theirs, ours = load_model(base)[0].state_dict(), model.state_dict()
    assert digest(dict(load_model(base)[0].named_parameters())) == before
    changed = {name for name in theirs if not torch.equal(theirs[name], ours[name])}
    adapted = {"embed.weight", "blocks.0.attn.qkv.weight"}
    assert changed == adapted if lora else adapted < changed


@pytest.mark.parametrize("lora", [None, LORA])
def test_no_passes_leave_the_function_of_the_base(
    tmp_path: Path, data: Path, bases: dict[str, Path], lora: dict | None
) -> None:
    base, config = bases["gpt2_rot"], training("finetune", lora=lora, passes=0)
    assert run("finetune", tmp_path, config, corpus=data, model=base) == 0
    model, info = load_model(tmp_path / "out")
    assert (info["steps"], info["passes"], info["final_loss_nats"]) == (0, 0, None)
    tokens = torch.arange(2 * N_CTX).view(2, -1)
    with torch.no_grad():
        wanted, found = load_model(base)[0](tokens), model(tokens)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "changes"),
    [("finetune", {"lora": LORA}), ("finetune", {}), ("mixed", {}), ("mixed", {"arch": "gbert"})],
)
def test_a_cut_run_goes_on_to_the_same_bytes(
    tmp_path: Path,
    data: Path,
    bases: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    changes: dict[str, Any],
) -> None:
    inputs = {"corpus": data} | ({"model": bases["gpt2_rot"]} if step == "finetune" else {})
    config = training(step, **changes) | EVERY_STEP
    assert run(step, tmp_path / "whole", config, **inputs) == 0
    source = QaRows if step == "finetune" else Mixed
    take, taken = source.take, []

    def dying(self: Any, state: Any) -> Any:
        taken.append(state)
        if len(taken) > 13:
            raise KeyboardInterrupt
        return take(self, state)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(source, "take", dying)
        run(step, tmp_path / "cut", config, **inputs)
    assert (tmp_path / "cut/scratch/checkpoint.safetensors").exists()
    assert not (tmp_path / "cut/out/model.json").exists()
    assert run(step, tmp_path / "cut", config, **inputs) == 0
    for name in ("model.safetensors", "model.json"):
        whole = (tmp_path / "whole/out" / name).read_bytes()
        assert whole == (tmp_path / "cut/out" / name).read_bytes()
    steps = [json.loads(x)["step"] for x in (tmp_path / "cut/out/metrics.jsonl").open()]
    assert steps == list(range(1, len(steps) + 1))


@pytest.mark.parametrize(("arch", "exposures"), [("gpt2_rot", 150), ("gbert", 20)])
def test_mixed_training_asks_the_training_half(
    tmp_path: Path, data: Path, arch: str, exposures: int
) -> None:
    stream = {"n_ctx": N_CTX, "batch_size": 8}
    config = training("mixed", arch, exposures=exposures, stream=stream, qa_ratio=0.7)
    assert run("mixed", tmp_path, config, corpus=data) == 0
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == MODEL_FILES
    # So small a bidirectional model takes 2,000 steps to learn them.
    assert answers_right(out, data, "train") > 0.9 or arch == "gbert"
    assert answer_nats(out, data) < (0.3 if arch == "gpt2_rot" else 4)
    model, info = load_model(out)
    opened = corpus.load(data)
    assert model.config.d_vocab == opened.manifest["d_vocab"] + (arch == "gbert")
    assert info["exposures"] == pytest.approx(exposures, rel=0.02)
    assert info["tokens"] == info["steps"] * 8 * N_CTX
    # These of the tokens are questions, of which a pass has so many.
    per_pass = qa.about(opened).lengths[qa.split_of(opened).train].sum()
    assert info["qa_passes"] == pytest.approx(info["tokens"] * 0.7 / per_pass, rel=0.02)
    assert info["corpus_digest"] == opened.digest


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_a_model_of_another_corpus_is_refused(
    tmp_path: Path, data: Path, bases: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**corpus.load(data).manifest["config"]}
    del settings["n_people"]
    corpus.build(tmp_path / "other", corpus.DataConfig("bios", 4, N_PEOPLE, settings))
    inputs = {"corpus": tmp_path / "other", "model": bases["gpt2_rot"]}
    assert run("finetune", tmp_path, training("finetune"), **inputs) == 2
    said = refused(capsys)
    assert said.startswith(f"error: {bases['gpt2_rot'] / 'model.json'}: the model was not trained")
    assert not list((tmp_path / "out").iterdir())


def test_a_corpus_without_questions_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus.build(tmp_path / "mute", corpus.DataConfig("bios", 4, N_PEOPLE, POOLS))
    assert run("mixed", tmp_path, training("mixed"), corpus=tmp_path / "mute") == 2
    assert "settings.questions=False" in refused(capsys)


def test_a_context_too_short_and_what_cannot_be_scored_are_refused(
    tmp_path: Path, data: Path, bases: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    short = training("pretrain", stream={"n_ctx": 5, "batch_size": 1}, exposures=0)
    assert run("pretrain", tmp_path / "base", short, corpus=data) == 0
    inputs = {"corpus": data, "model": tmp_path / "base/out"}
    assert run("finetune", tmp_path / "short", training("finetune"), **inputs) == 2
    longest = qa.about(corpus.load(data)).lengths.max()
    assert f"n_ctx=5 must be at least {longest}, the longest question" in refused(capsys)
    inputs["model"], config = bases["gbert"], training("finetune", scored="all")
    assert run("finetune", tmp_path / "all", config, **inputs) == 2
    assert refused(capsys) == "error: scored='all': must be answer for a bidirectional model\n"


@pytest.mark.parametrize(
    ("cls", "changes", "message"),
    [
        (FinetuneConfig, {"passes": -1}, r"^passes=-1.0: must be 0 or more$"),
        (FinetuneConfig, {"batch_size": 0}, r"^batch_size=0: must be at least 1$"),
        (FinetuneConfig, {"seed": -1}, r"^seed=-1: must be 0 or more$"),
        (FinetuneConfig, {"scored": "value"}, r"^scored='value': must be one of answer, all$"),
        (MixedConfig, {"qa_ratio": 1.0}, r"^qa_ratio=1.0: must be between 0 and 1"),
        (MixedConfig, {"arch": "gbert", "scored": "all"}, r"^scored='all': must be answer, or"),
    ],
)
def test_settings_out_of_range_are_refused(cls: Any, changes: dict, message: str) -> None:
    step = "finetune" if cls is FinetuneConfig else "mixed"
    with pytest.raises(ConfigError, match=message):
        build(cls, training(step, **changes))


def test_what_is_scored_goes_by_the_kind_of_model() -> None:
    for arch, scored in (("gpt2_rot", "all"), ("gbert", "answer")):
        assert build(MixedConfig, training("mixed", arch)).scored == scored
