"""Probes of hidden trees, on states that are known to hold them or not to."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from physlm.config import ConfigError, build
from physlm.data.grammars.grammar import parse
from physlm.data.grammars.sample import sample_trees
from physlm.data.grammars.viterbi import Node, most_likely
from physlm.evaluate.grammars.trained import Trained
from physlm.probe.trees import labels_of, probe, tasks_of
from physlm.probe.trees_config import TreeProbeConfig
from physlm.random import generator
from physlm.train.losses import IGNORED
from tests.evaluate.grammars import toy

VALUES: dict[str, Any] = {
    "seed": 3,
    "n_heads": 2,
    "d_position": 8,
    "reach": None,
    "n_steps": 60,
    "batch_size": 16,
    "n_tested": 60,
    "ceiling": 60,
    "optimiser": {"lr_peak": 0.03},
    "schedule": {"kind": "constant", "warmup_steps": 0},
}
# Ten tokens at most, three depths between root and terminals, no two trees of one string.
TOY = {"grammar": "cfg3b", "root": 13}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return toy.train(tmp_path_factory.mktemp("model"), settings=TOY)


class Told(nn.Module):
    """States that hold the symbol of depth 1 above the token, or noise, or nothing of the future.

    what: `all` of the tree's labels at every token, or `noise`.
    """

    def __init__(self, trained: Trained, what: str) -> None:
        super().__init__()
        self.config, self.grammar, self.what = trained.model.config, trained.source.grammar, what
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, rows: Tensor, capture: dict[str, Tensor], mask: Any = None) -> None:
        width = self.config.d_model
        states = torch.zeros(*rows.shape, width)
        rng = torch.Generator().manual_seed(int(rows.sum()))
        for b, row in enumerate(rows.tolist()):
            text = [token for token in row if token]
            tree, _ = most_likely(self.grammar, text)
            for node, depth in walk(tree, 0):
                if depth in (1, 2):
                    place = self.grammar.levels[depth].index(node.symbol)
                    states[b, node.start + 1 : node.end + 1, 4 * depth + place] = 1
                    states[b, node.end, 4 * depth + 3] = 1
        if self.what == "noise":
            states = torch.randn(states.shape, generator=rng)
        capture["final_norm"] = states


def walk(node: Node, depth: int) -> Any:
    yield node, depth
    for child in node.children:
        yield from walk(child, depth + 1)


def records(found: dict[str, Any]) -> dict[tuple[str, int], dict[str, Any]]:
    return {(r["question"], r["depth"]): r for r in found["results"]}


def test_labels_are_those_of_the_tree(trained: Trained) -> None:
    grammar = trained.source.grammar
    trees = trained.source.trees(20, generator(0, "x"))
    tasks = tasks_of(grammar)
    assert [(t.question, t.depth) for t in tasks] == [
        ("symbol", 1),
        ("symbol", 2),
        ("boundary", 1),
        ("boundary", 2),
    ]
    for sharp in (False, True):
        batch, _ = labels_of(trees, tasks, sharp)
        for s, text in enumerate(trees.strings):
            np.testing.assert_array_equal(batch[s, 0, : len(text) + 2], [0, *text, 0])
            assert (batch[s, 1:, 0] == IGNORED).all()
            assert (batch[s, 1:, len(text) + 1 :] == IGNORED).all()
            tree, _ = most_likely(grammar, text)
            for node, depth in walk(tree, 0):
                if depth not in (1, 2):
                    continue
                symbol = batch[s, depth, node.start + 1 : node.end + 1]
                boundary = batch[s, 2 + depth, node.start + 1 : node.end + 1]
                place = grammar.levels[depth].index(node.symbol)
                assert list(boundary) == [0] * (len(boundary) - 1) + [1]
                others = [IGNORED if sharp else place] * (len(symbol) - 1)
                assert list(symbol) == [*others, place]


@pytest.mark.parametrize("reach", [None, 0])
def test_what_the_states_hold_is_read(trained: Trained, tmp_path: Path, reach: int | None) -> None:
    told = replace(trained, model=Told(trained, "all"))  # type: ignore[arg-type]
    found = records(probe(told, build(TreeProbeConfig, VALUES | {"reach": reach}), tmp_path))
    for (question, _), record in found.items():
        assert record["accuracy"] > 0.99
        assert record["majority"] < 0.9
        # Strings have one tree each; their beginnings may have several.
        if reach is None or question == "symbol":
            assert record["ceiling"] == pytest.approx(1) or reach == 0
    ends = found["boundary", 1]["n"], found["symbol", 1]["n"]
    assert (ends[0] == ends[1]) == (reach is None)


def test_noise_says_nothing(trained: Trained, tmp_path: Path) -> None:
    noise = replace(trained, model=Told(trained, "noise"))  # type: ignore[arg-type]
    found = records(probe(noise, build(TreeProbeConfig, VALUES | {"reach": 0}), tmp_path))
    for record in found.values():
        assert record["accuracy"] < record["majority"] + 0.1


def test_a_probe_that_was_cut_goes_on(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = build(TreeProbeConfig, VALUES | {"n_steps": 12, "checkpoint_every_s": 0})
    whole = probe(trained, config, tmp_path / "whole")
    from physlm.probe import trees

    taken = trees.TreeBatches.take

    def cut(self: Any, state: dict[str, int]) -> Any:
        if state["taken"] == 7:
            raise KeyboardInterrupt
        return taken(self, state)

    monkeypatch.setattr(trees.TreeBatches, "take", cut)
    with pytest.raises(KeyboardInterrupt):
        probe(trained, config, tmp_path / "cut")
    monkeypatch.undo()
    assert probe(trained, config, tmp_path / "cut") == whole


def test_the_control_is_another_model(tmp_path: Path) -> None:
    trained = toy.train(tmp_path, settings=TOY)
    before = {name: p.clone() for name, p in trained.model.named_parameters()}
    config = build(TreeProbeConfig, VALUES | {"n_steps": 1, "control": "model"})
    found = probe(trained, config, tmp_path / "probe")
    assert found["control"] == "model"
    assert any((before[name] != p).any() for name, p in trained.model.named_parameters())


def test_a_masked_model_is_bounded_by_the_string(tmp_path: Path) -> None:
    model = {"n_layers": 1, "d_model": 16, "n_heads": 2, "arch": "deberta"}
    trained = toy.train(tmp_path, settings=TOY, model=model)
    found = probe(trained, build(TreeProbeConfig, VALUES | {"reach": 0}), tmp_path / "probe")
    assert all(record["ceiling"] == pytest.approx(1) for record in found["results"])


def test_a_causal_model_with_neighbours_has_no_bound(trained: Trained, tmp_path: Path) -> None:
    found = probe(trained, build(TreeProbeConfig, VALUES | {"reach": 1, "n_steps": 1}), tmp_path)
    assert all(record["ceiling"] is None for record in found["results"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reach": -1}, r"reach=-1: must be 0 or more, or null"),
        ({"ceiling": 61}, r"ceiling=61: must be at most n_tested=60"),
        ({"n_heads": 0}, r"n_heads=0: must be 1 or more"),
        ({"micro_batch_size": 2}, r"micro_batch_size=2: must be null for probes"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(TreeProbeConfig, VALUES | changes)


def test_a_layer_that_is_not_there_is_named(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layer=2: must be below the model's 2, or null"):
        probe(trained, build(TreeProbeConfig, VALUES | {"layer": 2}), tmp_path)


def test_tasks_have_the_symbols_of_their_depth() -> None:
    grammar = parse("terminals: 1 2\n9: 7 8\n7: 3 3 | 4\n8: 4 4\n3: 1 | 2\n4: 1 2", "toy")
    tasks = tasks_of(grammar)
    assert [task.classes for task in tasks] == [(7, 8), (3, 4), (0, 1), (0, 1)]
    trees = sample_trees(grammar, 5, generator(0, "x"))
    batch, _ = labels_of(trees, tasks, sharp=False)
    assert set(np.unique(batch[:, 1:])) == {IGNORED, 0, 1}
