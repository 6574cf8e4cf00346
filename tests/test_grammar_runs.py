"""How records of models of grammars are named and ordered, and worlds chosen."""

from pathlib import Path

import pandas as pd
import pytest

from physlm import grammar_runs
from tests.figures.grammar_records import folder, generation, tree_probe


def frame(*rows: tuple[str, str, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["arch", *grammar_runs.WORLD])


def test_worlds_go_from_easy_to_hard_and_unknown_ones_come_first() -> None:
    rows = [("a", "cfg3f", 16, 5), ("a", "cfg3b", 22, 7), ("b", "cfg3f", 13, 4), ("a", "x", 9, 9)]
    found = grammar_runs.worlds(frame(*rows, rows[0]))
    assert found == [("x", 9, 9), ("cfg3b", 22, 7), ("cfg3f", 13, 4), ("cfg3f", 16, 5)]


def test_the_hardest_world_is_one_with_all_architectures() -> None:
    table = frame(("a", "cfg3f", 16, 5), ("a", "cfg3b", 22, 7), ("b", "cfg3b", 22, 7))
    assert set(grammar_runs.hardest(table)["grammar"]) == {"cfg3f"}
    assert len(grammar_runs.hardest(table, ["a", "b"])) == 2
    assert grammar_runs.hardest(table, ["a", "c"]).empty
    assert list(grammar_runs.within(table, ("cfg3b", 22, 7))["arch"]) == ["a", "b"]


def test_architectures_have_an_order_and_untrained_models_come_last() -> None:
    found = ["untrained", "zebra", "gpt2", "deberta", "gpt2_rel", "gpt2"]
    assert grammar_runs.ordered(found) == ["gpt2_rel", "gpt2", "deberta", "zebra", "untrained"]
    table = pd.DataFrame({"arch": ["gpt2", "gpt2"], "steps": [0, 5]})
    assert list(grammar_runs.series(table)) == ["untrained", "gpt2"]
    assert (grammar_runs.label("gpt2_uni"), grammar_runs.label("zebra")) == ("uniform", "zebra")


def test_records_are_read_with_their_names_and_measures_are_told_apart(tmp_path: Path) -> None:
    run = folder(tmp_path / "a", generation("gpt2"), "evaluate.json", variant="x")
    (record,) = grammar_runs.read([run], "evaluate.json", "generation")
    assert record["variant"] == "x"
    known = grammar_runs.facts(record)
    assert set(grammar_runs.FACTS) <= set(known)
    assert not {"cuts", "entropy", "measure"} & set(known)
    with pytest.raises(ValueError, match="must be attention"):
        grammar_runs.read([run], "evaluate.json", "attention")
    probe = folder(tmp_path / "b", tree_probe("gpt2"), "tree_probe.json")
    assert grammar_runs.read([probe], "tree_probe.json")[0]["arch"] == "gpt2"


def test_published_levels_count_from_the_tokens() -> None:
    values = grammar_runs.published("cfg_probing")
    # NT6 is right above the tokens.
    assert set(zip(values["depth"], values["height"], strict=True)) == {
        (5, 1),
        (4, 2),
        (3, 3),
        (2, 4),
        (1, 5),
    }
    assert "height" not in grammar_runs.published("cfg_generation")
