"""The extraction figure: how exams and memories are joined, what is chosen, and what is drawn."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from physlm.exams import nearest_ratio, standard
from physlm.figures import extraction
from physlm.figures.base import PUBLISHED, apply_style, save, write_table
from tests.figures.answer_runs import evenly, exam, extraction_inputs, memory

LORA = {"method": "lora", "rank_qv": 8, "rank_embed": 64, "lr_finetune": 0.001}


def through_a_file(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """As the figure and the claims get it."""
    write_table(frame, folder / "t.csv")
    return pd.read_csv(folder / "t.csv")


def dots(axis: Any) -> int:
    """Seeds that are drawn in a panel."""
    return sum(len(c.get_offsets()) for c in axis.collections if isinstance(c, PathCollection))


def test_an_exam_is_joined_with_the_memory_of_its_own_pretrained_model(tmp_path: Path) -> None:
    base = {"variant": "single", "n_people": 200, "exposures": 300}
    inputs = {
        "finetuned": [
            exam(tmp_path / "f", 0.1, train=0.9, **base, **LORA, seed=0),
            exam(tmp_path / "f", 0.2, **base, **LORA, seed=1),
            exam(tmp_path / "f", 0.3, **base | {"exposures": 600}, **LORA, seed=0),
            exam(tmp_path / "f", 0.4, **base | {"variant": "multi5"}, **LORA, seed=0),
        ],
        "memorised": [
            memory(tmp_path / "m", 0.91, **base, seed=0),
            memory(tmp_path / "m", 0.92, **base, seed=1),
            memory(tmp_path / "m", 0.93, **base | {"exposures": 600}, seed=0),
        ],
    }
    frame = through_a_file(extraction.table(inputs), tmp_path)
    assert list(frame.columns)[: len(extraction.COLUMNS)] == extraction.COLUMNS
    got = frame.set_index(["variant", "exposures_nominal", "seed"])["biography_accuracy"]
    assert got["single", 300, 0] == 0.91
    assert got["single", 300, 1] == 0.92
    assert got["single", 600, 0] == 0.93
    assert pd.isna(got["multi5", 300, 0])
    row = frame[(frame["variant"] == "single") & (frame["exposures_nominal"] == 300)].iloc[0]
    assert (row["train_accuracy"], row["test_accuracy"]) == pytest.approx((0.9, 0.1))
    assert row["chance_accuracy"] == pytest.approx(0.1 / 6)
    assert row["majority_accuracy"] == pytest.approx(0.2 / 6)
    assert (row["n_asked"], row["n_params"]) == (100, 200_000)


def test_two_memories_for_one_exam_are_an_error(tmp_path: Path) -> None:
    run = exam(tmp_path / "f", 0.1, variant="single", **LORA, seed=0)
    twice = [memory(tmp_path / "m", variant="single", lr_peak=lr, seed=0) for lr in (0.1, 0.2)]
    with pytest.raises(ValueError, match="2 measured runs have its variables"):
        extraction.table({"finetuned": [run], "memorised": twice})


def test_attributes_and_first_tokens_have_columns_of_their_own(tmp_path: Path) -> None:
    test = evenly(0.2) | {"major": 0.8}
    run = exam(tmp_path / "f", test, first=0.1, variant="single", **LORA, seed=0)
    row = extraction.table({"finetuned": [run]}).iloc[0]
    assert row["test_accuracy_major"] == 0.8
    assert row["test_accuracy_employer"] == 0.2
    assert row["test_accuracy"] == pytest.approx(0.3)
    assert row["test_first_token_accuracy_major"] == pytest.approx(0.9)
    assert row["test_first_token_accuracy"] == pytest.approx(0.4)
    assert row["majority_accuracy_employer_city"] == 0.1


def test_full_finetuning_has_no_ranks_and_mixed_runs_no_method(tmp_path: Path) -> None:
    full = LORA | {"method": "full", "rank_qv": 0, "rank_embed": 0}
    inputs = {
        "finetuned": [exam(tmp_path / "f", 0.1, variant="single", **full, seed=0)],
        "mixed": [exam(tmp_path / "x", 0.8, variant="single", qa_ratio=0.8, seed=0)],
        "memorised_mixed": [memory(tmp_path / "y", 0.97, variant="single", qa_ratio=0.8, seed=0)],
    }
    frame = through_a_file(extraction.table(inputs), tmp_path).set_index("arm")
    assert frame.loc["finetune", ["rank_qv", "rank_embed", "qa_ratio"]].isna().all()
    assert frame.loc["mixed", ["method", "rank_qv", "lr_finetune"]].isna().all()
    assert frame.loc["mixed", "biography_accuracy"] == 0.97


def finetuned(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
    """LoRA runs of one seed: variant, rank of the embedding, learning rate, train accuracy.

    Whoever learned more answers less about others: a choice by test accuracy would be another.
    """
    names = ["variant", "rank_embed", "lr_finetune", "train_accuracy"]
    frame = pd.DataFrame(rows, columns=names)
    same = {"method": "lora", "rank_qv": 8, "n_people": 9, "exposures_nominal": 1, "seed": 0}
    return frame.assign(test_accuracy=1 - frame["train_accuracy"], **same)


def test_the_standard_setting_is_the_one_most_variants_have() -> None:
    frame = finetuned(
        [
            ("single", 64, 0.1, 0.1),
            ("single", 16, 0.1, 0.9),
            ("multi5", 64, 0.1, 0.5),
            ("multi5", 64, 0.2, 0.6),
            ("odd", 16, 0.1, 0.3),
        ]
    )
    chosen = standard(frame).set_index("variant")
    # Ranks 64 and 16 are as common (two variants each): the larger ones count where they exist.
    assert dict(chosen["rank_embed"]) == {"single": 64, "multi5": 64, "odd": 16}
    assert chosen.loc["multi5", "lr_finetune"] == 0.2
    more = pd.concat([frame, finetuned([("other", 16, 0.1, 0.2)])])
    assert standard(more).set_index("variant").loc["single", "rank_embed"] == 16
    assert standard(frame[frame["method"] == "full"]).empty


def test_the_ratio_nearest_to_the_published_one_is_taken_per_variant() -> None:
    frame = pd.DataFrame(
        {
            "variant": ["a", "a", "a", "b", "c", "c"],
            "qa_ratio": [0.2, 0.7, 0.8, 0.5, 0.7, 0.9],
        }
    )
    chosen = nearest_ratio(frame, 0.8)
    assert list(chosen.itertuples(index=False, name=None)) == [("a", 0.8), ("b", 0.5), ("c", 0.7)]


def test_ways_of_training_single_are_listed_lora_first_then_full_then_mixed(tmp_path: Path) -> None:
    frame = through_a_file(extraction.table(extraction_inputs(tmp_path)), tmp_path)
    found = extraction.repairs(frame[frame["variant"] == "single"])
    labels = [label for label, _ in found]
    assert labels == ["LoRA 8/0", "LoRA 2/16", "LoRA 8/64", "LoRA 16/64", "full", "mixed"]
    assert all(len(runs) == 3 for _, runs in found)


def test_figure_shows_every_panel_with_its_seeds_and_references(tmp_path: Path) -> None:
    apply_style()
    frame = through_a_file(extraction.table(extraction_inputs(tmp_path)), tmp_path)
    ladder, attributes, ratios, repair = extraction.draw(frame).axes
    names = [label.get_text() for label in ladder.get_yticklabels()]
    assert names[0] == "single"
    assert names[-2:] == ["multi5+permute", "majority guess"]
    assert ladder.get_xlabel() == "Right answers (%)"
    assert "n = 3 seeds" in ladder.get_title(loc="left")
    assert "100 people asked" in ladder.get_title(loc="left")
    assert dots(ladder) == 3 * (6 + 6)
    # 6 variants of 6 attributes and a row of majority guesses, each written in.
    assert len(attributes.texts) == 7 * 6
    assert "%" in ratios.get_xlabel()
    assert dots(ratios) == 3 * 2 * (3 + 1)
    assert dots(repair) == 3 * 6
    published = pd.read_csv(PUBLISHED / "extraction.csv")
    hollow = [line for line in ladder.lines if line.get_marker() == "D" and len(line.get_xdata())]
    single = published[(published["variant"] == "single") & (published["source"] == "figure 3")]
    drawn = {round(float(line.get_xdata()[0]), 6) for line in hollow}
    assert {round(100 * value, 6) for value in single["test_accuracy"]} <= drawn
    assert len(hollow) == 12


@pytest.mark.parametrize("roles", [("finetuned",), ("mixed",), ("finetuned", "mixed")])
def test_one_seed_and_missing_roles_are_drawn(tmp_path: Path, roles: tuple[str, ...]) -> None:
    apply_style()
    inputs = extraction_inputs(tmp_path, ("single", "multi5+permute"), 1, (0.8,), repairs=False)
    frame = through_a_file(extraction.table({role: inputs[role] for role in roles}), tmp_path)
    figure = extraction.draw(frame)
    save(figure, tmp_path, "extraction")
    assert (tmp_path / "extraction.png").stat().st_size > 10_000
    assert "n = 1 seed," in figure.axes[0].get_title(loc="left")
    assert dots(figure.axes[0]) == 0


def test_published_digits_are_shares_and_means_of_their_attributes() -> None:
    published = pd.read_csv(PUBLISHED / "extraction.csv")
    assert published["test_accuracy"].between(0, 1).all()
    whole = published.dropna(subset=extraction.ATTRIBUTE_SCORES)
    assert len(whole) == 18
    means = whole[extraction.ATTRIBUTE_SCORES].mean(axis=1)
    # The paper's means are 0.1 to 1.2 points below those of its rounded attributes.
    assert (means - whole["test_accuracy"]).abs().max() < 0.0125
