"""The step `decoding`: all arms of small models, cut and resumed, in batches of any size."""

import json
from pathlib import Path
from typing import Any

import pytest

from physlm.config import ConfigError, build
from physlm.evaluate.igsm import reasoning
from physlm.evaluate.igsm.config import ReasoningConfig
from physlm.evaluate.igsm.trained import Trained, load_trained, pose
from physlm.model.storage import save_model
from physlm.probe import regret
from physlm.probe.regret import Arm, arms, decoded, limits
from physlm.probe.regret_config import DecodingConfig
from physlm.probe.v_probing import Questions
from physlm.random import generator
from physlm.steps.decoding import run
from tests.evaluate.grammars.toy import job
from tests.evaluate.igsm import toy
from tests.probe import v_toy

PROBE = {"rank": 2, "n_steps": 6, "batch_size": 3, "n_test": 4}
WORLDS: dict[str, dict[str, Any]] = {
    "plan": {"world": "plan", "settings": {"n_max": 6}},
    "micro": {},
    "retry": {
        "world": "retry",
        "settings": {"of": "plan", "settings": {"n_max": 6}, "rate": 0},
    },
}


def config(**changes: Any) -> dict[str, Any]:
    return {
        "seed": 0,
        "n": 5,
        "ops": [2, 4],
        "batch_size": 4,
        "beams": [1, 3],
        "most_retries": [0, 3],
        "detector": PROBE,
        "optimiser": {"lr_peak": 0.01},
        "schedule": {"kind": "linear", "warmup_steps": 0, "final_ratio": 0},
    } | changes


@pytest.fixture(scope="module", params=WORLDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.train(tmp_path_factory.mktemp(request.param), **WORLDS[request.param]).folder


def test_a_record_of_every_world(folder: Path, tmp_path: Path) -> None:
    inputs = {"model": str(folder)}
    run(job(tmp_path / "a", config(), inputs))
    record = json.loads((tmp_path / "a" / "out" / "decoding.json").read_text())
    facts = load_trained(folder).facts
    assert {key: record[key] for key in facts} == json.loads(json.dumps(facts))
    assert [cell["op"] for cell in record["cells"]] == [2, 4]
    assert [(q["task"], q["op"]) for q in record["questions"]] == [("can_next", 2), ("can_next", 4)]
    values = {"seed": 0, "n": 5, "ops": [2, 4]}
    measured = reasoning.measure(folder, build(ReasoningConfig, values))
    for cell, same in zip(record["cells"], measured["cells"], strict=True):
        told = {(a["arm"], a["n_beams"], a["detector"], a["most_retries"]): a for a in cell["arms"]}
        greedy = told["greedy", None, None, None]
        # The same problems and texts as those of the measure.
        assert {k: greedy[k] for k in ("accuracy", "kinds", "steps", "correct")} == {
            k: same[k] for k in ("accuracy", "kinds", "steps", "correct")
        }
        # One beam is greedy; so are no retries, whoever would be asked.
        names = [("beams", 1, None, None)]
        names += [("regret", None, name, 0) for name in ("perfect", "trained")]
        for name in names:
            named = dict(zip(("arm", "n_beams", "detector", "most_retries"), name, strict=True))
            ignored = {"spent": 1.0} if name[3] == 0 else {}
            assert told[name] == greedy | named | ignored
        assert 0 <= told["regret", None, "trained", 3]["retries"] <= 3
        wrong = cell["own"]["wrong"]
        assert wrong == 5 - greedy["correct"] >= cell["own"]["mistakes"]["n"]
    perfect = [a for c in record["cells"] for a in c["arms"] if a["detector"] == "perfect"]
    assert any(a["retries"] > 0 for a in perfect if a["most_retries"]) or "igsm" in facts["world"]
    # In batches of another size nothing else is written.
    run(job(tmp_path / "b", config(batch_size=2), inputs))
    other = json.loads((tmp_path / "b" / "out" / "decoding.json").read_text())
    assert other["cells"] == record["cells"]
    assert other["questions"] == record["questions"]


def test_a_cut_job_leaves_the_same_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = toy.train(tmp_path / "model", **WORLDS["plan"]).folder
    inputs = {"model": str(folder)}
    settings = config(checkpoint_every_s=0)
    run(job(tmp_path / "whole", settings, inputs))
    take, cell = Questions.take, regret._cell
    calls: list[int] = []

    def cut_take(self: Any, state: dict[str, int]) -> Any:
        if state["taken"] == 4:
            raise KeyboardInterrupt
        return take(self, state)

    def cut_cell(trained: Trained, settings: Any, op: int, *rest: Any) -> Any:
        calls.append(op)
        if calls == [2, 4]:
            raise KeyboardInterrupt
        return cell(trained, settings, op, *rest)

    monkeypatch.setattr(Questions, "take", cut_take)
    with pytest.raises(KeyboardInterrupt):
        run(job(tmp_path / "cut", settings, inputs))
    assert (tmp_path / "cut" / "scratch" / "can_next" / "checkpoint.safetensors").exists()
    monkeypatch.setattr(Questions, "take", take)
    monkeypatch.setattr(regret, "_cell", cut_cell)
    with pytest.raises(KeyboardInterrupt):
        run(job(tmp_path / "cut", settings, inputs))
    run(job(tmp_path / "cut", settings, inputs))
    assert calls == [2, 4, 4]
    whole, cut = (
        (tmp_path / name / "out" / "decoding.json").read_text() for name in ("whole", "cut")
    )
    assert whole == cut
    monkeypatch.undo()
    redone = regret.once(tmp_path / "f.json", {"a": (1,)}, lambda: 1)
    assert regret.once(tmp_path / "f.json", {"a": (1,)}, lambda: 2) == redone == 1
    assert regret.once(tmp_path / "f.json", {"a": (2,)}, lambda: 2) == 2


def test_without_a_probe_only_the_perfect_detector_is_asked(tmp_path: Path) -> None:
    trained = toy.train(tmp_path, **WORLDS["plan"])
    settings = build(DecodingConfig, config(detector=None, ops=[3], beams=[2], most_retries=[2]))
    record = decoded(trained, settings, tmp_path / "scratch")
    (cell,) = record["cells"]
    assert [arm["arm"] for arm in cell["arms"]] == ["greedy", "beams", "regret"]
    assert arms(settings, ["perfect"])[-1] == Arm("regret", None, "perfect", 2)
    assert record["questions"] is record["probe"] is cell["own"] is None


def test_every_problem_has_room_for_its_solution() -> None:
    of = v_toy.source("micro")
    given = pose(of, 60, generator(0, "room"), None, False)
    tight = max(test.n_tokens for test in given)
    found = dict(limits(given, tight, 1.5))
    assert sorted(found) == list(range(60))
    for i, test in enumerate(given):
        assert test.n_gold <= found[i] <= tight - len(test.prompt)
    assert len(set(found.values())) > 1
    roomy = limits(given, 10_000, 1.5)
    assert {limit for _, limit in roomy} == {int(1.5 * max(test.n_all for test in given))}


def test_models_that_were_trained_on_mistakes_are_refused(tmp_path: Path) -> None:
    settings = {"of": "plan", "settings": {"n_max": 6}, "rate": 0.2}
    trained = toy.train(tmp_path, world="retry", settings=settings)
    with pytest.raises(ConfigError, match=r"rate=0.2: must be 0, for a model that was trained on"):
        decoded(trained, build(DecodingConfig, config()), tmp_path)


def test_models_that_cannot_be_probed_are_refused(tmp_path: Path) -> None:
    model = v_toy.model(v_toy.source(), arch="gpt2_rel")
    save_model(tmp_path / "model", model, world="igsm", settings={"preset": "micro"}, seed=0,
               steps=0, problems=0, tokens=0, final_loss_nats=None)  # fmt: skip
    with pytest.raises(ConfigError, match=r"model\.arch='gpt2_rel': must be causal, with rotary"):
        decoded(load_trained(tmp_path / "model"), build(DecodingConfig, config()), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ops": []}, r"ops=\[\]: must be one or more operations"),
        ({"ops": [2, 2]}, r"ops=\[2, 2\]: must be numbers from 1, each once"),
        ({"beams": [0]}, r"beams=\[0\]: must be numbers from 1, each once"),
        ({"most_retries": [-1]}, r"most_retries=\[-1\]: must be numbers from 0, each once"),
        ({"n": 0}, r"n=0: must be 1 or more"),
        ({"slack": 0.5}, r"slack=0.5: must be 1 or more"),
        ({"detector": PROBE | {"rank": -1}}, r"detector\.rank=-1: must be 0 or more"),
        ({"detector": PROBE | {"ops": [1]}}, r"detector.*ops"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(DecodingConfig, config(**changes))
