"""`score` on standard input."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from physlm.cli import main
from physlm.data.grammars import score_cli
from physlm.data.grammars.grammar import load
from physlm.data.grammars.next_tokens import next_rows
from physlm.random import generator
from tests.data.grammars import oracles

WIDE = "terminals: 1 2 3 4 5 6 7 8 9 10 11 12\n20: 1 12 3 | 12 | 4 5 6 7 8 9 10 11 | 2\n"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(text: str, *arguments: str) -> tuple[int, list[dict], str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        status = main(["grammar", "score", *arguments])
        out, err = capsys.readouterr()
        return status, [json.loads(line) for line in out.splitlines()], err

    return run


def test_probabilities(run) -> None:
    first = oracles.always("cfg3k", 0)
    text = "".join(map(str, first)) + "\n" + " ".join(map(str, first)) + "\n1231\n"
    status, lines, err = run(text, "--grammar", "cfg3k")
    assert (status, err) == (0, "")
    assert lines[0] == lines[1]
    assert lines[0]["log2_prob"] == pytest.approx(-537.165362, abs=5e-7)
    assert lines[0]["grammatical"] is True
    assert lines[0]["n_parses"] == 3
    assert lines[2] == {"grammatical": False, "log2_prob": None, "n_parses": 0}


def test_rows(run) -> None:
    # From 7 the grammar has 3 1 and 1 2 3.
    text = "31\n123\n12\n1213\n2\n"
    status, lines, _ = run(text, "--grammar", "cfg3b", "--root", "7", "--next")
    assert status == 0
    assert [line["grammatical"] for line in lines] == [True, True, False, False, False]
    start, end = [0, 0.5, 0, 0.5], [1, 0, 0, 0]
    after_1, after_12 = [0, 0, 1, 0], [0, 0, 0, 1]
    assert [line["next"] for line in lines] == [
        [start, [0, 1, 0, 0], end],
        [start, after_1, after_12, end],
        [start, after_1, after_12],
        [start, after_1, after_12],
        [start],
    ]


def test_rows_of_many_strings(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_cli, "BATCH", 3)
    grammar, rng = load("cfg3f", 16), generator(0, "test score")
    texts = [oracles.draw(grammar, rng) for _ in range(7)]
    lines = "".join("".join(map(str, text)) + "\n" for text in texts)
    status, found, _ = run(lines, "--grammar", "cfg3f", "--root", "16", "--next")
    assert status == 0
    assert len(found) == 7
    for text, line in zip(texts, found, strict=True):
        np.testing.assert_array_equal(line["next"], next_rows(grammar, text))


def test_more_than_nine_terminals(run, tmp_path: Path) -> None:
    path = tmp_path / "wide.txt"
    path.write_text(WIDE)
    status, lines, _ = run("1 12 3\n12\n2\n12 12\n", "--grammar", str(path))
    assert status == 0
    assert [line["grammatical"] for line in lines] == [True, True, True, False]
    assert lines[1]["log2_prob"] == -2
    status, _, err = run("4 5\n3 13\n", "--grammar", str(path))
    assert (status, err) == (2, "error: line 2: position 2: '13': must be 1 to 12\n")


def test_no_strings(run) -> None:
    assert run("", "--grammar", "cfg3f") == (0, [], "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("31\n\n31\n", "line 2: empty: must be a string of terminals"),
        ("31\n   \n", "line 2: empty: must be a string of terminals"),
        ("31\n3141\n", "line 2: position 3: '4': must be 1 to 3"),
        ("31\n3 1 0\n", "line 2: position 3: '0': must be 1 to 3"),
        ("31\n3 12\n", "line 2: position 2: '12': must be 1 to 3"),
        ("31\n1x\n", "line 2: position 2: 'x': must be 1 to 3"),
        ("31\n1³\n", "line 2: position 2: '³': must be 1 to 3"),
    ],
)
def test_bad_lines(run, text: str, message: str) -> None:
    status, lines, err = run(text, "--grammar", "cfg3b", "--root", "7")
    assert (status, err) == (2, f"error: {message}\n")
    assert [line["log2_prob"] for line in lines] == [-1.0], "the line before it is scored"


def test_bad_grammars(run) -> None:
    status, lines, err = run("1\n", "--grammar", "cfg3z")
    assert (status, lines) == (2, [])
    assert err.startswith("error: grammar='cfg3z': must be one of cfg3b, ")
    status, _, err = run("1\n", "--grammar", "cfg3b", "--root", "2")
    assert status == 2
    assert err.startswith("error: cfg3b: root=2: must be one of 7, ")
