import json
from pathlib import Path

import numpy as np
import pytest

from physlm.config import ConfigError, build
from physlm.data import corpus
from physlm.data.corpus import DataConfig
from physlm.data.world import FIELD, NAME
from physlm.steps import data as step
from physlm.steps.job import main

BIOD = {"world": "biod", "seed": 0, "n_people": 20, "settings": {"attribute_order": "random"}}
FIXED_TEXTS = {
    "world": "bios",
    "seed": 1,
    "n_people": 30,
    "settings": {"variant": "multi3+permute"},
}


def config(values: dict) -> DataConfig:
    return build(DataConfig, values, "config")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("values", [BIOD, FIXED_TEXTS])
def test_a_corpus_is_read_back_as_it_was_written(tmp_path: Path, values: dict) -> None:
    corpus.build(tmp_path, config(values))
    assert {path.name for path in tmp_path.iterdir()} == set(corpus.FILES)
    opened = corpus.load(tmp_path)
    manifest = opened.manifest
    assert manifest["n_people"] == opened.n_people == values["n_people"]
    assert manifest["d_vocab"] == len(opened.world.vocabulary)
    assert manifest["fields"] == list(opened.world.fields)
    assert manifest["information"] == opened.world.information()
    assert opened.evaluation.tokens.dtype == np.min_scalar_type(manifest["d_vocab"] - 1)
    evaluation = opened.evaluation
    assert evaluation.person.tolist() == list(range(values["n_people"]))
    assert (evaluation.tokens[evaluation.offsets[:-1]] == manifest["eos"]).all()
    assert manifest["counts"]["eval_tokens"] == len(evaluation.tokens)
    # Every field of every person is there to be scored.
    entry = np.repeat(np.arange(opened.n_people), np.diff(evaluation.offsets))
    for kind in (NAME, *range(FIELD, FIELD + len(manifest["fields"]))):
        assert len(np.unique(entry[evaluation.kinds == kind])) == opened.n_people


def test_fresh_corpora_have_no_training_text(tmp_path: Path) -> None:
    corpus.build(tmp_path, config(BIOD))
    opened = corpus.load(tmp_path)
    assert len(opened.train_tokens) == len(opened.train_offsets) == len(opened.train_person) == 0
    assert opened.entries_per_person == 1
    assert opened.tokens_per_pass == 20 * 15
    assert isinstance(opened.tokens_per_pass, int)


def test_ragged_fresh_corpora_estimate_the_tokens_of_a_pass(tmp_path: Path) -> None:
    values = {"world": "bios", "seed": 0, "n_people": 200, "settings": {"variant": "fresh"}}
    corpus.build(tmp_path, config(values))
    opened = corpus.load(tmp_path)
    assert opened.tokens_per_pass == pytest.approx(len(opened.evaluation.tokens), rel=0.02)


def test_fixed_texts_are_stored_by_person_and_the_first_is_scored(tmp_path: Path) -> None:
    corpus.build(tmp_path, config(FIXED_TEXTS))
    opened = corpus.load(tmp_path)
    assert opened.entries_per_person == 3
    assert opened.manifest["n_entries"] == 90
    assert opened.train_person.tolist() == [p for p in range(30) for _ in range(3)]
    assert opened.tokens_per_pass == len(opened.train_tokens) == opened.train_offsets[-1]
    first = corpus.select(opened.evaluation, np.array([7]))
    start, end = opened.train_offsets[21:23]
    assert np.array_equal(first.tokens, opened.train_tokens[start:end])


@pytest.mark.parametrize("values", [BIOD, FIXED_TEXTS])
def test_workers_change_no_byte(
    tmp_path: Path, values: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "BLOCK", 8)
    corpus.build(tmp_path / "one", config(values))
    corpus.build(tmp_path / "four", config(values), workers=4)
    assert content(tmp_path / "one") == content(tmp_path / "four")


def test_the_seed_and_the_settings_are_in_the_digest(tmp_path: Path) -> None:
    digests = set()
    for i, change in enumerate([{}, {"seed": 1}, {"n_people": 21}, {"settings": {}}]):
        corpus.build(tmp_path / str(i), config(BIOD | change))
        digests.add(corpus.load(tmp_path / str(i)).digest)
    corpus.build(tmp_path / "again", config(BIOD))
    assert len(digests) == 4
    assert corpus.load(tmp_path / "again").digest in digests


@pytest.mark.parametrize("name", corpus.FILES)
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    corpus.build(tmp_path, config(FIXED_TEXTS))
    path = tmp_path / name
    if name.endswith(".npy"):
        array = np.load(path)
        array.reshape(-1)[3] ^= 1
        np.save(path, array)
    elif name == "manifest.json":
        path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": 9}))
    else:
        path.write_text(path.read_text().replace("a", "b"))
    with pytest.raises(ValueError, match=f"{name}: content differs"):
        corpus.load(tmp_path)


def test_a_truncated_or_missing_file_is_named(tmp_path: Path) -> None:
    corpus.build(tmp_path, config(BIOD))
    path = tmp_path / "eval_tokens.npy"
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(ValueError, match=r"eval_tokens\.npy: not a complete array"):
        corpus.load(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"eval_tokens\.npy"):
        corpus.load(tmp_path)


def test_large_arrays_are_mapped_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "SMALL_BYTES", 64)
    corpus.build(tmp_path, config(FIXED_TEXTS))
    assert isinstance(corpus.load(tmp_path).train_tokens, np.memmap)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"world": "bio"}, "config.world='bio': must be one of biod, bios"),
        ({"seed": -1}, "config.seed=-1: must be 0 or more"),
        ({"n_people": 0}, "config.n_people=0: must be at least 1"),
        ({"n_people": "12"}, "config.n_people='12': must be int, not str"),
        ({"settings": {"n_vals": 2}}, "config.settings.n_vals=2: unknown key"),
        ({"settings": {"n_people": 2}}, "config.settings.n_people: belongs beside settings"),
        ({"settings": {"n_values": 2.5}}, "config.settings.n_values=2.5: must be int"),
        ({"settings": {"variant": "fresh"}}, "config.settings.variant='fresh': unknown key"),
    ],
)
def test_wrong_settings_are_named(change: dict, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(BIOD | change)
    assert str(error.value).startswith(message)


def test_the_step_writes_the_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(
        json.dumps({"name": "x", "config": BIOD, "inputs": {}, "folder": str(tmp_path / "out")})
    )
    assert main(step.run, [str(spec)]) == 0
    assert corpus.load(tmp_path / "out").n_people == 20
    bad = json.loads(spec.read_text())
    bad["config"] = BIOD | {"n_people": -4}
    spec.write_text(json.dumps(bad))
    assert main(step.run, [str(spec)]) == 2
    assert capsys.readouterr().err == "error: config.n_people=-4: must be at least 1\n"
