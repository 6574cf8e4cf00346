"""`physlm igsm grade`: verdicts as lines of JSON, and one clear line for what is no problem."""

import argparse
import io
import json
from typing import Any

import pytest

from physlm.config import ConfigError
from physlm.evaluate.igsm.grade_cli import add_grade_parser
from tests.evaluate.igsm.texts import EXAMPLES

PLAIN: dict[str, Any] = {
    "problem": "a.e = 3 . b.e = 2 * a.e .",
    "question": "? b.e",
    "solution": "a.e : 3 = a.e 3 . b.e : 2 * a.e 3 = b.e 1 .",
}


def run(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    parser = argparse.ArgumentParser()
    add_grade_parser(parser.add_subparsers())
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    args = parser.parse_args(["grade"])
    return args.handler(args)


def test_prints_a_verdict_for_each_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {**example._asdict(), "needs": None, "necessary": None, "values": None}
        for example in EXAMPLES.values()
    ]
    lines.append(PLAIN | {"solution": "a.e : 3 = a.e 3 . b.e : 2 * a.e 3 = b.e 2 ."})
    lines.append(PLAIN | {"answer": 2})
    # In a world of another modulus the same text is wrong.
    lines.append(PLAIN | {"modulus": 7, "answer": None})
    assert run("".join(json.dumps(line) + "\n" for line in lines), monkeypatch) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [verdict["correct"] for verdict in found] == [True] * 4 + [False] * 3
    for verdict, example in zip(found, EXAMPLES.values(), strict=False):
        assert set(verdict["necessary"]) == example.necessary
        assert verdict["op"] == example.op
    assert [(v["kind"], v["step"], v["name"]) for v in found[4:]] == [
        ("wrong_value", 1, "b.e"),
        ("wrong_value", 2, None),
        ("wrong_value", 1, "b.e"),
    ]
    assert [verdict["true_answer"] for verdict in found[4:]] == [1, 1, 6]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON: "),
        ("", "line 2: not JSON: "),
        ("[1, 2]", "line 2: '\\[1, 2\\]': must be a JSON object"),
        ("[" * 100_000, "line 2: not JSON: too many brackets"),
        (json.dumps({"problem": "a.e = 3 ."}), "line 2: question: missing, expected a text"),
        (json.dumps(PLAIN | {"solution": 3}), "line 2: solution: '3': must be a text"),
        (json.dumps(PLAIN | {"answer": [3]}), "line 2: answer: '\\[3\\]': must be a number"),
        (json.dumps(PLAIN | {"answer": True}), "line 2: answer: 'True': must be a number"),
        (json.dumps(PLAIN | {"items": ["a"]}), "line 2: items: .* must be an object"),
        (json.dumps(PLAIN | {"items": {"a": 1}}), "line 2: items: .* must be an object"),
        (json.dumps(PLAIN | {"modulus": 1}), "line 2: modulus: '1': must be a whole number"),
        (json.dumps(PLAIN | {"problem": "a.e = 3"}), "line 2: problem: must end with"),
        (json.dumps(PLAIN | {"problem": "a.e = 1 + b.e . b.e = a.e ."}), "is needed for itself"),
        (json.dumps(PLAIN | {"problem": "a.e = 3 . " * 20_000}), "line 2: problem: 200000 char"),
        (json.dumps({"problem": "9" * 50}) + "9" * 5000, "line 2: not JSON"),
        ('{"problem": ' + "9" * 5000 + "}", "line 2: "),
    ],
)
def test_a_line_that_is_none_is_named(
    line: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        run(f"{json.dumps(PLAIN)}\n{line}\n", monkeypatch)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    # What came before it is told.
    assert json.loads(capsys.readouterr().out)["correct"]


def test_a_long_solution_is_a_line_like_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(json.dumps(PLAIN | {"solution": "x " * 5_000_000}), monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "unfinished"
