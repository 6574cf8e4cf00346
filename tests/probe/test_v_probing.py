"""V-probes: what they read of known and of random states, and that a cut job goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from physlm.config import ConfigError, build
from physlm.model.transformer import Transformer
from physlm.probe import v_probing
from physlm.probe.v_config import MistakesConfig, VProbeConfig
from physlm.probe.v_examples import Knowledge, ask, rows
from physlm.probe.v_probes import VProbe, branched, probe_nats
from physlm.probe.v_probing import Questions, commonest, probe_solver
from physlm.probe.v_scores import Answers, area, matthews, record
from physlm.random import generator
from physlm.steps.v_probe import run
from physlm.train.losses import IGNORED
from tests.evaluate.grammars.toy import job
from tests.probe import v_toy


def alone(model: Transformer, tokens: list[int], layer: int | None) -> Tensor:
    """What the model has at the end of one question in a row of its own."""
    found: dict[str, Tensor] = {}
    model(torch.tensor([tokens]), found)
    state = found["final_norm" if layer is None else f"blocks.{layer}.resid_post"][0, -1]
    return state if layer is None else torch.nn.functional.layer_norm(state, state.shape)


@pytest.mark.parametrize("arch", ["gpt2_rot", "gpt2", "llama"])
@pytest.mark.parametrize("layer", [None, 0])
def test_questions_that_share_a_row_are_read_as_if_alone(arch: str, layer: int | None) -> None:
    source = v_toy.source("tiny")
    model = v_toy.model(source, arch=arch, init_std=0.3)
    rng = generator(0, "alone")
    given = [
        ask(source, problem, task, "graph", 5, rng)
        for task in ("dep", "known", "nece")
        for problem in source.problems(2, rng, split="all")
    ]
    batch = torch.from_numpy(rows(given))
    with torch.no_grad():
        states = branched(model, model.embed(batch[:, 0].reshape(-1)), batch, layer)
        states = states[batch[:, 1].reshape(-1) != IGNORED]
        wanted = [
            alone(model, example.text[: query.place] + ids, layer)
            for example in given
            for query, ids in zip(example.queries, example.suffixes, strict=True)
        ]
    torch.testing.assert_close(states, torch.stack(wanted), atol=1e-5, rtol=1e-4)


def test_an_update_is_that_of_the_embedding() -> None:
    source = v_toy.source()
    model = v_toy.model(source, init_std=0.3)
    probe = VProbe(model, "nece", 2, v_toy.built())
    rng = generator(0, "update")
    (problem,) = source.problems(1, rng, split="all")
    batch = torch.from_numpy(rows([ask(source, problem, "nece", "graph", 3, rng)]))
    with torch.no_grad():
        before = probe(batch)
        assert probe.embed_tokens is not None
        assert probe.embed_out is not None
        probe.embed_tokens.normal_()
        after = probe(batch)
        model.embed.weight += probe.embed_tokens @ probe.embed_out
        probe.embed_tokens.zero_()
        torch.testing.assert_close(probe(batch), after)
    assert (before - after).abs().max() > 0.01


def test_without_an_update_it_is_logistic_regression() -> None:
    source = v_toy.source()
    model = v_toy.model(source, d_model=8, init_std=0.5)
    rng = generator(0, "regression")
    given = [
        ask(source, problem, "nece", "graph", 10, rng)
        for problem in source.problems(20, rng, op=1, split="all")
    ]
    batch = rows(given)
    # Labels that nothing tells, so that the best weights are finite.
    scored = batch[:, 1] != IGNORED
    batch[:, 1][scored] = rng.integers(2, size=int(scored.sum()))

    probe = VProbe(model, "nece", 2, v_toy.built(rank=0))
    assert [name for name, p in probe.named_parameters() if p.requires_grad] == [
        "head.weight",
        "head.bias",
    ]
    features = probe.states(torch.from_numpy(batch)).double()
    labels = torch.from_numpy(batch[:, 1][scored]).double()
    weights = torch.zeros(9, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weights], max_iter=2000, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        logits = features @ weights[:8] + weights[8]
        value = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        value.backward()
        return value

    solver.step(loss)
    with torch.no_grad():
        probe.head.weight.zero_()[1] = weights[:8]
        probe.head.bias.zero_()[1] = weights[8]
    # The best weights are best for the probe too.
    nats = probe_nats(probe, torch.from_numpy(batch))
    nats.backward()
    assert nats.item() == pytest.approx(loss().item(), abs=1e-5)
    assert nats.item() < np.log(2) - 0.005
    for parameter in (probe.head.weight, probe.head.bias):
        assert parameter.grad is not None
        assert parameter.grad.abs().max() < 1e-4


@pytest.mark.parametrize("planted", [True, False])
def test_what_the_name_tells_is_learned_and_chance_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: bool
) -> None:
    rng = generator(1, "chance")

    def label(self: Knowledge, task: str, a: Any, b: Any, computed: Any) -> int:
        # Instance or abstract, which names show; or nothing that can be known.
        return int(a.abstract) if planted else int(rng.random() < 0.7)

    monkeypatch.setattr(Knowledge, "label", label)
    solver = v_toy.solver(tmp_path / "model", "tiny", init_std=0.2, d_model=32)
    config = v_toy.built(n_steps=100, batch_size=8, n_test=40, rank=4, optimiser={"lr_peak": 0.03})
    (found,) = probe_solver(solver, config, tmp_path)["results"]
    assert found["n"] > 200
    if planted:
        assert found["accuracy"] > found["majority"] + 0.3
        assert found["matthews"] > 0.7
        assert 0.3 < found["majority"] < 0.7
    else:
        assert found["accuracy"] < found["majority"] + 0.02
        assert abs(found["matthews"]) < 0.15


def test_a_cut_job_leaves_the_same_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    v_toy.solver(tmp_path / "model")
    settings = v_toy.config(tasks=["dep", "value"], checkpoint_every_s=0)
    inputs = {"model": str(tmp_path / "model")}
    run(job(tmp_path / "whole", settings, inputs))
    take = Questions.take

    def cut(self: Any, state: dict[str, int]) -> Any:
        if self.task == "value" and state["taken"] == 5:
            raise KeyboardInterrupt
        return take(self, state)

    monkeypatch.setattr(Questions, "take", cut)
    with pytest.raises(KeyboardInterrupt):
        run(job(tmp_path / "cut", settings, inputs))
    assert (tmp_path / "cut" / "scratch" / "value" / "checkpoint.safetensors").exists()
    monkeypatch.undo()
    run(job(tmp_path / "cut", settings, inputs))
    whole, cut_one = (
        json.loads((tmp_path / name / "out" / "v_probe.json").read_text())
        for name in ("whole", "cut")
    )
    assert whole == cut_one
    assert [(r["task"], r["op"], r["reask"]) for r in whole["results"]] == [
        ("dep", 2, False),
        ("value", 2, False),
    ]
    assert (whole["world"], whole["preset"]) == ("igsm", "micro")


def test_tasks_do_not_depend_on_each_other(tmp_path: Path) -> None:
    solver = v_toy.solver(tmp_path / "model")
    both = probe_solver(solver, v_toy.built(tasks=["known", "dep"]), tmp_path / "a")
    one = probe_solver(solver, v_toy.built(tasks=["dep"]), tmp_path / "b")
    assert both["results"][1:] == one["results"]


def test_the_control_is_another_model(tmp_path: Path) -> None:
    solver = v_toy.solver(tmp_path / "model")
    before = {name: p.clone() for name, p in solver.model.named_parameters()}
    probe_solver(solver, v_toy.built(), tmp_path / "a")
    for name, p in solver.model.named_parameters():
        assert torch.equal(before[name], p)
    probe_solver(solver, v_toy.built(control="model", seed=1), tmp_path / "b")
    assert not torch.equal(before["embed.weight"], solver.model.embed.weight)


def test_training_and_test_problems_are_of_either_side() -> None:
    source = v_toy.source()
    config = v_toy.built(train_ops=[3], ops=[6], n_test=5, reask=[True], batch_size=6)
    kept = []
    problems = type(source).problems

    class Noting(type(source)):
        def problems(self, n: int, *args: Any, **named: Any) -> Any:
            found = problems(self, n, *args, **named)
            kept.extend((named["split"], problem) for problem in found)
            return found

    noting = Noting(source.config)
    Questions(noting, "nece", 256, config).take({"taken": 0})
    assert len(kept) == 6
    assert all(source.split_of(p) == split == "train" and p.op == 3 for split, p in kept)
    kept.clear()
    first = v_probing.tested(noting, "nece", 6, True, 256, config)
    assert all(source.split_of(p) == split == "test" for split, p in kept)
    assert len({p.op for _, p in kept}) > 1
    other = v_probing.tested(source, "dep", 6, True, 256, config)
    assert [e.problem for e in first] == [e.problem for e in other]
    lengths = sorted(e.n_positions for e in first)
    short = v_probing.tested(source, "nece", 6, True, lengths[2], config)
    assert sorted(e.n_positions for e in short) == [n for n in lengths if n <= lengths[2]]
    assert len(short) < 5
    with pytest.raises(ConfigError, match=r"n_ctx=9: the model's context must have room"):
        Questions(source, "nece", 9, config).take({"taken": 0})


def test_the_guess_is_the_commonest_label_of_training() -> None:
    questions = Questions(v_toy.source(), "known", 256, v_toy.built(batch_size=8))
    labels = [questions.take({"taken": i})[0][:, 1] for i in range(2)]
    flat = np.concatenate([part[part != IGNORED] for part in labels])
    assert commonest(questions, 16) == int((flat == 1).mean() > 0.5)


def test_scores_by_hand() -> None:
    said = np.array([1, 1, 0, 0, 1, 0, 0, 1])
    true = np.array([1, 0, 0, 1, 1, 0, 0, 0])
    far = np.array([0, -1, -1, 1, 1, -1, 2, -1])
    found = record(Answers(said, true, far), 0, "nece")
    assert (found["n"], found["accuracy"], found["majority"]) == (8, 5 / 8, 5 / 8)
    assert found["by_label"] == [
        {"label": 0, "n": 5, "accuracy": 3 / 5},
        {"label": 1, "n": 3, "accuracy": 2 / 3},
    ]
    assert found["unnecessary"] == {
        "n": 4,
        "accuracy": 0.5,
        "by_label": [{"label": 0, "n": 4, "accuracy": 0.5}],
    }
    assert found["necessary"]["n"] == 4
    assert found["by_distance"] == [
        {"distance": 0, "n": 1, "accuracy": 1.0},
        {"distance": 1, "n": 2, "accuracy": 0.5},
        {"distance": 2, "n": 1, "accuracy": 1.0},
    ]
    # 2 true positives, 3 true negatives, 2 false positives, 1 false negative.
    assert found["matthews"] == pytest.approx((2 * 3 - 2 * 1) / (4 * 3 * 5 * 4) ** 0.5)
    assert "by_distance" not in record(Answers(said, true, far), 0, "dep")


def test_matthews_and_areas() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(4, size=500)
    assert matthews(true, true) == pytest.approx(1)
    assert matthews(np.zeros(500, int), true) == 0
    assert abs(matthews(rng.permutation(true), true)) < 0.1
    scores, positive = rng.integers(6, size=60).astype(float), rng.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert area(scores, positive) == pytest.approx(np.mean(pairs))
    assert area(scores, np.ones(60, bool)) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ["nece", "nece"]}, r"tasks=.*: must be one or more, each once"),
        ({"tasks": ["need"]}, r"tasks.*need"),
        ({"ops": []}, r"ops=\[\]: must be one or more, each once"),
        ({"ops": [0]}, r"ops=\[0\]: must be operations, 1 or more each"),
        ({"rank": 0, "embed_std": 0.1}, r"embed_std=0.1: must be null, or above 0 where rank is"),
        ({"n_queries": 0}, r"n_queries=0: must be 1 or more"),
        ({"mistakes": {"n": 4, "ops": [2]}}, r"tasks=\['nece'\]: must be with can_next, nece_next"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(VProbeConfig, v_toy.config(**changes))


def test_mistakes_are_of_some_problems_and_a_trained_model() -> None:
    tasks = ["nece", "can_next", "nece_next"]
    with pytest.raises(ConfigError, match=r"control='model': must be none with mistakes"):
        v_toy.built(tasks=tasks, control="model", mistakes={"n": 4, "ops": [2]})
    with pytest.raises(ConfigError, match=r"ops=\(\): must be one or more operations where"):
        build(MistakesConfig, {"n": 4})


def test_models_that_cannot_be_probed_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layer=2: must be below the model's 2, or null"):
        probe_solver(v_toy.solver(tmp_path / "a"), v_toy.built(layer=2), tmp_path)
    canon = v_toy.solver(tmp_path / "b", canon="A")
    with pytest.raises(ConfigError, match=r"model\.arch='gpt2_rot': must be causal, with rotary"):
        probe_solver(canon, v_toy.built(), tmp_path)
    trained = v_toy.solver(tmp_path / "c")
    trained.info["world"] = "plan"
    with pytest.raises(ConfigError, match=r"world='plan': must be igsm for V-probes"):
        probe_solver(trained, v_toy.built(), tmp_path)
