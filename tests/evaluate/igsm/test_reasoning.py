"""What is told of a model's solutions, against texts that are known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from physlm.config import ConfigError, build
from physlm.data.problems import source
from physlm.evaluate.generation import Text
from physlm.evaluate.igsm import reasoning
from physlm.evaluate.igsm.config import ReasoningConfig
from physlm.evaluate.igsm.trained import Posed, Trained, judge, judged, load_trained, pose, write
from physlm.random import generator
from physlm.steps.evaluate import run
from physlm.steps.job import Job
from tests.evaluate.igsm import toy

VALUES: dict[str, Any] = {
    "seed": 5, "n": 12, "ops": [1, 3, None], "reask_ops": [5], "batch_size": 5,
    "length_bins": [30, 60],
}  # fmt: skip
WORLDS: dict[str, dict[str, Any]] = {
    "micro": {},
    "tiny": {"settings": {"preset": "tiny"}, "stream": {"n_ctx": 256, "batch_size": 2}},
    "med": {"settings": {"preset": "med"}, "stream": {"n_ctx": 1024, "batch_size": 1}},
    "plan": {"world": "plan", "settings": {}},
    "retry": {
        "world": "retry",
        "settings": {"of": "plan", "settings": {}, "rate": 0.2, "kind": "weak"},
    },
    "boxes": {"world": "boxes", "settings": {}, "stream": {"n_ctx": 256, "batch_size": 2}},
}


@pytest.fixture(scope="module", params=WORLDS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return toy.train(tmp_path_factory.mktemp(request.param), **WORLDS[request.param])


@pytest.fixture(scope="module")
def micro(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return toy.train(tmp_path_factory.mktemp("model"))


def gold(trained: Trained, posed: Posed, *, stopped: bool = True) -> Text:
    """The right solution as a model would write it."""
    ids = trained.source.solution(posed.problem, generator(1))
    ids = np.array([*ids, 0] if stopped else ids)
    return Text(ids, np.zeros(len(ids)), stopped)


def test_the_right_text_is_judged_right(trained: Trained) -> None:
    ops = [3, 4, None]
    given = [p for op in ops for p in pose(trained.source, 5, generator(0), op, op == 4)]
    for posed in given:
        assert trained.source.split_of(posed.problem) == "test"
        assert len(gold(trained, posed).tokens) == posed.n_gold
        assert posed.prompt.tolist() == [0, *trained.source.prompt(posed.problem)]
        verdict = judge(trained.source, posed, gold(trained, posed))
        assert verdict.correct
        assert verdict.answer == posed.solved.answer
        assert len(verdict.written) == len(posed.problem.solution)
        # Without an end, or without its last word, it is not.
        open_end = judge(trained.source, posed, gold(trained, posed, stopped=False))
        assert (open_end.correct, open_end.kind) == (False, "unfinished")
        cut = gold(trained, posed).tokens[:-2]
        assert not judged(trained.source, posed, cut, True).correct
        # Nor is it with a word after it, reserved ones included.
        for extra in (3, 4, len(trained.source.vocabulary) - 1):
            longer = np.append(gold(trained, posed).tokens[:-1], extra)
            assert not judged(trained.source, posed, longer, True).correct


def test_a_missing_answer_is_unfinished(tmp_path: Path) -> None:
    trained = toy.train(tmp_path, **WORLDS["tiny"])
    (posed,) = pose(trained.source, 1, generator(0), 2, False)
    ids = gold(trained, posed).tokens.tolist()
    assert judged(trained.source, posed, np.array(ids[: ids.index(2)]), True).kind == "unfinished"
    other = ids.index(2) + 1
    ids[other] = trained.source.encode([f" {(posed.problem.answer + 1) % 5}"])[0]
    verdict = judged(trained.source, posed, np.array(ids[:-1]), True)
    assert (verdict.correct, verdict.kind, verdict.name) == (False, "wrong_value", None)


def test_writes_what_is_most_likely(trained: Trained) -> None:
    given = pose(trained.source, 6, generator(2), 2, False)
    texts = write(trained, given, 4, 1.5)
    for posed, text in zip(given[:3], texts[:3], strict=True):
        row = posed.prompt.tolist()
        for token in text.tokens[:8]:
            logits = trained.model(torch.tensor([row]))[0, -1].detach()
            assert float(logits[token]) == pytest.approx(float(logits.max()), abs=1e-4)
            row.append(int(token))
    longest = max(posed.n_all for posed in given)
    for text in texts:
        assert len(text.tokens) <= 1.5 * longest
        assert text.stopped == (text.tokens[-1] == 0)


def test_every_problem_has_room_for_its_solution(micro: Trained) -> None:
    given = sorted(pose(micro.source, 40, generator(3), None, False), key=lambda p: p.n_tokens)
    tight = max(posed.n_tokens for posed in given)
    model = micro.model
    small = replace(model.config, n_ctx=tight)
    room = replace(micro, model=type(model)(small))
    room.model.load_state_dict(model.state_dict(), strict=False)
    for posed, text in zip(given, write(room, given, 40, 1.0), strict=True):
        assert text.stopped or len(text.tokens) >= posed.n_gold
    room.model.config = replace(small, n_ctx=tight - 1)
    with pytest.raises(ValueError, match=f"a problem has {tight} tokens, must be at most"):
        write(room, given, 40, 1.0)


def test_a_record_of_every_world(trained: Trained, tmp_path: Path) -> None:
    values = VALUES | {"ops": [3, None], "n": 6}
    found = reasoning.measure(trained.folder, build(ReasoningConfig, values))
    step = {"measure": "reasoning", "settings": values}
    run(Job("toy", step, {"model": str(trained.folder)}, tmp_path, tmp_path))
    record = json.loads((tmp_path / "evaluate.json").read_text())
    assert record == {"measure": "reasoning", **found}
    assert found["n"] == 18
    retried = {"kind": "weak", "rate": 0.2, "masked": "none"}
    mistakes = retried if trained.info["world"] == "retry" else {}
    assert {key: found[key] for key in retried if key in found} == mistakes
    assert found["problems"] == trained.info["problems"]
    assert [(cell["op"], cell["reask"]) for cell in found["cells"]] == [
        (3, False), (None, False), (5, True),
    ]  # fmt: skip
    for cell in found["cells"]:
        assert sum(cell["kinds"].values()) == 6 - cell["correct"]
        assert cell["accuracy"] == cell["correct"] / 6
        assert sum(part["n"] for part in cell["lengths"]) == 6
        assert cell["problems"]["necessary"] <= cell["problems"]["parameters"]
    assert found["cells"][0]["problems"]["op"] == 3


def test_counts_by_hand(micro: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six problems: two solved, one with all that can be computed, three wrong in ways known."""
    given = pose(micro.source, 6, generator(5, "reasoning", "asked", 4), 4, False)
    texts = [gold(micro, posed) for posed in given]
    more = next(i for i, posed in enumerate(given) if _possible(posed))
    others = [i for i in range(6) if i != more]
    wrong, open_end, empty = others[2:]
    ids = texts[wrong].tokens.copy()
    ids[-3] = micro.source.encode([f" {(given[wrong].problem.answer + 1) % 5}"])[0]
    texts[wrong] = Text(ids, texts[wrong].log_probs, True)
    texts[open_end] = gold(micro, given[open_end], stopped=False)
    texts[empty] = Text(np.array([0]), np.zeros(1), True)
    texts[more] = _with_all(micro, given[more])
    extra = len(_possible(given[more]))
    monkeypatch.setattr(reasoning, "write", lambda *_: texts)
    config = build(ReasoningConfig, VALUES | {"n": 6, "length_bins": [30, 60]})
    found = reasoning.cell(micro, config, 4, False)
    assert (found["n"], found["too_long"], found["correct"]) == (6, 0, 3)
    assert found["accuracy"] == 0.5
    # The text that has no end still tells the right number.
    assert found["answer_accuracy"] == pytest.approx(4 / 6)
    assert found["kinds"] == {"unfinished": 2, "wrong_value": 1}
    assert found["unfinished"] == pytest.approx(1 / 6)
    assert found["unnecessary"] == pytest.approx(extra / 3)
    assert found["unnecessary_op"] >= found["unnecessary"]
    assert found["shortest"] == pytest.approx(2 / 3)
    lengths = [posed.n_tokens for posed in given]
    n = np.histogram(lengths, [0, 30, 60, 1000])[0].tolist()
    solved = [lengths[i] for i in (more, *others[:2])]
    right = np.histogram(solved, [0, 30, 60, 1000])[0].tolist()
    assert found["lengths"] == [
        {"from": edge, "n": m, "correct": c}
        for edge, m, c in zip([0, 30, 60], n, right, strict=True)
        if m
    ]
    answers = [posed.problem.answer for posed in given]
    about = found["problems"]
    assert about["majority"] == max(map(answers.count, answers)) / 6
    assert about["parameters"] == np.mean([len(posed.problem.graph) for posed in given])
    assert about["necessary"] == np.mean([len(posed.problem.solution) for posed in given])
    assert about["prompt_tokens"] + about["gold_tokens"] == pytest.approx(np.mean(lengths))
    most = np.mean([len(p.problem.graph) - len(p.problem.solution) for p in given])
    assert 0 < found["level0"]["unnecessary"] <= most


def _possible(posed: Posed) -> list[Any]:
    """Unnecessary parameters that need no other such one."""
    problem = posed.problem
    done = set(problem.solution[:-1])
    others = [p for p in problem.graph if p not in problem.solution]
    return [p for p in others if set(problem.needs[p]) <= done]


def _with_all(micro: Trained, posed: Posed) -> Text:
    """The right solution, with these before its last step."""
    problem = posed.problem
    steps = (*problem.solution[:-1], *_possible(posed), problem.query)
    words = micro.source.language.solution_words(replace(problem, solution=steps), generator(0))
    ids = micro.source.encode([word for step in words for word in step])
    return Text(np.array([*ids, 0]), np.zeros(len(ids) + 1), True)


def test_all_that_can_be_computed_may_be_written(micro: Trained) -> None:
    """The bound on a text is that of a solution with everything in it, told by a hand-made one."""
    for posed in pose(micro.source, 30, generator(4), 2, False):
        problem = posed.problem
        told = replace(problem, solution=problem.graph)
        words = micro.source.language.solution_words(told, generator(0))
        exact = 1 + sum(map(len, words))
        assert posed.n_all <= 1.5 * exact
        assert exact <= 1.5 * posed.n_all


def test_too_long_problems_are_left_out(micro: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pose(micro.source, 12, generator(5, "reasoning", "asked", 3), 3, False)
    n_ctx = sorted(posed.n_tokens for posed in given)[5]
    short = replace(micro.model.config, n_ctx=n_ctx)
    monkeypatch.setattr(micro.model, "config", short)
    found = reasoning.cell(micro, build(ReasoningConfig, VALUES), 3, False)
    assert found["n"] == sum(posed.n_tokens <= n_ctx for posed in given)
    assert found["n"] + found["too_long"] == 12
    assert found["too_long"] > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 0}, "n=0: must be at least 1"),
        ({"ops": [0]}, r"ops=\[0\]: must be numbers from 1"),
        ({"ops": [2, 2]}, "each once"),
        ({"ops": [], "reask_ops": []}, "one or more"),
        ({"slack": 0.5}, "slack=0.5: must be at least 1"),
        ({"length_bins": [60, 30]}, "length_bins=.*ascending"),
        ({"lengths": [60]}, "lengths.*unknown key"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(ReasoningConfig, VALUES | changes)


def test_a_model_of_another_step_is_refused(tmp_path: Path, micro: Trained) -> None:
    for file in micro.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    info = json.loads((tmp_path / "model.json").read_text()) | {"world": "grammar"}
    (tmp_path / "model.json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match="was not trained on problems"):
        load_trained(tmp_path)


def test_right_solutions_are_right_modulo_any_number() -> None:
    made = source("igsm", {"preset": "micro", "modulus": 7})
    rng = generator(4)
    for posed in pose(made, 40, rng, 4, False):
        assert posed.solved.answer == posed.problem.answer
        ids = np.array(made.solution(posed.problem, rng))
        assert judged(made, posed, ids, stopped=True).correct
