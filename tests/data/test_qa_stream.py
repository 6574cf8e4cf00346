"""What the streams of questions hold, read back from their rows as text."""

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physlm.config import ConfigError
from physlm.data import qa, qa_stream
from physlm.data.corpus import Corpus
from physlm.data.qa import Asked, Questions, Split
from physlm.data.qa_stream import IGNORED, Mixed, Passes, QaRows, Scored, masked_rows
from physlm.data.stream import Stream
from physlm.train import losses
from physlm.train.config import MaskingConfig
from physlm.train.masking import Masked, Words
from tests.data.questions import known, make, read, spelt

N_CTX = 23
Made = tuple[Corpus, Questions, Split]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    corpus = make(tmp_path_factory.mktemp("bios"), variant="multi2+permute")
    return corpus, qa.about(corpus), qa.split_of(corpus)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The same with subwords."""
    settings = {"tokenizer": "bpe", "bpe_vocab": 400, "first_names": 40, "middle_names": 40}
    corpus = make(tmp_path_factory.mktemp("bpe"), variant="fresh", **settings)
    return corpus, qa.about(corpus), qa.split_of(corpus)


def rows_of(made: Made, batch_size: int = 4, scored: Scored = "answer") -> QaRows:
    return QaRows(made[1], made[2], 7, batch_size, scored)


def mixed_of(made: Made, qa_ratio: float, batch_size: int = 5, scored: Scored = "all") -> Mixed:
    return Mixed(*made, 7, N_CTX, batch_size, qa_ratio, scored)


def masked_of(made: Made, scored: Scored = "answer") -> Mixed:
    """The same for a bidirectional model, half of it questions."""
    return Mixed(*made, 7, N_CTX, 5, 0.5, scored, hider(made[0]))


def hider(corpus: Corpus) -> Callable[[Stream], Masked]:
    return lambda stream: Masked(stream, Words.of(corpus), MaskingConfig(), 7)


def take(source: QaRows | Mixed, n_batches: int, state: dict[str, Any] | None = None):
    """Batches [n_batches * B, 2, T] end to end, and the state after them."""
    state = state or source.start()
    batches = []
    for _ in range(n_batches):
        batch, state = source.take(state)
        batches.append(batch)
    return np.concatenate(batches), state


def text_of(row: np.ndarray, made: Made) -> str:
    """The question and answer of a row, without its padding: EOS again and again."""
    return re.sub(r"(<eos>)+$", "", spelt(made[1], row[0]))


def texts_of(tokens: np.ndarray, questions: Questions) -> list[str]:
    """The complete questions with their answers in a run of tokens that starts with one."""
    starts = np.flatnonzero(tokens == questions.eos)
    return [spelt(questions, tokens[a:b]) for a, b in pairwise(starts)]


def is_question(rows: np.ndarray, questions: Questions) -> np.ndarray:
    """Which rows hold a word that biographies never have."""
    mark = questions.vocabulary.index("?")
    return (rows[:, 0] == mark).any(axis=1)


@pytest.mark.parametrize("which", ["made", "cut"])
def test_rows_ask_each_train_question_once_per_pass_and_nothing_else(
    which: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)
    corpus, _, halves = made
    rows, _ = take(rows_of(made, batch_size=5), 4 * 6)
    found = [read(text_of(row, made)) for row in rows]
    expected, held_out = known(corpus, halves.train), known(corpus, halves.test)
    assert len(expected) == 30
    assert not expected & held_out
    passes = [found[start : start + 30] for start in range(0, len(found), 30)]
    assert len(passes) == 4
    for one in passes:
        assert Counter(one) == Counter(expected)
    assert passes[0] != passes[1]


@pytest.mark.parametrize("which", ["made", "cut"])
@pytest.mark.parametrize("scored", qa_stream.SCORED)
def test_mixed_windows_ask_train_people_alone_and_each_question_once_per_pass(
    which: str, scored: Scored, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)
    corpus, questions, halves = made
    source = mixed_of(made, 0.5, scored=scored)
    n_batches = int(4.2 * source.passes.n_tokens / (0.5 * 5 * N_CTX))
    rows, state = take(source, n_batches)
    assert source.qa_passes(state) > 4
    asked = np.arange(len(rows)) % 2 == 1
    tokens = rows[asked, 0].reshape(-1)
    found = [read(text) for text in texts_of(tokens, questions)]
    expected = known(corpus, halves.train)
    for start in range(0, 4 * 30, 30):
        assert Counter(found[start : start + 30]) == Counter(expected)
    assert set(found) == expected
    # The other windows are the corpus's stream as it would be alone.
    plain, place = Stream(corpus, 7, N_CTX, 1), None
    for row in rows[~asked]:
        window, place = plain.take(place or plain.start())
        assert np.array_equal(row, [window[0, :-1], window[0, 1:]])
    assert source.exposures(state) == plain.exposures(place or {})
    assert not is_question(rows[~asked], questions).any()


def test_no_name_of_the_test_half_is_in_a_question(made: Made) -> None:
    corpus, questions, halves = made
    rows, _ = take(mixed_of(made, 0.7), 60)
    asked = take(rows_of(made), 40)[0][:, 0].reshape(-1).tolist()
    windows = np.diff([int(i * 0.7) for i in range(len(rows) + 1)]) == 1
    asked += rows[windows, 0].reshape(-1).tolist()
    people = np.arange(corpus.n_people)
    names = questions.prompts[people, 0, 2:5]  # the pieces of the full name
    spelt_names = [tuple(questions.pieces.join(name)[0].tolist()) for name in names]
    triples = {tuple(asked[i : i + 3]) for i in range(len(asked))}
    assert {p for p in people if spelt_names[p] in triples} == set(halves.train)


@pytest.mark.parametrize("qa_ratio", [0.1, 0.25, 0.5, 0.8, 0.9])
@pytest.mark.parametrize("batch_size", [1, 5, 8])
def test_the_share_of_questions_is_the_ratio_in_every_batch_and_in_all(
    made: Made, qa_ratio: float, batch_size: int
) -> None:
    rows, state = take(mixed_of(made, qa_ratio, batch_size), 40)
    # A window of 23 tokens is longer than the longest question, so each has a mark of a question.
    asked = is_question(rows, made[1])
    assert made[1].lengths.max() <= N_CTX
    assert abs(asked.sum() - qa_ratio * len(rows)) <= 1
    per_batch = asked.reshape(40, batch_size).sum(axis=1)
    assert (abs(per_batch - qa_ratio * batch_size) <= 1).all()
    assert state["windows"] == 40 * batch_size


@pytest.mark.parametrize("which", ["made", "cut"])
@pytest.mark.parametrize("kind", ["rows", "mixed"])
def test_going_on_in_the_middle_gives_the_same_bytes(
    which: str, kind: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)

    def fresh() -> QaRows | Mixed:
        return rows_of(made) if kind == "rows" else mixed_of(made, 0.6)

    whole, end = take(fresh(), 40)
    for stop in (1, 7, 8, 23):
        _, state = take(fresh(), stop)
        rest, after = take(fresh(), 40 - stop, json.loads(json.dumps(state)))
        assert rest.tobytes() == whole[-len(rest) :].tobytes()
        assert after == end


def test_rows_and_windows_do_not_depend_on_the_batch_size(made: Made) -> None:
    assert np.array_equal(take(rows_of(made, 3), 30)[0], take(rows_of(made, 10), 9)[0])
    assert np.array_equal(take(mixed_of(made, 0.3, 3), 30)[0], take(mixed_of(made, 0.3, 9), 10)[0])


@pytest.mark.parametrize("which", ["made", "cut"])
def test_labels_of_rows_are_the_answers_or_everything(
    which: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)
    questions, eos = made[1], made[1].eos
    answers, _ = take(rows_of(made), 15)
    everything, _ = take(rows_of(made, scored="all"), 15)
    assert np.array_equal(answers[:, 0], everything[:, 0])
    for row, full in zip(answers, everything, strict=True):
        text = text_of(row, made)
        said = f" {read(text)[2]}.<eos>"
        scored = row[1] != IGNORED
        assert spelt(questions, row[1][scored]) == said
        assert (np.diff(np.flatnonzero(scored)) == 1).all()
        length = int((full[1] != IGNORED).sum())
        assert spelt(questions, full[1, :length]) == text.removeprefix("<eos>") + "<eos>"
        assert (full[1, length:] == IGNORED).all()
        # A label is the token after its place; the last one is not in the row's own text.
        assert np.array_equal(full[1, : length - 1], full[0, 1:length])
        assert np.array_equal(row[1][scored], full[1][scored])
        assert (row[0, length:] == eos).all()


def test_labels_of_mixed_windows_are_the_answers_or_everything(made: Made) -> None:
    questions = made[1]
    everything, _ = take(mixed_of(made, 0.5), 60)
    answers, _ = take(mixed_of(made, 0.5, scored="answer"), 60)
    assert np.array_equal(everything[:, 0], answers[:, 0])
    assert np.array_equal(everything[:, 0, 1:], everything[:, 1, :-1])
    asked = np.arange(len(answers)) % 2 == 1
    assert np.array_equal(answers[~asked], everything[~asked])
    texts = texts_of(everything[asked, 0].reshape(-1), questions)
    labels = answers[asked, 1].reshape(-1)
    scored = spelt(questions, labels[labels != IGNORED])
    said = "".join(f" {read(text)[2]}.<eos>" for text in texts)
    assert scored.startswith(said)
    assert len(scored) < len(said) + 40
    assert (everything[:, 1] != IGNORED).all()


@pytest.mark.parametrize("n", [1, 2, 9, 100, 1100])
def test_windows_are_cut_out_of_the_passes_end_to_end(cut: Made, n: int) -> None:
    passes = Passes(cut[1], cut[2], 3)
    asked = [passes.ask(passes.order(epoch)[0]) for epoch in range(4)]
    tokens = np.concatenate([each.tokens for each in asked])
    assert passes.n_tokens * 4 == len(tokens)
    answered = np.zeros(len(tokens) + 1, bool)
    start = 0
    for each in asked:
        for i in range(len(each)):
            answered[start + each.answers[i] : start + each.offsets[i + 1] + 1] = True
        start += passes.n_tokens
    for begin in [1, passes.n_tokens - 1, passes.n_tokens, 2 * passes.n_tokens - n // 2]:
        found, inside = passes.window(begin, n)
        assert np.array_equal(found, tokens[begin : begin + n])
        assert np.array_equal(inside, answered[begin : begin + n])


def test_exposures_and_steps_are_counted(made: Made) -> None:
    rows = rows_of(made, batch_size=8)
    assert rows.n_steps(0) == 0
    assert rows.n_steps(0.001) == 1
    n_steps = rows.n_steps(12)
    assert n_steps == 45
    assert rows.exposures(take(rows, n_steps)[1]) == 12
    mixed = mixed_of(made, 0.8, batch_size=4)
    assert mixed.n_steps(0) == 0
    assert mixed.n_steps(0.001) == 1
    state = take(mixed, mixed.n_steps(10))[1]
    assert mixed.exposures(state) == pytest.approx(10, abs=0.2)
    found = mixed.n_qa(state["windows"]) * N_CTX / mixed.passes.n_tokens
    assert mixed.qa_passes(state) == pytest.approx(found)


def test_masked_rows_hide_the_answer_and_the_padding() -> None:
    eos, mask, no = 0, 50, IGNORED
    # Two questions: one with a prompt of 3 tokens and 2 of answer, one with 2 and 1.
    tokens = np.array([eos, 11, 12, 21, 22, eos, 13, 23])
    asked = Asked(tokens, np.array([0, 5, 8]), np.array([3, 7]))
    wanted = [
        [[eos, 11, 12, mask, mask, eos], [no, no, no, 21, 22, no], [1, 1, 1, 1, 1, 0]],
        [[eos, 13, mask, eos, eos, eos], [no, no, 23, no, no, no], [1, 1, 1, 0, 0, 0]],
    ]
    rows = masked_rows(asked, eos, mask, 6)
    assert rows.dtype == np.int64
    assert rows.tolist() == wanted
    assert masked_rows(asked, eos, mask, 5).tolist() == np.array(wanted)[:, :, :5].tolist()
    with pytest.raises(ValueError, match=r"^n_ctx=4: must be at least 5, the longest question$"):
        masked_rows(asked, eos, mask, 4)


WORLDS: list[dict[str, Any]] = [
    {"variant": "single", "tokenizer": "symbols"},
    {"variant": "multi5+permute", "tokenizer": "symbols"},
    {"variant": "single", "celebrities": 4, "tokenizer": "symbols"},
    {"variant": "multi5+permute", "tokenizer": "words"},
    {"variant": "single+fullname", "celebrities": 4, "tokenizer": "bpe", "bpe_vocab": 400},
]


FRESH: dict[str, Any] = {"variant": "fresh"}


def runs_of(tokens: np.ndarray, n: int) -> set[tuple[int, ...]]:
    """Every n tokens in a row of [T]."""
    return {tuple(tokens[i : i + n].tolist()) for i in range(len(tokens) - n + 1)}


def unmasked(batch: np.ndarray, masked: bool) -> np.ndarray:
    """The tokens [B, T] of inputs with everything that their labels say filled in."""
    if masked:
        return np.where(batch[:, 1] == IGNORED, batch[:, 0], batch[:, 1])
    return batch[:, 0]


@pytest.mark.parametrize("settings", WORLDS, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("masked", [False, True])
def test_nothing_asked_is_about_the_test_half(
    settings: dict[str, Any], masked: bool, tmp_path: Path
) -> None:
    corpus = make(tmp_path, **settings)
    questions, halves = qa.about(corpus), qa.split_of(corpus)
    assert not set(halves.train) & set(halves.test)
    assert len(halves.train) + len(halves.test) == corpus.n_people
    n_ctx = int(questions.lengths.max()) + 5
    rows = QaRows(questions, halves, 7, 5, masked=masked)
    hide = hider(corpus) if masked else None
    scored: Scored = "answer" if masked else "all"
    mixed = Mixed(corpus, questions, halves, 7, n_ctx, 4, 0.5, scored, hide)
    of_rows, state = take(rows, 3 * len(rows.passes) // 5 + 1)
    assert rows.exposures(state) > 3
    windows, state = take(mixed, int(3.1 * mixed.passes.n_tokens / (0.5 * 4 * n_ctx)) + 1)
    assert mixed.qa_passes(state) > 3
    # As one run of tokens: windows of questions go on where the one before was cut.
    asked = unmasked(windows[1::2], masked).reshape(-1)
    texts = [unmasked(of_rows, masked).reshape(-1), asked]
    names = questions.prompts[:, 0, 2:5]  # the pieces of the full name
    for tokens in texts:
        seen, mute = {}, set()
        for person in range(corpus.n_people):
            name = tuple(questions.pieces.join(names[person])[0].tolist())
            seen[len(name)] = seen.get(len(name)) or runs_of(tokens, len(name))
            if name not in seen[len(name)]:
                mute.add(person)
        # Everybody of the one half is named and nobody of the other, so nothing is said of them.
        assert mute == set(halves.test)


def test_the_halves_are_the_same_however_the_people_are_told(tmp_path: Path) -> None:
    splits = []
    for i, settings in enumerate([*WORLDS[:2], WORLDS[3], FRESH]):
        splits.append(qa.split_of(make(tmp_path / str(i), n_people=20, **settings)))
    for split in splits:
        assert np.array_equal(split.train, splits[0].train)
        assert np.array_equal(split.test, splits[0].test)
    # Training after the biographies, with them, and on masked rows ask the same people.
    corpus = make(tmp_path / "arms", n_people=20, tokenizer="symbols")
    questions = qa.about(corpus)
    arms: list[QaRows | Mixed] = [
        QaRows(questions, splits[0], 1, 4),
        QaRows(questions, splits[0], 2, 4, masked=True),
        Mixed(corpus, questions, splits[0], 3, N_CTX, 4, 0.5),
        Mixed(corpus, questions, splits[0], 4, N_CTX, 4, 0.5, "answer", hider(corpus)),
    ]
    for arm in arms:
        assert set(arm.passes.people) == set(splits[0].train)


@pytest.mark.parametrize("which", ["made", "cut"])
def test_masked_rows_of_a_pass_are_those_of_the_questions(
    which: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)
    mask = len(made[1].vocabulary)
    causal, _ = take(rows_of(made), 12)
    hidden, _ = take(QaRows(made[1], made[2], 7, 4, masked=True), 12)
    assert hidden.shape == (48, 3, causal.shape[2])
    for row, plain in zip(hidden, causal, strict=True):
        inputs, labels, real = row
        answer = labels != IGNORED
        assert (inputs[answer] == mask).all()
        assert (inputs != mask)[~answer].all()
        filled = np.where(answer, labels, inputs)
        assert np.array_equal(filled, plain[0])
        # A causal row scores the same answer one place earlier, and the EOS after it.
        scored = plain[1][plain[1] != IGNORED]
        assert np.array_equal(labels[answer], scored[:-1])
        length = np.flatnonzero(answer)[-1] + 1
        assert np.array_equal(real, np.arange(len(real)) < length)


@pytest.mark.parametrize("which", ["made", "cut"])
def test_masked_windows_score_answers_whole_and_words_of_biographies(
    which: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)
    corpus, questions, _ = made
    mask, n_windows = len(questions.vocabulary), 80
    source = masked_of(made)
    rows, state = take(source, n_windows // 5)
    causal, _ = take(mixed_of(made, 0.5, scored="answer"), n_windows // 5)
    assert source.exposures(state) > 0.5
    asked = np.arange(n_windows) % 2 == 1
    # Questions: the same tokens, cut at the same places, with every answer hidden.
    hidden = rows[asked, 1] != IGNORED
    assert np.array_equal(unmasked(rows[asked], True), causal[asked, 0])
    assert ((rows[asked, 0] == mask) == hidden).all()
    # What a causal model is scored on lies one place earlier, over the edge of a window too.
    flat = causal[asked, 1].reshape(-1)
    answers = (flat != IGNORED) & (flat != questions.eos)
    assert np.array_equal(hidden.reshape(-1)[1:], answers[:-1])
    edge = hidden[1:, 0] & hidden[:-1, -1]
    assert edge.any(), "no answer was cut by the edge of a window"
    # Biographies: those of the masked stream alone.
    alone = hider(corpus)(Stream(corpus, 7, N_CTX, 1))
    place = alone.start()
    for row in rows[~asked]:
        batch, place = alone.take(place)
        assert np.array_equal(row, batch[0])
    before = json.loads(json.dumps(take(source, n_windows // 5 - 1)[1]))
    rest, after = take(masked_of(made), 1, before)
    assert np.array_equal(rest, rows[-5:])
    assert after == state


def test_settings_out_of_range_are_refused_in_one_line(made: Made) -> None:
    for ratio in (0.0, 1.0, -0.5):
        with pytest.raises(ConfigError, match=rf"^qa_ratio={ratio}: must be between 0 and 1"):
            mixed_of(made, ratio)
    for build in (rows_of, lambda made, scored: mixed_of(made, 0.5, scored=scored)):
        with pytest.raises(ConfigError, match=r"^scored='value': must be one of answer, all"):
            build(made, scored="value")  # type: ignore[arg-type]
    for scored in ("all", "value"):
        with pytest.raises(ConfigError, match=rf"^scored='{scored}': must be"):
            QaRows(made[1], made[2], 7, 4, scored, masked=True)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=rf"^scored='{scored}': must be"):
            masked_of(made, scored)  # type: ignore[arg-type]


def test_the_ignored_label_is_the_one_of_the_losses() -> None:
    assert IGNORED == losses.IGNORED
