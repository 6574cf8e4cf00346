"""The figures of retry data: what counts in a table, gains seed by seed, published ones beside."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm.evaluate.igsm.config import ReasoningConfig
from physlm.evaluate.igsm.reasoning import measure
from physlm.figures import retry, retry_fake, retry_finetune
from physlm.figures.base import PUBLISHED, apply_style, save, write_table
from physlm.files import write_json
from physlm.retry_runs import arms_table, comparable, reported_op, rows_of, shown_op, tasks
from tests.evaluate.igsm import toy
from tests.figures.retry_records import Made, place, record, sweep
from tests.ledger import found

GAINS = {0: 0, 0.05: 0.3, 0.2: 0.6, 0.5: 0.7}
PLAN: dict[str, Any] = {"preset": "plan", "op_max": 8, "ops": (None, 4, 8, 10, 12)}


def made(
    module: Any, root: Path, runs: list[Made], tuned: list[Made] | None = None
) -> pd.DataFrame:
    folders = [place(root / "r", run) for run in runs]
    inputs = {"runs": folders}
    if tuned is not None:
        inputs = {"pretrained": folders, "runs": [place(root / "t", run) for run in tuned]}
    write_table(module.table(inputs), root / "t.csv")
    return pd.read_csv(root / "t.csv")


def fakes() -> list[Made]:
    runs = sweep({0.1: 0.5, 0.5: -1}, kind="weak", backs=1)
    return runs + sweep({0.1: 0.1}, kind="miss") + sweep({0.2: 0}, kind="right", backs=2)


def everything() -> list[Made]:
    runs = [*sweep(GAINS, **PLAN), *sweep(GAINS), *sweep({0.2: 0.5}, masked="name")]
    return runs + fakes()


def points(axis: Any, marker: str, n: int = 1) -> list[list[tuple[float, float]]]:
    """Of every line with this marker and more than n places, its places."""
    return [
        [(round(float(x), 3), round(float(y), 3)) for x, y in line.get_xydata()]
        for line in axis.lines
        if line.get_marker() == marker and len(line.get_xdata()) > n
    ]


# --- Tables, and what of them counts


def test_tables_have_the_arms_that_are_theirs(tmp_path: Path) -> None:
    runs = everything()
    first = made(retry, tmp_path, runs)
    assert list(first.columns)[: len(retry.COLUMNS)] == retry.COLUMNS
    assert set(first["kind"]) == {"perfect"}
    assert set(first["masked"]) == {"none", "name"}
    # Nine op and two of reask; five of plans.
    assert len(first) == 15 * 11 + 12 * 7
    cell = first[(first["rate"] == 0.2) & (first["masked"] == "none") & (first["task"] == "micro")]
    cell = cell[(cell["op"] == 7) & ~cell["reask"] & (cell["seed"] == 1)].iloc[0]
    right = round(500 * (0.99 - 2 * 0.103)) / 500
    assert cell["accuracy"] == pytest.approx(right + 0.6 * (1 - right))
    assert (cell["backs"], cell["necessary"], cell["lr_peak"]) == (0.05, 7, 0.003)
    roles = {"retried": runs[: -len(fakes())], "runs": fakes()}
    folders = {role: [place(tmp_path / role, run) for run in made] for role, made in roles.items()}
    fake = retry_fake.table(folders)
    assert set(fake["masked"]) == {"none"}
    assert set(fake["kind"]) == {"perfect", "weak", "miss", "right"}
    assert len(fake) == len(first) - 3 * 11 + 4 * 3 * 11


def test_table_of_a_real_record_is_whole(tmp_path: Path) -> None:
    settings = {
        "of": "plan",
        "settings": {"n_max": 4, "n_names": 6},
        "rate": 0.3,
        "kind": "perfect",
    }
    trained = toy.train(tmp_path / "model", world="retry", settings=settings)
    asked = ReasoningConfig(seed=0, n=6, ops=(None, 2, 4, 5), reask_ops=(), length_bins=(40,))
    solved = measure(trained.folder, asked)
    arm = {"kind": "perfect", "rate": 0.3, "masked": "none"}
    folder = tmp_path / ",".join(f"{k}={v}" for k, v in {"task": "plan4", **arm}.items())
    folder.mkdir()
    write_json(folder / "evaluate.json", {"measure": "reasoning", **solved})
    frame = retry.table({"runs": [str(folder)]})
    assert frame["op"].isna().sum() == 1
    known = frame[["task", *arm, "world", "preset", "op_max", "steps", "necessary", "n"]]
    assert known.notna().all().all()
    assert (frame["task"] == "plan4").all()
    assert set(record()[0]) == set(solved) | {"measure", *arm}


def test_one_setting_of_a_task_counts_and_the_error_free_models_choose_it() -> None:
    def rows(*runs: list[Made]) -> pd.DataFrame:
        return arms_table(
            [row for part in runs for r, names in part for row in rows_of({**names, **r})]
        )

    plain = sweep({0: 0, 0.2: 0.1})
    # Better with retry data, but not without.
    other = sweep({0: -0.5, 0.2: 0.9}, names={"lr_peak": 0.01})
    assert set(comparable(rows(plain, other))["lr_peak"]) == {0.003}
    better = sweep({0: 0.2, 0.2: 0.0}, names={"lr_peak": 0.01})
    assert set(comparable(rows(plain, better))["lr_peak"]) == {0.01}
    longer = sweep({0: -0.5, 0.2: 0.1}, steps=2000)
    assert set(comparable(rows(plain, better, longer))["steps"]) == {2000}
    larger = sweep({0: -0.5}, n_params=900_000, d_model=128)
    assert set(comparable(rows(plain, longer, larger))["d_model"]) == {128}
    # A larger model of two seeds does not stand for one of three; more than three are no better.
    few = sweep({0: 0}, n_params=900_000, d_model=128, seeds=(0, 1))
    assert set(comparable(rows(plain, few))["d_model"]) == {96}
    many = sweep({0: 0}, seeds=(0, 1, 2, 3), d_model=64, n_params=200_000)
    assert set(comparable(rows(plain, many))["d_model"]) == {96}
    # Untrained models, and arms without error-free ones, are none.
    assert comparable(rows(sweep({0: 0, 0.2: 0.5}, steps=0))).empty
    assert comparable(rows(sweep({0.2: 0.5}))).empty
    # Of each task its own.
    assert tasks(comparable(rows(plain, sweep({0: 0}, steps=5, **PLAN)))) == ["plan8", "micro"]


def baseline(accuracies: dict[int, float], others: float = 0.0) -> pd.DataFrame:
    rows = [
        {"op": op, "reask": False, "rate": rate, "accuracy": value, "seed": 0, "op_max": 5}
        for op, right in accuracies.items()
        for rate, value in ((0, right), (0.5, others))
    ]
    rows.append({**rows[0], "op": 9, "reask": True, "accuracy": 0.777})
    rows.append({**rows[0], "op": None, "accuracy": 0.777})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ({4: 0.99, 5: 0.9, 6: 0.7, 7: 0.5}, 6),
        ({5: 0.95, 6: 0.49}, 5),
        ({5: 0.951, 6: 0.5}, 6),
        ({5: 0.96, 6: 0.499}, None),
        # As far on either side: the one with fewer op.
        ({5: 0.797, 6: 0.757}, 5),
        ({3: 0.75, 5: 0.8}, 5),
        # Of few op worse than of more: not because they are hard.
        ({2: 0.777, 4: 0.89, 6: 0.72, 7: 0.5}, 6),
        ({3: 0.777, 5: 0.99, 6: 0.49}, None),
    ],
)
def test_the_reported_op_is_that_nearest_to_the_published_baseline(
    accuracies: dict[int, float], expected: int | None
) -> None:
    for others in (0.0, 0.777, 1.0):
        assert reported_op(baseline(accuracies, others)) == expected
    if expected is None:
        assert shown_op(baseline(accuracies)) == 5


# --- Published values


def test_published_tables_agree_with_each_other() -> None:
    first, fake, tuned = (
        pd.read_csv(PUBLISHED / f"{name}.csv") for name in ("retry", "retry_fake", "retry_finetune")
    )
    cells = ["preset", "order", "op"]
    hard = first[(first["op"].isin([23, 32])) | (first["preset"] == "all")]
    plain = hard[hard["masked"] == "none"].set_index([*cells, "rate"])["accuracy"]
    again = fake[fake["kind"] == "perfect"].set_index([*cells, "rate"])["accuracy"]
    assert plain.sort_index().equals(again.sort_index())
    taught = tuned[tuned["method"] == "pretrain"].set_index([*cells, "rate", "masked"])["accuracy"]
    both = hard.set_index([*cells, "rate", "masked"])["accuracy"]
    assert both.loc[taught.index].equals(taught)
    # Mean gain at p = .5 over the four hardest cells: 93.925 - 81.325.
    means = retry.published_cells("accuracy").mean(axis=1)
    assert 100 * (means[0.5] - means[0]) == pytest.approx(12.6)
    assert means.diff().dropna().min() > 0


# --- Drawings


def test_accuracies_gains_and_retries_are_drawn(tmp_path: Path) -> None:
    apply_style()
    frame = made(retry, tmp_path, everything())
    figure = retry.draw(frame)
    save(figure, tmp_path, "retry")
    axes: list[Any] = figure.axes
    assert [axis.get_title(loc="left").split("\n")[0] for axis in axes] == [
        "plan8: right solutions", "gain at op 10 (trained to 8)", "retries of the model",
        "micro: right solutions", "gain at op 7 (trained to 5)", "retries of the model",
    ]  # fmt: skip
    assert axes[3].get_title(loc="left").endswith("n = 3 seeds, 500 problems")
    legend = [text.get_text() for text in axes[3].get_legend().get_texts()]
    assert legend == ["op 5", "op 6", "op 7 (reported)", "op 8"]
    # Gains seed by seed: of all errors, .3, .6 and .7 are gone, a little less or more by seed.
    wrong = [1 - round(500 * (0.99 - 2 * (0.1 + 0.003 * s))) / 500 for s in range(3)]
    expected = [
        round(100 * sum((g + 0.004 * (s - 1)) * w for s, w in enumerate(wrong)) / 3, 3)
        for g in (0.3, 0.6, 0.7)
    ]
    assert expected in [[y for _, y in line] for line in points(axes[4], "None", 2)]
    # The masked arm, of one rate, a little to the right.
    assert 0.208 in [x for line in points(axes[4], "s", 0) for x, _ in line]
    (theirs,) = points(axes[4], "D")
    assert [x for x, _ in theirs] == [0.042, 0.092, 0.192, 0.392, 0.492]
    assert theirs[-1][1] == pytest.approx(12.6)
    # Retries of med op 23 and hard op 32.
    assert points(axes[5], "D")[0][-1] == (0.492, pytest.approx((2.86 + 3.19) / 2))


def test_training_texts_lie_between_the_least_and_the_most(tmp_path: Path) -> None:
    apply_style()
    axes: list[Any] = retry.draw(made(retry, tmp_path, sweep(GAINS))).axes
    (band,) = [c for c in axes[2].collections if type(c).__name__ == "FillBetweenPolyCollection"]
    heights = [y for x, y in band.get_paths()[0].vertices if x == pytest.approx(0.5)]
    # Seven steps at op 7: p for six of them at least, p / (1 - p) for all at most.
    assert (min(heights), max(heights)) == (pytest.approx(3), pytest.approx(7))


def test_without_room_for_a_gain_the_last_op_in_range_is_drawn(tmp_path: Path) -> None:
    apply_style()
    axes = retry.draw(made(retry, tmp_path, sweep(GAINS, base=0.3))).axes
    assert axes[1].get_title(loc="left") == (
        "gain at op 5 (in range)\nerror-free 30.0 %, where no gain can show"
    )


def test_kinds_of_mistakes_are_drawn_beside_the_published_ones(tmp_path: Path) -> None:
    apply_style()
    figure = retry_fake.draw(made(retry_fake, tmp_path, everything()[12:]))
    save(figure, tmp_path, "retry_fake")
    axes: list[Any] = figure.axes
    own, theirs, backs = axes
    assert own.get_title(loc="left").startswith("micro: gain at op 7 (trained to 5),\nerror-free")
    weak = [line for line in points(own, "None") if line[-1][1] < -15]
    assert len(weak) == 1
    assert [x for x, _ in weak[0]] == pytest.approx([0.1, 0.5], abs=0.02)
    lines = points(theirs, "D", 3)
    assert [len(line) for line in lines] == [5, 4, 4]
    # weak .5: 61.1, 54.7, 46.0 and 50.9 of 77.7, 78.3, 84.0 and 85.3.
    assert lines[1][-1][1] == pytest.approx(-28.15)
    assert [y for _, y in points(backs, "D", 3)[1]] == [0.51, 2.3, 4.3, 10.6]
    assert own.get_ylim() == theirs.get_ylim()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:4] == [retry_fake.KINDS[k] for k in ("perfect", "weak", "miss", "right")]


def tuned(gain: float, method: str, rank: int | str, **more: Any) -> list[Made]:
    names = {"method": method, "rank": rank, "lr_tuned": more.pop("lr", 0.001)}
    return sweep({0.2: gain}, names=names, **{"steps": 300, **more})


def test_ways_of_finetuning_are_drawn_in_their_order(tmp_path: Path) -> None:
    apply_style()
    ways = [*tuned(0.1, "lora", 16), *tuned(-0.5, "lora", 4), *tuned(0.55, "full", "none")]
    ways += tuned(0.2, "lora", 16, masked="name")
    frame = made(retry_finetune, tmp_path, everything(), ways)
    assert list(frame.columns)[: len(retry_finetune.COLUMNS)] == retry_finetune.COLUMNS
    assert set(frame["kind"]) == {"perfect"}
    assert set(frame.loc[frame["method"] == "lora", "rank"]) == {4, 16}
    assert frame.loc[frame["method"] != "lora", "rank"].isna().all()
    figure = retry_finetune.draw(frame)
    save(figure, tmp_path, "retry_finetune")
    # Plans were not finetuned.
    axes: list[Any] = figure.axes
    own, theirs = axes
    ticks = [
        tick.get_text().replace("-\n", "").replace("\n", " ") for tick in own.get_xticklabels()
    ]
    assert ticks == ["errorfree", "LoRA 4", "LoRA 16", "full finetuning", "retry pretraining"]
    assert len(theirs.get_xticklabels()) == 7
    # Of the hollow ones the pretrained and the finetuned one that were masked.
    white = [line.get_xdata()[0] for line in own.lines if line.get_color() == "white"]
    assert sorted(white) == pytest.approx([2.1, 4.1])
    drawn = [bars.lines[0] for bars in own.containers]
    heights = {round(float(line.get_xdata()[0]), 2): line.get_ydata()[0] for line in drawn}
    wrong = [1 - round(500 * (0.99 - 2 * (0.1 + 0.003 * s))) / 500 for s in range(3)]
    right = 100 - 100 * sum((1 - 0.1 - 0.004 * (s - 1)) * w for s, w in enumerate(wrong)) / 3
    assert heights[2.0] == pytest.approx(right)
    assert heights[1.0] < heights[0.0] < heights[2.0] < heights[3.0] < heights[4.0]


def test_models_that_solve_nothing_are_drawn(tmp_path: Path) -> None:
    apply_style()
    runs = sweep(GAINS, base=0, noise=0, seeds=(0,))
    runs = [made for made in runs if made[0]["rate"] in (0, 0.2)]
    for made_of, _ in runs:
        for cell in made_of["cells"]:
            cell |= {"accuracy": 0.0, "correct": 0, "backs": None, "unnecessary": None}
    for module in (retry, retry_fake):
        frame = made(module, tmp_path / module.__name__, runs)
        assert frame["backs"].isna().all()
        (axis, *_) = module.draw(frame).axes
        assert "1 seed" in axis.get_title(loc="left")
        assert [found(claim, frame) for claim in ("M3", "M4", "M5")] == [
            "not at this scale",
            "not run",
            "not run",
        ]
    frame = made(retry_finetune, tmp_path / "finetune", runs, tuned(0, "full", "none", base=0))
    assert len(retry_finetune.draw(frame).axes) == 2
    assert found("M6", frame) == "not run"


def test_without_runs_there_is_an_empty_table(tmp_path: Path) -> None:
    apply_style()
    for module in (retry, retry_fake, retry_finetune):
        frame = module.table({})
        assert list(frame.columns) == module.COLUMNS
        write_table(frame, tmp_path / "t.csv")
        save(module.draw(pd.read_csv(tmp_path / "t.csv")), tmp_path, "empty")
