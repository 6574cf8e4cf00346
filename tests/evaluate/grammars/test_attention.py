"""Attention beyond what distance explains, against loops over every pair."""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from physlm.config import build
from physlm.evaluate.grammars import attention
from physlm.evaluate.grammars.config import AttentionConfig
from physlm.random import generator
from tests.evaluate.grammars import toy

VALUES: dict[str, Any] = {"seed": 1, "n": 9, "batch_size": 4}
SETTINGS = {"grammar": "cfg3f", "root": 13}


def by_loops(trees: Any, patterns: list[np.ndarray], config: AttentionConfig, depths: range) -> Any:
    """Means over heads of B, by its definition; patterns: a [H, T, T] for each string."""
    total: Any = defaultdict(float)
    count: Any = defaultdict(float)
    for pattern in patterns:
        for j in range(pattern.shape[1]):
            for i in range(j + 1):
                total[j - i] += pattern[:, j, i]
                count[j - i] += 1
    mean = {p: total[p] / count[p] for p in total}
    sums: Any = defaultdict(float)
    pairs: Any = defaultdict(int)
    for s, pattern in enumerate(patterns):
        part = slice(trees.strings.offsets[s], trees.strings.offsets[s + 1])
        sharp, n = trees.sharp[part], pattern.shape[1]

        def is_end(i: int, depth: int, sharp: Any = sharp, n: int = n) -> bool:
            return 0 <= i < n and sharp[i] == depth

        for j in range(n):
            for i in range(j + 1):
                excess = float((pattern[:, j, i] - mean[j - i]).mean())
                keys = []
                for depth in depths:
                    number = trees.ancestor[depth][part]
                    for shift in range(-config.max_shift, config.max_shift + 1):
                        if is_end(i - shift, depth):
                            keys.append(("end", depth, shift))
                    if is_end(i, depth) and is_end(j, depth):
                        apart = int(number[j] - number[i])
                        if 1 <= apart <= config.max_apart:
                            keys.append(("adjacent", depth, apart))
                    for other in depths:
                        for shift in (-1, 0, 1):
                            for shift_key in (-1, 0, 1):
                                if is_end(j - shift, depth) and is_end(i - shift_key, other):
                                    keys.append(("end_to_end", depth, other, shift, shift_key))
                for key in keys:
                    sums[key] += excess
                    pairs[key] += 1
    return mean, {key: (sums[key] / pairs[key], pairs[key]) for key in sums}


@pytest.mark.parametrize("arch", ["gpt2_rot", "gpt2_uni"])
def test_excess_is_the_definition(tmp_path: Path, arch: str) -> None:
    model = {"n_layers": 2, "d_model": 16, "n_heads": 2, "arch": arch}
    trained = toy.train(tmp_path, model=model, settings=SETTINGS)
    assert trained.source.grammar.n_levels == 4
    config = build(AttentionConfig, VALUES)
    trees = trained.source.trees(config.n, generator(config.seed, "test", "attention"))
    found = attention.measure(trained.folder, config)
    for layer in range(2):
        patterns = []
        for text in trees.strings:
            capture: dict[str, torch.Tensor] = {}
            with torch.no_grad():
                trained.model(torch.tensor([[0, *text.tolist()]]), capture, patterns=True)
            patterns.append(capture[f"blocks.{layer}.attn.pattern"][0, :, 1:, 1:].double().numpy())
        mean, wanted = by_loops(
            trees, patterns, config, range(1, trained.source.grammar.n_levels - 1)
        )
        by_distance = np.array(found["by_distance"][layer])
        np.testing.assert_allclose(
            by_distance, np.array([mean[p] for p in sorted(mean)]).T, atol=1e-6
        )
        records = [record for record in found["excess"] if record["layer"] == layer]
        assert len(records) == len(wanted)
        for record in records:
            names = {"end": ("depth", "shift"), "adjacent": ("depth", "apart")}.get(
                record["kind"], ("depth", "depth_key", "shift", "shift_key")
            )
            key = (record["kind"], *(record[name] for name in names))
            value, n_pairs = wanted[key]
            assert record["n_pairs"] == n_pairs
            assert math.isclose(record["excess"], value, abs_tol=1e-6)


def test_uniform_attention_has_no_excess_inside_its_window(tmp_path: Path) -> None:
    """A window of one token gives all to the query itself, at every end and beside it."""
    model = {"n_layers": 1, "d_model": 16, "n_heads": 2, "arch": "gpt2_uni", "windows": [1, 1]}
    trained = toy.train(tmp_path, model=model, settings=SETTINGS)
    found = attention.measure(trained.folder, build(AttentionConfig, VALUES))
    by_distance = np.array(found["by_distance"])
    np.testing.assert_allclose(by_distance[..., 0], 1)
    np.testing.assert_allclose(by_distance[..., 1:], 0)
    assert all(abs(record["excess"]) < 1e-6 for record in found["excess"])


def test_a_bidirectional_model_is_read_without_its_padding(tmp_path: Path) -> None:
    model = {"n_layers": 1, "d_model": 16, "n_heads": 2, "arch": "gbert"}
    trained = toy.train(tmp_path, model=model, settings=SETTINGS)
    values = build(AttentionConfig, VALUES)
    alone = build(AttentionConfig, VALUES | {"batch_size": 1})
    np.testing.assert_allclose(
        attention.measure(trained.folder, values)["by_distance"],
        attention.measure(trained.folder, alone)["by_distance"],
        atol=1e-6,
    )


def test_shifted() -> None:
    ends = torch.tensor([[False, True, False, True]])
    assert attention.shifted(ends, 0).tolist() == ends.tolist()
    assert attention.shifted(ends, 1).tolist() == [[False, False, True, False]]
    assert attention.shifted(ends, -1).tolist() == [[True, False, True, False]]
    assert not attention.shifted(ends, 4).any()
