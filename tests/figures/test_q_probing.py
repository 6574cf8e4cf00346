"""The Q-probing figure: probes joined with answers, pairs of like with like, and the drawing."""

from pathlib import Path

import pandas as pd
import pytest

from physlm.figures import q_probing
from physlm.figures.base import apply_style, save, write_table
from tests.figures.answer_runs import LADDER, evenly, exam, probe, q_inputs, result

LORA = {"method": "lora", "rank_qv": 8, "rank_embed": 64, "lr_finetune": 0.001}


def made(folder: Path, inputs: dict[str, list[str]]) -> pd.DataFrame:
    write_table(q_probing.table(inputs), folder / "t.csv")
    return pd.read_csv(folder / "t.csv")


def joined(tmp_path: Path) -> pd.DataFrame:
    """Two variants of one attribute with probes; one of them with answers by two settings."""
    results = [
        result("first", "birth_date", 0, 0.7),
        result("first", "major", 0, 0.6),
        result("whole", "major", 0, 0.5),
    ]
    runs = [
        probe(tmp_path / "q", "q", results, variant=variant, control=control, seed=0)
        for variant in ("single", "multi5")
        for control in ("none", "labels")
    ]
    answers = evenly(0.2) | {"major": 0.4, "birth_date": 0.1}
    exams = [
        exam(tmp_path / "f", answers, first=0.3, variant="single", **LORA, seed=0),
        exam(tmp_path / "f", 0.9, variant="single", **LORA | {"method": "full"}, seed=0),
        exam(tmp_path / "f", 0.9, variant="single", **LORA, seed=1),
    ]
    return made(tmp_path, {"runs": runs, "exams": exams})


def test_answers_of_the_same_variant_and_seed_are_joined(tmp_path: Path) -> None:
    frame = joined(tmp_path).set_index(["variant", "control", "task", "attribute"])
    row = frame.loc[("single", "none", "whole", "major")]
    assert row["qa_accuracy"] == 0.4
    assert row["qa_first_token_accuracy"] == pytest.approx(0.7)
    assert row["qa_accuracy_mean"] == pytest.approx((4 * 0.2 + 0.4 + 0.1) / 6)
    assert frame.loc["multi5", "qa_accuracy"].isna().all()
    assert frame.loc[("single", "labels"), "qa_accuracy"].isna().all()


def test_pairs_compare_whole_values_and_first_tokens_where_there_is_no_whole(
    tmp_path: Path,
) -> None:
    points = q_probing.pairs(joined(tmp_path)).set_index("attribute")
    assert set(points["variant"]) == {"single"}
    assert len(points) == 2
    assert tuple(points.loc["major", ["probe", "answer"]]) == (0.5, 0.4)
    assert tuple(points.loc["birth_date", ["probe", "answer"]]) == pytest.approx((0.7, 0.4))


def test_figure_shows_points_correlation_controls_and_published_values(tmp_path: Path) -> None:
    apply_style()
    scatter, means = q_probing.draw(made(tmp_path, q_inputs(tmp_path))).axes
    small = [c for c in scatter.collections if c.get_sizes()[0] == 4]
    large = [c for c in scatter.collections if c.get_sizes()[0] == 28]
    assert sum(len(c.get_offsets()) for c in large) == 6 * len(LADDER)
    assert sum(len(c.get_offsets()) for c in small) == 3 * 6 * len(LADDER)
    assert scatter.texts[0].get_text().startswith("Pearson 1.00, Spearman 1.00\n(n = 36 points)")
    assert "%" in scatter.get_xlabel()
    assert "%" in scatter.get_ylabel()
    assert [t.get_text() for t in means.get_yticklabels()] == list(LADDER)
    shapes = [line.get_marker() for line in means.lines]
    assert shapes.count("x") == shapes.count("+") == 2 * len(LADDER)
    assert shapes.count("D") == 3 * len(LADDER)


def test_one_seed_without_controls_or_exams_is_drawn(tmp_path: Path) -> None:
    apply_style()
    inputs = q_inputs(tmp_path, ("single", "multi5+permute"), n_seeds=1, controls=False)
    for name, roles in (("a", ("runs", "exams")), ("b", ("runs",))):
        frame = made(tmp_path, {role: inputs[role] for role in roles})
        figure = q_probing.draw(frame)
        save(figure, tmp_path, name)
        legend = [t.get_text() for t in figure.axes[1].get_legend().get_texts()]
        assert "random model" not in legend
        # No correlation without answers, nor anything to be joined with.
        assert len(figure.axes[0].texts) == (1 if name == "a" else 0)
