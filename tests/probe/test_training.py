"""The `probe` step: what probes read, of whom, and that a cut changes nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from physlm.costs.steps import COSTS, Source
from physlm.data import qa
from physlm.data.corpus import Corpus
from physlm.files import read_json, write_json
from physlm.model.cache import Pass
from physlm.model.storage import save_model
from physlm.model.transformer import Transformer
from physlm.probe import training
from physlm.probe.examples import Examples, Task, examples
from physlm.probe.training import Draws, loss_of, probe, scores
from physlm.steps import job
from physlm.steps import probe as step
from physlm.train import checkpoints
from tests.probe import toy


def save(folder: Path, opened: Corpus, model: Transformer, digest: str | None = None) -> None:
    save_model(folder, model, corpus_digest=digest or opened.digest, seed=0, steps=0, exposures=0.0)


def execute(folder: Path, corpus: Path, model: Path, **changes: Any) -> int:
    spec = {
        "name": "test",
        "config": toy.values(**changes),
        "inputs": {"corpus": str(corpus), "model": str(model)},
        "folder": str(folder),
    }
    write_json(folder / "spec.json", spec)
    return job.main(step.run, [str(folder / "spec.json"), "--scratch", str(folder / "scratch")])


def by_place(results: list[dict[str, Any]], task: str, attribute: str) -> dict[int, dict[str, Any]]:
    return {r["position"]: r for r in results if (r["task"], r["attribute"]) == (task, attribute)}


@pytest.fixture(scope="module")
def canonical(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Many people with one biography each in the canonical order."""
    folder = tmp_path_factory.mktemp("canonical")
    return toy.corpus(folder, 400, variant="single", employers=12, birth_cities=4)


def reader(opened: Corpus) -> Transformer:
    """A model that sums up the last few tokens, at random."""
    return toy.model(opened, arch="gpt2_uni", windows=[4, 6], n_layers=1, d_model=32, init_std=0.4)


# What the two tests below share, so that the second could fail.
READING = {"tasks": ["first"], "n_steps": 120, "batch_size": 40}


@pytest.mark.parametrize(("rank", "least"), [(0, 0.5), (2, 0.85)])
def test_what_was_read_is_read_again_and_what_was_not_is_guessed(
    canonical: Corpus, tmp_path: Path, rank: int, least: float
) -> None:
    # The city of an employer follows from the employer, whose name stands just before.
    optimiser = {"lr_peak": 0.02, "eps": 1e-6, "weight_decay": 0.1}
    config = toy.config(rank_embed=rank, optimiser=optimiser, **READING)
    results = probe(reader(canonical), canonical, config, tmp_path)
    cities = by_place(results, "first", "employer_city")
    assert sorted(cities) == list(range(6))
    assert cities[5]["majority"] < 0.2
    assert cities[5]["accuracy"] > least
    # Nothing is known of these people before it is read: no better than the commonest label.
    for attribute in ("birth_date", "birth_city", "employer", "employer_city"):
        for place, record in by_place(results, "first", attribute).items():
            if (attribute, place) != ("employer_city", 5):
                assert record["accuracy"] < most(record)
    # In the canonical order the i-th attribute is asked for at the first i + 1 places.
    assert sorted(by_place(results, "first", "birth_date")) == [0]
    assert sorted(by_place(results, "first", "employer")) == [0, 1, 2, 3, 4]


def most(record: dict[str, Any]) -> float:
    """What guessing the commonest label seldom exceeds: 4 deviations over it."""
    share = record["majority"]
    return share + 4 * (share * (1 - share) / record["n"]) ** 0.5


def test_shuffled_labels_are_not_read(canonical: Corpus, tmp_path: Path) -> None:
    optimiser = {"lr_peak": 0.02, "eps": 1e-6, "weight_decay": 0.1}
    config = toy.config(control="labels", optimiser=optimiser, **READING)
    results = probe(reader(canonical), canonical, config, tmp_path)
    assert len(results) == 21
    for record in results:
        assert record["n"] == canonical.n_people / 2
        assert record["accuracy"] < most(record)


def test_a_new_model_takes_the_place_of_the_trained_one(canonical: Corpus, tmp_path: Path) -> None:
    config = toy.config(tasks=["first"], control="model", seed=4)
    seen = [
        probe(toy.model(canonical, seed), canonical, config, tmp_path / str(seed))
        for seed in (0, 4)
    ]
    same = toy.config(tasks=["first"], seed=4)
    assert seen[0] == seen[1] == probe(toy.model(canonical, 4), canonical, same, tmp_path / "plain")
    assert seen[0] != probe(toy.model(canonical, 0), canonical, same, tmp_path / "other")


@pytest.mark.parametrize("kind", ["p", "q"])
@pytest.mark.parametrize("celebrities", [0, 12])
def test_nobody_of_the_test_half_is_trained_on(
    tmp_path: Path, kind: str, celebrities: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stars = {"celebrities": celebrities, "celebrity_variant": "multi2+permute"}
    opened = toy.corpus(tmp_path / "corpus", 31, **(stars if celebrities else {}))
    config = toy.config(kind=kind, n_steps=40)
    given, drawn = examples(opened, config), []

    class Watched(Draws):
        def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
            batch, after = super().take(state)
            drawn.append(batch[:, 0])
            return batch, after

    monkeypatch.setattr(training, "Draws", Watched)
    results = probe(toy.model(opened), opened, config, tmp_path / "scratch")
    halves, numbers = qa.split_of(opened), np.concatenate(drawn)
    assert len(halves.train) == (celebrities or 15)
    assert set(given.person[numbers]) == set(halves.train)
    # Passes are without replacement: counts of examples differ by one at most.
    counts = np.bincount(numbers)
    assert np.ptp(counts[np.isin(given.person, halves.train).nonzero()[0]]) <= 1
    texts = 1 if kind == "q" else opened.entries_per_person
    first = by_place(results, "first", "major")[0]
    assert first["n"] == len(halves.test) * texts


def test_labels_of_the_test_half_change_no_probe(tmp_path: Path) -> None:
    opened = toy.corpus(tmp_path / "corpus")
    config, halves = toy.config(), qa.split_of(opened)
    given = examples(opened, config)
    numbers = np.flatnonzero(np.isin(given.person, halves.train))
    weights = [
        loss_of(given, numbers),
        loss_of(shuffled_outside(given, numbers), numbers),
    ]
    batch = torch.from_numpy(numbers[:9])[:, None]
    logits = torch.randn(11, 9, 6, 30, generator=torch.Generator().manual_seed(0))
    values = [loss(Constant(logits), batch).item() for loss in weights]
    assert values[0] == values[1]


def shuffled_outside(given: Examples, numbers: np.ndarray) -> Examples:
    labels = given.labels.copy()
    outside = np.setdiff1d(np.arange(len(labels)), numbers)
    labels[outside] = labels[outside[::-1]]
    assert not np.array_equal(labels, given.labels)
    return Examples(**{**vars(given), "labels": labels})


class Constant(nn.Module):
    """Logits that are given."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, numbers: Tensor) -> Tensor:
        return self.logits


def test_the_loss_is_a_mean_over_scored_places_for_each_task() -> None:
    scored = np.array([[[1, 1], [0, 1]], [[1, 1], [1, 0]]], bool)
    given = Examples(
        tasks=(Task("first", "a", 2), Task("first", "b", 3)),
        tokens=np.zeros((2, 3), np.int64),
        lengths=np.full(2, 3),
        places=np.array([[0, 1], [0, 1]]),
        scored=scored,
        labels=np.array([[0, 2], [1, 1]]),
        person=np.arange(2),
    )
    logits = torch.randn(2, 2, 2, 3, generator=torch.Generator().manual_seed(1))
    logs = logits.log_softmax(-1).numpy()
    total = 0.0
    for k in range(2):
        terms = [
            -logs[k, i, p, given.labels[i, k]]
            for i in range(2)
            for p in range(2)
            if scored[i, p, k]
        ]
        assert len(terms) == 3
        total += sum(terms) / 3
    loss = loss_of(given, np.arange(2))
    assert loss(Constant(logits), torch.tensor([[0], [1]])).item() == pytest.approx(total, rel=1e-6)


def test_scores_by_hand() -> None:
    given = Examples(
        tasks=(Task("first", "major", 3),),
        tokens=np.zeros((6, 2), np.int64),
        lengths=np.full(6, 2),
        places=np.array([[0, 1]] * 6),
        scored=np.array([[[1], [s]] for s in (1, 0, 1, 1, 0, 1)], bool),
        labels=np.array([[2], [1], [2], [2], [0], [1]]),
        person=np.arange(6),
    )
    right = np.array([[1, 0], [0, 1], [1, 1], [1, 1], [0, 0], [0, 0]], bool)[:, :, None]
    trained = np.array([1, 1, 1, 0, 0, 0], bool)
    first, second = scores(given, trained, right)
    assert first == {
        "task": "first",
        "attribute": "major",
        "position": 0,
        "n": 3,
        "accuracy": 1 / 3,
        "train_accuracy": 2 / 3,
        "majority": 1 / 3,
        "n_classes": 3,
    }
    assert (second["n"], second["accuracy"], second["train_accuracy"]) == (2, 0.5, 0.5)
    assert second["majority"] == 0.5
    nobody = Examples(**{**vars(given), "scored": given.scored & (np.arange(2) < 1)[:, None]})
    assert [record["position"] for record in scores(nobody, trained, right)] == [0]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "p"},
        {"kind": "q"},
        {"kind": "q", "rank_embed": 0},
        {"kind": "p", "micro_batch_size": 5},
    ],
)
def test_a_cut_run_ends_as_a_whole_one(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = toy.corpus(tmp_path / "corpus")
    save(tmp_path / "model", opened, toy.model(opened))
    inputs = tmp_path / "corpus", tmp_path / "model"
    settings = {"n_steps": 30, "checkpoint_every_s": 0, **changes}
    assert execute(tmp_path / "whole", *inputs, **settings) == 0

    steps = iter(range(13))
    take = Draws.take

    def cut(self: Draws, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        if next(steps, None) is None:
            raise OSError("cut")
        return take(self, state)

    monkeypatch.setattr(Draws, "take", cut)
    assert execute(tmp_path / "cut", *inputs, **settings) == 2
    assert not (tmp_path / "cut/probe.json").exists()
    taken: list[int] = []

    def counted(self: Draws, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        taken.append(state["drawn"])
        return take(self, state)

    monkeypatch.setattr(Draws, "take", counted)
    assert execute(tmp_path / "cut", *inputs, **settings) == 0
    assert len(taken) == 30 - 13
    for name in ("probe.json", "scratch/metrics.jsonl"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    probes = [dict(weights(tmp_path / run)) for run in ("whole", "cut")]
    assert probes[0].keys() == probes[1].keys()
    assert all(torch.equal(value, probes[1][name]) for name, value in probes[0].items())


def weights(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """The trained weights, moments and running statistics in the last checkpoint of a run."""
    _, tensors = checkpoints._read(folder / "scratch/checkpoint.safetensors")
    yield from ((name, value) for name, value in tensors.items() if name != "random")


def test_the_record(tmp_path: Path) -> None:
    opened = toy.corpus(tmp_path / "corpus", variant="multi2+permute", celebrities=0)
    model = toy.model(opened)
    save(tmp_path / "model", opened, model)
    assert execute(tmp_path / "out", tmp_path / "corpus", tmp_path / "model") == 0
    record = read_json(tmp_path / "out/probe.json")
    results = record.pop("results")
    assert record == {
        "world": "bios",
        "variant": "multi2+permute",
        "celebrities": 0,
        "tokenizer": "symbols",
        "arch": "gpt2_rot",
        "n_layers": 2,
        "d_model": 16,
        "n_params": sum(p.numel() for p in model.parameters()),
        "n_people": 40,
        "seed": 3,
        "kind": "p",
        "control": "none",
        "rank_embed": 2,
        "n_steps": 12,
    }
    tasks = {(r["task"], r["attribute"]) for r in results}
    assert len(tasks) == 11
    assert ("whole", "birth_date") not in tasks
    # Each text scores six attributes at the first place and one at the last.
    counts = [
        sum(r["n"] for r in results if (r["task"], r["position"]) == ("first", i)) for i in range(6)
    ]
    assert counts == [40 * n for n in (6, 5, 4, 3, 2, 1)]
    for r in results:
        assert min(r["accuracy"], r["train_accuracy"], r["majority"]) >= 0
        assert max(r["accuracy"], r["train_accuracy"], r["majority"]) <= 1


def test_a_model_of_another_corpus_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = toy.corpus(tmp_path / "corpus")
    save(tmp_path / "model", opened, toy.model(opened), digest="0" * 64)
    assert execute(tmp_path / "out", tmp_path / "corpus", tmp_path / "model") == 2
    error = capsys.readouterr().err
    assert "was trained on the corpus 000000000000, but" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out/probe.json").exists()


@pytest.mark.parametrize(
    "changes",
    [{"kind": "p"}, {"kind": "q"}, {"kind": "p", "rank_embed": 0, "tasks": ["first"]}],
)
def test_the_price_is_what_the_step_reads_and_leaves(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = toy.corpus(tmp_path / "corpus")
    save(tmp_path / "model", opened, toy.model(opened))
    tokens, begin = 0, Transformer._begin

    def counted(self: Transformer, tokens_BT: Tensor, *args: Any) -> Pass:
        nonlocal tokens
        tokens += tokens_BT.numel()
        return begin(self, tokens_BT, *args)

    monkeypatch.setattr(Transformer, "_begin", counted)
    settings = {"checkpoint_every_s": 0, **changes}
    assert execute(tmp_path / "out", tmp_path / "corpus", tmp_path / "model", **settings) == 0
    manifest = opened.manifest
    data = {
        "world": "bios",
        "seed": manifest["seed"],
        "n_people": 40,
        "settings": {k: v for k, v in manifest["config"].items() if k != "n_people"},
    }
    shape = {"arch": "gpt2_rot", "n_layers": 2, "d_model": 16, "n_heads": 2}
    trained = {
        "seed": 0,
        "model": shape,
        "stream": {"n_ctx": 160, "batch_size": 1},
        "exposures": 1,
        "optimiser": {"lr_peak": 0.1},
    }
    sources = {"corpus": Source(data, None), "model": Source(trained, None)}
    cost = COSTS["probe"](toy.values(**changes), sources)
    # What follows the last place of the longest text is not read.
    assert cost.tokens == pytest.approx(tokens, rel=0.12)
    size = len((tmp_path / "out/probe.json").read_bytes())
    assert cost.kept_bytes == pytest.approx(size, rel=0.25)
    if changes.get("rank_embed", 2):
        left = (tmp_path / "out/scratch/checkpoint.safetensors").stat().st_size
        assert 0.5 < cost.scratch_bytes / (2 * left) < 1.1
    assert cost.n_calls == 12


def test_progress_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = toy.corpus(tmp_path / "corpus")
    config = toy.config(kind="q", log_every_s=0.0)
    probe(toy.model(opened), opened, config, tmp_path / "scratch")
    lines = (tmp_path / "scratch/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 13))
    assert json.loads(lines[-1])["exposures"] == 12 * 10 / 20
    assert "step 12/12" in capsys.readouterr().out
