"""What is probed, against a parse of the texts that knows nothing of how they were made."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physlm.config import ConfigError, build
from physlm.data import corpus as corpora
from physlm.probe.config import ProbeConfig
from physlm.probe.examples import Examples, examples
from tests.data import biographies
from tests.probe import toy

ORDER = biographies.ORDER


def starts_by_text(opened: corpora.Corpus, row: np.ndarray, person: int) -> list[tuple[str, int]]:
    """(attribute, number of its first token) of each value of a row, in text order."""
    vocabulary, profile = opened.world.vocabulary, opened.world.profiles[person]
    text, who = opened.world.text(row), biographies.person(profile)
    ends, found, place = np.cumsum([len(vocabulary[token]) for token in row]), [], len("<eos>")
    for attribute, number in biographies.sentences(profile, text):
        template = biographies.lines(f"templates/{attribute}.txt")[number]
        for subject in (who["name"], who["pronoun"]):
            before, _, after = template.replace("{subject}", subject).partition("{value}")
            whole = f" {before}{who[attribute]}{after}"
            if text[place:].startswith(whole):
                # The space before a value belongs to its first token.
                start = place + len(before)
                found.append((attribute, int(ends.searchsorted(start, side="right"))))
                place += len(whole)
                break
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "single"},
        {"variant": "multi2+permute"},
        {"variant": "multi2+permute+fullname"},
        {"variant": "single", "celebrities": 8, "celebrity_variant": "multi2+permute"},
    ],
)
def test_places_are_before_the_values_and_nothing_read_is_asked(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Blocks of few people, so that there are several.
    for name in ("physlm.data.corpus.BLOCK", "physlm.probe.examples.BLOCK"):
        monkeypatch.setattr(name, 7)
    opened = toy.corpus(tmp_path, n_people=20, tokenizer="words", **settings)
    given = examples(opened, toy.config())
    assert len(given.tokens) == opened.manifest["n_entries"]
    attributes = [task.attribute for task in given.tasks]
    assert attributes == [*ORDER, *ORDER[1:]]
    for i, person in enumerate(given.person):
        row = given.tokens[i, : given.lengths[i]]
        assert np.array_equal(row, opened.train_tokens[slice(*opened.train_offsets[i : i + 2])])
        assert not given.tokens[i, given.lengths[i] :].any()
        found = starts_by_text(opened, row, person)
        assert len(found) == 6
        assert given.places[i].tolist() == [start - 1 for _, start in found]
        order = [attribute for attribute, _ in found]
        for place in range(6):
            asked = {a for a, s in zip(attributes, given.scored[i, place], strict=True) if s}
            assert asked == set(order[place:])
            value = opened.world.text(row[found[place][1] :])
            assert value.startswith(
                " " + biographies.person(opened.world.profiles[person])[order[place]].split()[0]
            )


def test_a_biography_by_hand(tmp_path: Path) -> None:
    opened = toy.corpus(tmp_path, variant="single")
    given = examples(opened, toy.config(tasks=["first"]))
    row = given.tokens[0, : given.lengths[0]].tolist()
    spelt = [opened.world.vocabulary[token] for token in row]
    assert spelt[:9] == [
        *("<eos>", " Richard", " Lormund", " Winden", " came into the world on"),
        *(" July", " 15", " 1900", " He"),
    ]
    assert spelt[12:19] == [
        *(" He", " earned a degree from", " University", " of", " Olathe", " He", " majored in"),
    ]
    assert [spelt[place] for place in given.places[0]] == [
        *(" came into the world on", " spent their first days in", " earned a degree from"),
        *(" majored in", " is employed by", " is employed in"),
    ]
    assert given.places[0].tolist() == [4, 9, 13, 18, 22, 26]
    assert given.scored[0].tolist() == np.triu(np.ones((6, 6), bool)).tolist()


def classes_of(given: Examples, k: int, n_people: int) -> list[int]:
    first = np.searchsorted(given.person, np.arange(n_people))
    return given.labels[first, k].tolist()


def test_people_share_a_class_where_their_values_are_spelt_alike(tmp_path: Path) -> None:
    opened = toy.corpus(tmp_path, n_people=60, employers=60)
    given = examples(opened, toy.config())
    people = [biographies.person(row) for row in opened.world.profiles]
    for k, task in enumerate(given.tasks):
        texts = [who[task.attribute] for who in people]
        if task.name == "first":
            texts = [text.split()[0] for text in texts]
        pairs = set(zip(classes_of(given, k, 60), texts, strict=True))
        # One class for each text, one text for each class.
        assert len(pairs) == len(set(texts)) == task.n_classes
        assert {label for label, _ in pairs} == set(range(task.n_classes))
    # Some employers share a city, so this was a test.
    by_name = {task.attribute: task.n_classes for task in given.tasks if task.name == "whole"}
    assert by_name["employer_city"] < by_name["employer"]


@pytest.mark.parametrize("tokenizer", ["symbols", "words", "bpe"])
def test_names_stand_between_two_eos(tmp_path: Path, tokenizer: str) -> None:
    opened = toy.corpus(tmp_path, variant="fresh", tokenizer=tokenizer)
    given = examples(opened, toy.config(kind="q", batch_size=20))
    assert given.person.tolist() == list(range(40))
    assert given.scored.all()
    for i, row in enumerate(given.tokens):
        who = biographies.person(opened.world.profiles[i])
        text = opened.world.text(row[: given.lengths[i]])
        assert text == f"<eos> {who['name']}<eos>"
        assert given.places[i].tolist() == [given.lengths[i] - 1]


@pytest.mark.parametrize("kind", ["p", "q"])
def test_shuffled_labels_are_other_peoples(tmp_path: Path, kind: str) -> None:
    opened = toy.corpus(tmp_path, n_people=60)
    plain = examples(opened, toy.config(kind=kind))
    mixed = examples(opened, toy.config(kind=kind, control="labels"))
    a, b = (np.stack([classes_of(e, k, 60) for k in range(11)], 1) for e in (plain, mixed))
    assert sorted(map(tuple, a)) == sorted(map(tuple, b))
    assert (a != b).any(axis=1).mean() > 0.9
    # All texts of a person have the same labels still.
    for person in range(60):
        assert len(np.unique(mixed.labels[mixed.person == person], axis=0)) == 1
    assert np.array_equal(plain.scored, mixed.scored)


def test_what_cannot_be_probed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="variant='fresh': must be of fixed texts"):
        examples(toy.corpus(tmp_path / "fresh", variant="fresh"), toy.config())
    with pytest.raises(ConfigError, match=r"settings\.questions=False: must be true"):
        examples(toy.corpus(tmp_path / "mute", questions=False), toy.config())
    biod = corpora.DataConfig("biod", 0, 10, {})
    corpora.build(tmp_path / "biod", biod)
    with pytest.raises(ConfigError, match="world='biod': must be bios"):
        examples(corpora.load(tmp_path / "biod"), toy.config(kind="q"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed=-1: must be 0 or more"),
        ({"kind": "r"}, "kind='r': must be one of p, q"),
        ({"tasks": []}, "tasks=.*: must be first, whole or both"),
        ({"tasks": ["first", "first"]}, "each once"),
        ({"tasks": ["second"]}, r"tasks\[0\]='second': must be one of first, whole"),
        ({"rank_embed": -2}, "rank_embed=-2: must be 0 or more"),
        ({"n_steps": 0}, "n_steps=0: must be 1 or more"),
        ({"batch_size": 0}, "batch_size=0: must be 1 or more"),
        ({"control": "both"}, "control='both': must be one of none, labels, model"),
        ({"optimiser": {"lr_peak": 0.1, "clip_norm": 1.0}}, "clip_norm=1.0: must be null"),
        ({"compile": True}, "compile=True: must be false"),
        ({"kind": "q", "batch_size": 1}, "batch_size=1: must be 2 or more"),
        ({"kind": "q", "micro_batch_size": 5}, "micro_batch_size=5: must be null"),
    ],
)
def test_settings_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        toy.config(**changes)


def test_everything_is_given() -> None:
    for key in ("seed", "kind", "tasks", "rank_embed", "n_steps", "batch_size", "control"):
        values = toy.values()
        del values[key]
        with pytest.raises(ConfigError, match=f"{key}: missing"):
            build(ProbeConfig, values)
