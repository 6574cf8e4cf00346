"""`physlm grammar`: what it prints, and one line for each error."""

import subprocess
import sys
from pathlib import Path

import pytest

from physlm.cli import main
from physlm.data.grammars import grammar_cli
from physlm.data.grammars.build import named
from physlm.data.grammars.grammar import load, parse
from physlm.random import generator


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines that `physlm grammar` prints with success."""
    assert main(["grammar", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


def test_sample_prints_strings_of_the_grammar(capsys: pytest.CaptureFixture[str]) -> None:
    from physlm.data.grammars.sample import sample

    lines = run(capsys, "sample", "--grammar", "cfg3f", "-n", "5", "--seed", "3")
    strings = sample(load("cfg3f"), 5, generator(3, "grammar sample", 0))
    assert lines == ["".join(map(str, string.tolist())) for string in strings]
    assert run(capsys, "sample", "--grammar", "cfg3f", "-n", "0") == []
    assert len(run(capsys, "sample", "--grammar", "cfg3f")) == 10


@pytest.mark.parametrize("tree", [(), ("--tree",)])
def test_a_string_of_a_seed_is_the_same_for_every_n(
    tree: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar_cli, "BLOCK", 4)
    common = ("sample", "--grammar", "cfg3b", "--root", "13", *tree)
    many = run(capsys, *common, "-n", "19")
    assert len(many) == 19
    assert len(set(many)) > 10
    for n in (1, 3, 4, 5, 12):
        assert run(capsys, *common, "-n", str(n)) == many[:n]
    assert run(capsys, *common, "-n", "19", "--seed", "1") != many


def test_trees_have_the_tokens_of_the_strings(capsys: pytest.CaptureFixture[str]) -> None:
    common = ("sample", "--grammar", "cfg3f", "-n", "6")
    for string, tree in zip(run(capsys, *common), run(capsys, *common, "--tree"), strict=True):
        assert tree.startswith("(22 (")
        assert tree.count("(") == tree.count(")")
        assert "".join(w.rstrip(")") for w in tree.split() if not w.startswith("(")) == string


def test_ten_terminals_or_more_are_separated(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "ten.txt"
    path.write_text("terminals: 1 2 3 4 5 6 7 8 9 10\n14: 1 2 3 4 5 6 7 8 9 10\n")
    assert run(capsys, "sample", "--grammar", str(path), "-n", "1") == ["1 2 3 4 5 6 7 8 9 10"]
    path.write_text("terminals: 1 2 3 4 5 6 7 8 9\n14: 1 2 3 4 5 6 7 8 9\n")
    assert run(capsys, "sample", "--grammar", str(path), "-n", "1") == ["123456789"]
    lines = run(capsys, "sample", "--grammar", str(path), "-n", "1", "--tree")
    assert lines == ["(14 1 2 3 4 5 6 7 8 9)"]


@pytest.mark.parametrize("name", ["cfg3b", "cfg3e2-like"])
def test_show_is_a_grammar_file_with_statistics(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run(capsys, "show", "--grammar", name)
    assert parse("\n".join(lines), name) == named(name)
    if name == "cfg3b":
        assert [line for line in lines if line.startswith("#")] == [
            "# levels 7, rules 32",
            "# length: mean 275.62, sd 41.71, min 138, max 432",
            "# length, percentiles 5% 25% 50% 75% 95%: 198 251 277 307 341",
            "# nodes of each level: 1.00 2.00 5.25 14.00 36.75 110.25 275.62",
            "# entropy of the derivation: 169.25 bits",
        ]


def test_show_from_a_root(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, "show", "--grammar", "cfg3b", "--root", "7")
    assert lines[:2] == ["terminals: 1 2 3", "7: 3 1 | 1 2 3"]
    assert lines[3] == "# length: mean 2.50, sd 0.50, min 2, max 3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "--grammar", "cfg9"], "grammar='cfg9': must be one of cfg3b, cfg3f, "),
        (["show", "--grammar", "cfg9"], "grammar='cfg9': must be one of cfg3b, cfg3f, "),
        (["show", "--grammar", "cfg3b", "--root", "3"], "cfg3b: root=3: must be one of 7, 8, "),
        (["show", "--grammar", "cfg3b", "--root", "S"], "root='S': must be a whole number from 0"),
        (["sample", "--grammar", "cfg3b", "-n", "-1"], "n='-1': must be a whole number from 0"),
        (["sample", "--grammar", "cfg3b", "-n", "x"], "n='x': must be a whole number from 0"),
        (["sample", "--grammar", "cfg3b", "--seed", "1.5"], "seed='1.5': must be a whole number"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grammar", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_other_verbs_do_not_load_grammars_and_show_does_not_load_the_compiler() -> None:
    code = """
import sys
from physlm.cli import main
try:
    main(["bits", "--help"])
except SystemExit:
    pass
assert "physlm.data.grammars" not in sys.modules
main(["grammar", "show", "--grammar", "cfg3b"])
assert "numba" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
