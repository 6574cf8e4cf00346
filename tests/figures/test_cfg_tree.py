"""The picture of a tree: its rows are a tree over a string, and every node is drawn."""

import numpy as np
import pandas as pd
import pytest

from physlm.data.grammars.build import named
from physlm.data.grammars.sample import Trees
from physlm.data.grammars.strings import Strings
from physlm.figures import cfg_tree
from physlm.figures.base import apply_style


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return cfg_tree.table({})


def test_nodes_of_a_tree_made_by_hand() -> None:
    strings = Strings.of([[1], [1, 2, 2, 1, 1]])
    ancestor = np.array([[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 1, 2, 3, 4]], np.int32)
    symbol = np.array([[5] * 6, [3, 4, 4, 4, 3, 3], [1, 1, 2, 2, 1, 1]], np.int32)
    rows = cfg_tree.nodes(Trees(strings, ancestor, symbol), 1)
    assert [tuple(row.values()) for row in rows[:3]] == [
        (0, 0, 5, 0, 5),
        (1, 0, 4, 0, 3),
        (1, 1, 3, 3, 5),
    ]
    assert [row["symbol"] for row in rows if row["depth"] == 2] == [1, 2, 2, 1, 1]


def test_rows_are_a_derivation_of_the_grammar(frame: pd.DataFrame) -> None:
    assert list(frame.columns) == cfg_tree.COLUMNS
    grammar = named(cfg_tree.GRAMMAR, cfg_tree.ROOT)
    bottom = grammar.n_levels - 1
    length = frame["stop"].max()
    assert cfg_tree.SHORTEST <= length <= cfg_tree.LONGEST
    for depth in range(bottom):
        level, below = (frame[frame["depth"] == d] for d in (depth, depth + 1))
        assert level["start"].tolist() == [0, *level["stop"].tolist()[:-1]]
        for node in level.itertuples():
            own = below[(below["start"] >= node.start) & (below["stop"] <= node.stop)]
            assert tuple(own["symbol"]) in grammar.rules[node.symbol]
    tokens = frame[frame["depth"] == bottom]
    assert (tokens["stop"] - tokens["start"] == 1).all()
    assert len(tokens) == length


def test_the_table_is_the_same_every_time(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame, cfg_tree.table({}))


def test_every_node_is_a_box_over_its_tokens(frame: pd.DataFrame) -> None:
    apply_style()
    figure = cfg_tree.draw(frame)
    axis = figure.axes[0]
    bottom = frame["depth"].max()
    inner = frame[frame["depth"] < bottom]
    boxes = [patch.get_bbox() for patch in axis.patches]
    assert len(boxes) == len(inner)
    for box, node in zip(boxes, inner.itertuples(), strict=True):
        assert (box.x0, box.x1) == pytest.approx((node.start + 0.1, node.stop - 0.1))
    texts = [t.get_text() for t in axis.texts]
    assert texts[: len(frame)] == [str(symbol) for symbol in frame["symbol"]]
    # A dot at each end of a constituent under the root, in the colour of the highest one.
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert len(dots) == frame[frame["depth"] == bottom - 1].shape[0]
    highest = [dot.get_color() for dot in dots if dot.get_xdata()[0] == frame["stop"].max() - 0.5]
    assert highest == [cfg_tree._shades(bottom)[1]]
