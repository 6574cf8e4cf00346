"""The figure of bidirectional models: its rows, what is compared, and its panels."""

from pathlib import Path

import pandas as pd

from physlm.figures import encoder_extraction
from physlm.figures.base import apply_style, save, write_table
from tests.figures.answer_runs import encoder_inputs, exam

MEANS = {
    ("gpt2_rot", "finetune", "multi5+permute"): 0.95,
    ("gbert", "finetune", "multi5+permute"): 0.05,
    ("gpt2_rot", "mixed", "multi5+permute"): 0.96,
    ("gbert", "mixed", "multi5+permute"): 0.3,
    ("gbert", "mixed", "single"): 0.25,
}


def made(folder: Path, inputs: dict[str, list[str]]) -> pd.DataFrame:
    write_table(encoder_extraction.table(inputs), folder / "t.csv")
    return pd.read_csv(folder / "t.csv")


def test_table_has_a_row_per_exam_with_its_arm_and_direction(tmp_path: Path) -> None:
    frame = made(tmp_path, encoder_inputs(tmp_path, MEANS))
    assert list(frame.columns)[: len(encoder_extraction.COLUMNS)] == encoder_extraction.COLUMNS
    assert len(frame) == 15
    assert set(frame.loc[frame["arch"] == "gbert", "causal"]) == {False}
    assert set(frame.loc[frame["arch"] == "gpt2_rot", "causal"]) == {True}
    assert dict(frame["arm"].value_counts()) == {"mixed": 9, "finetune": 6}


def test_mixed_runs_nearest_to_the_published_ratio_are_compared(tmp_path: Path) -> None:
    runs = [
        exam(tmp_path, 0.1, causal=False, arch="gbert", variant="single", qa_ratio=q, seed=0)
        for q in (0.2, 0.7)
    ]
    chosen = encoder_extraction.chosen(made(tmp_path, {"mixed": runs}))
    assert list(chosen["qa_ratio"]) == [0.7]


def test_a_panel_per_variant_has_the_arms_that_were_run(tmp_path: Path) -> None:
    apply_style()
    figure = encoder_extraction.draw(made(tmp_path, encoder_inputs(tmp_path, MEANS)))
    single, augmented = figure.axes
    assert single.get_title(loc="left") == "single (n = 3 seeds, 100 people asked)"
    seeds = [c for c in single.collections if len(c.get_offsets()) == 3]
    assert len(seeds) == 7
    seeds = [c for c in augmented.collections if len(c.get_offsets()) == 3]
    assert len(seeds) == 4 * 7
    hollow = [line for line in augmented.lines if line.get_marker() == "D"]
    drawn = {round(float(y), 4) for line in hollow for y in line.get_ydata()}
    assert {3.9, 31.5, 96.6, 95.5, 89.0} <= drawn
    assert len(figure.legends[0].get_texts()) == 4 + 3


def test_one_seed_and_one_arm_are_drawn(tmp_path: Path) -> None:
    apply_style()
    only = {("gbert", "finetune", "multi5+permute"): 0.05}
    figure = encoder_extraction.draw(made(tmp_path, encoder_inputs(tmp_path, only, 1)))
    save(figure, tmp_path, "encoder_extraction")
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend[0] == "bidirectional, finetuned"
    assert "causal, finetuned" not in legend
