"""What is told of a model's strings, against models whose strings are known."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from physlm.config import ConfigError, build
from physlm.data.grammars.chart import score
from physlm.data.grammars.next_tokens import next_rows
from physlm.data.grammars.strings import Strings
from physlm.evaluate.generation import Text
from physlm.evaluate.grammars import generation
from physlm.evaluate.grammars.config import GenerationConfig
from physlm.evaluate.grammars.trained import Trained, rows_of
from physlm.random import generator
from tests.evaluate.grammars import toy

VALUES: dict[str, Any] = {"seed": 5, "n": 40, "cuts": [0, 0.5, 3], "n_rows": 20, "n_trees": 10}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return toy.train(tmp_path_factory.mktemp("model"))


class Exact(nn.Module):
    """Logits that are the exact distribution, or another one mixed in."""

    def __init__(self, trained: Trained, mixed: float = 0.0) -> None:
        super().__init__()
        self.grammar, self.mixed = trained.source.grammar, mixed
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, rows: Tensor) -> Tensor:
        logits = torch.zeros(*rows.shape, 4)
        for b, row in enumerate(rows.tolist()):
            text = [token for token in row if token]
            exact = next_rows(self.grammar, text)
            exact = (1 - self.mixed) * exact + self.mixed / 4
            logits[b, : len(exact)] = torch.from_numpy(np.log(np.maximum(exact, 1e-30)))
        return logits


def test_the_exact_model_has_no_divergence(trained: Trained) -> None:
    tested = trained.source.draw_clean(30, generator(0, "x"))
    config = build(GenerationConfig, VALUES)
    found = generation.divergences(replace(trained, model=Exact(trained)), tested, config)  # type: ignore[arg-type]
    assert found["kl_nats"] == pytest.approx(0, abs=1e-6)
    assert found["gap_nats"] == pytest.approx(0, abs=1e-6)
    some = Strings.of([tested[i] for i in range(20)])
    assert found["n_strings"] == 20
    assert found["n_rows"] == len(some.tokens) + 20
    # The mean entropy of the rows is that of the strings, spread over their tokens, on average.
    rows = np.concatenate([next_rows(trained.source.grammar, text) for text in some])
    entropy = -np.sum(np.where(rows > 0, rows * np.log(np.maximum(rows, 1e-300)), 0), 1)
    assert found["exact_nats"] == pytest.approx(entropy.mean())


def test_a_mixed_model_has_the_divergence_of_the_formula(trained: Trained) -> None:
    tested = trained.source.draw_clean(20, generator(0, "x"))
    model = Exact(trained, 0.2)
    config = build(GenerationConfig, VALUES)
    found = generation.divergences(replace(trained, model=model), tested, config)  # type: ignore[arg-type]
    exact = np.concatenate([next_rows(trained.source.grammar, text) for text in tested])
    gap = np.where(exact > 0, exact * np.log(np.maximum(exact, 1e-9) / (0.8 * exact + 0.05)), 0)
    assert found["gap_nats"] == pytest.approx(gap.sum(1).mean(), rel=1e-4)
    assert found["kl_nats"] == pytest.approx(gap.sum(1).mean(), rel=0.01)


def test_log_probs_are_laid_out_like_exact_rows(trained: Trained) -> None:
    tested = trained.source.draw_clean(7, generator(0, "x"))
    found = generation.next_log_probs(trained, tested)
    assert found.shape == (len(tested.tokens) + 7, 4)
    row = 0
    for text in tested:
        tokens = torch.tensor([[0, *text.tolist()]])
        with torch.no_grad():
            alone = trained.model(tokens)[0].double().log_softmax(-1).numpy()
        np.testing.assert_allclose(found[row : row + len(alone)], alone, atol=1e-5)
        row += len(alone)


def test_cuts_leave_something_to_write() -> None:
    strings = Strings.of([[1, 2, 3, 1, 2, 3], [1, 2]])
    assert [list(part) for part in generation.cut_at(strings, 0)] == [[], []]
    assert [list(part) for part in generation.cut_at(strings, 0.5)] == [[1, 2, 3], [1]]
    assert [list(part) for part in generation.cut_at(strings, 4)] == [[1, 2, 3, 1], [1]]


def test_only_finished_strings_of_the_grammar_are_right(trained: Trained) -> None:
    good = trained.source.draw_clean(1, generator(0, "x"))[0]
    assert not score(trained.source.grammar, Strings.of([good[::-1]])).grammatical[0]

    def text(tokens: list[int], stopped: bool) -> Text:
        return Text(np.array(tokens), np.zeros(len(tokens)), stopped)

    texts = [
        text([*good[2:], 0], True),
        text([*good[2:]], False),
        text([*good[2:-1], 0], True),
        text([0], True),
    ]
    prefixes = [good[:2], good[:2], good[:2], good[:0]]
    whole, finished = generation.joined(prefixes, texts)
    np.testing.assert_array_equal(whole[0], good)
    np.testing.assert_array_equal(whole[1], good)
    assert list(finished) == [True, False, True, True]
    assert list(generation.grammatical(trained, whole, finished)) == [True, False, False, False]


def test_the_record_of_a_model(trained: Trained) -> None:
    found = generation.measure(trained.folder, build(GenerationConfig, VALUES))
    assert [cut["cut"] for cut in found["cuts"]] == [0, 0.5, 3]
    for cut in found["cuts"]:
        assert 0 <= cut["accuracy"] <= 1 - cut["unfinished"] - cut["wrong_finished"] + 1e-9
    entropy = found["entropy"]
    tested = trained.source.draw_clean(40, generator(5, "test", "generation"))
    truth = -score(trained.source.grammar, tested).log2_prob
    assert entropy["truth_bits"] == pytest.approx(truth.mean())
    assert len(found["distinct"]["truth"]) == trained.source.grammar.n_levels
    assert found["distinct"]["truth"][0] <= 1
    assert (found["grammar"], found["root"], found["steps"]) == ("cfg3f", 10, 20)
    # cfg3f below 10 has few strings, and 20 steps of 256 tokens show some 600 of them.
    assert 0 < found["seen_in_training"] <= 1
    assert found == generation.measure(trained.folder, build(GenerationConfig, VALUES))


def test_an_accuracy_is_bounded_by_the_divergence(tmp_path: Path) -> None:
    """ln P(a string of the grammar) >= -(rows of a string) x (gap of a row): facts of the sheet."""
    trained = toy.train(tmp_path, n_steps=300, optimiser={"lr_peak": 0.01})
    values = VALUES | {"n": 400, "n_rows": 400, "cuts": [0], "n_trees": 1}
    found = generation.measure(trained.folder, build(GenerationConfig, values))
    rows = found["divergence"]["n_rows"] / found["divergence"]["n_strings"]
    least = math.exp(-rows * found["divergence"]["gap_nats"])
    assert least > 0.05, "a bound that says something"
    assert found["cuts"][0]["accuracy"] >= least - 0.05


def test_rows_of_strings_are_padded_on_the_right() -> None:
    rows, real = rows_of(Strings.of([[1, 2], [3]]))
    np.testing.assert_array_equal(rows, [[0, 1, 2, 0], [0, 3, 0, 0]])
    np.testing.assert_array_equal(real, [[1, 1, 1, 1], [1, 1, 1, 0]])
    rows, real = rows_of(Strings.of([[1, 2], [3]]), ending=False)
    np.testing.assert_array_equal(rows, [[0, 1, 2], [0, 3, 0]])
    np.testing.assert_array_equal(real, [[1, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cuts": [0.5]}, r"cuts=\[0.5\]: must be 0 first"),
        ({"cuts": [0, 1.5]}, r"cuts=\[0.0, 1.5\]: must be whole numbers"),
        ({"cuts": [0, 0]}, r"cuts=\[0.0, 0.0\]: .*each once"),
        ({"n_trees": 41}, r"n_trees=41: must be from 1 to n=40"),
        ({"n": 0}, r"n=0: must be at least 1"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(GenerationConfig, VALUES | changes)


def test_a_masked_model_writes_nothing(tmp_path: Path) -> None:
    model = {"n_layers": 1, "d_model": 16, "n_heads": 2, "arch": "gbert"}
    trained = toy.train(tmp_path, model=model)
    with pytest.raises(ValueError, match="only a causal model can generate"):
        generation.measure(trained.folder, build(GenerationConfig, VALUES))
