"""Retry upon regret, against exact chances, a plainer writer, and the grader."""

from collections import Counter
from dataclasses import replace
from graphlib import TopologicalSorter
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from physlm.data.problems import source
from physlm.evaluate.generation import GenerateConfig, generate
from physlm.evaluate.igsm.regret import Draft, perfect, sentence_ends, write_drafts
from physlm.evaluate.igsm.trained import Trained, judged, pose
from physlm.random import generator
from tests.evaluate.igsm.drafts import EOS, Teller, drafts_of, plainly
from tests.probe import v_toy

PLAN = source("plan", {"n_max": 5})
MICRO = v_toy.source("micro")
ALWAYS = 10**9


def sentences(of: Any, problem: Any) -> dict[Any, list[int]]:
    """How the sentence of each parameter is written."""
    names = tuple(TopologicalSorter(problem.needs).static_order())
    words = of.solution_words(replace(problem, solution=names), generator(0, "letters"))
    return {name: of.encode(step) for name, step in zip(names, words, strict=True)}


class Chancy:
    """All sentences of a problem and its end with chances that depend on how many have been
    written; that of the query is the likeliest, which comes too early. The end after `most`.
    """

    def __init__(self, of: Any, problem: Any, most: int) -> None:
        self.sentences, self.most = sentences(of, problem), most
        self.likely = list(self.sentences).index(problem.query)

    def __call__(self, prompt: list[int], whole: list[list[int]]) -> list[tuple[list[int], float]]:
        if len(whole) == self.most:
            return [([EOS], 1.0)]
        rng = np.random.default_rng(len(whole))
        parts = rng.random(len(self.sentences) + 1)
        parts[self.likely] += 1
        told = [*self.sentences.values(), [EOS]]
        return [(sentence, float(part)) for sentence, part in zip(told, parts, strict=True)]


def exactly(problem: Any, chancy: Chancy, most_cuts: int) -> dict[tuple[Any, ...], float]:
    """The chance of each sequence of parameters, by going through all that can happen."""
    found: dict[tuple[Any, ...], float] = {}
    waiting: list[tuple[tuple[Any, ...], int, bool, float]] = [((), 0, False, 1.0)]
    while waiting:
        written, n_cuts, sampling, chance = waiting.pop()
        names: list[Any] = [*chancy.sentences, None]
        if len(written) == chancy.most:
            names = [None]
        parts = [part for _, part in chancy([], [[]] * len(written))]
        likely = int(np.argmax(parts))
        for i, name in enumerate(names):
            share = parts[i] / sum(parts) if sampling else float(i == likely)
            if share == 0:
                continue
            ready = name is None or (
                name not in written and set(problem.needs[name]) <= set(written)
            )
            if name is None:
                found[written] = found.get(written, 0) + chance * share
            elif ready or n_cuts == most_cuts:
                waiting.append(((*written, name), n_cuts, False, chance * share))
            else:
                waiting.append((written, n_cuts + 1, True, chance * share))
    return found


@pytest.mark.parametrize("most_cuts", [0, 1, 3])
@pytest.mark.parametrize("of", [PLAN, MICRO], ids=["plan", "micro"])
def test_texts_have_the_chances_of_brute_force(of: Any, most_cuts: int) -> None:
    (test,) = pose(of, 1, generator(3, "brute"), 3, False)
    chancy = Chancy(of, test.problem, 3)
    told = chancy.sentences
    model: Any = Teller(of, test.reading.language, 400, chancy)
    trained = Trained(None, model, {}, of)  # type: ignore[arg-type]
    n = 800 if of is PLAN else 250
    drafts = drafts_of([test] * n, 60)
    write_drafts(trained, drafts, perfect(of), most_cuts)
    by_text = {tuple(ids): name for name, ids in told.items()}
    wanted = exactly(test.problem, chancy, most_cuts)
    assert sum(wanted.values()) == pytest.approx(1)
    assert len(wanted) > (3 if most_cuts else 0)
    found: Counter[tuple[Any, ...]] = Counter()
    for draft in drafts:
        assert draft.stopped
        names, begun = [], []
        for token in draft.ids:
            begun.append(token)
            if tuple(begun) in by_text:
                names.append(by_text[tuple(begun)])
                begun = []
        assert not begun
        found[tuple(names)] += 1
    assert set(found) <= set(wanted)
    for names, chance in wanted.items():
        spread = 4.5 * (chance * (1 - chance) / n) ** 0.5
        assert found[names] / n == pytest.approx(chance, abs=spread + 1e-9)
    assert max(draft.n_cuts for draft in drafts) == most_cuts


MODELS = [
    {"arch": "gpt2_rot"},
    {"arch": "gpt2"},
    {"arch": "gpt2_rel"},
    {"canon": "ABCD"},
]


@pytest.mark.parametrize("settings", MODELS, ids=str)
@pytest.mark.parametrize("of", [PLAN, MICRO], ids=["plan", "micro"])
def test_a_cache_that_is_cut_back_is_as_good_as_reading_anew(
    of: Any, settings: dict[str, Any]
) -> None:
    model = v_toy.model(of, n_ctx=90, init_std=0.5, **settings)
    trained = Trained(None, model, {}, of)  # type: ignore[arg-type]
    given = pose(of, 5, generator(0, "cache"), 2, False)
    limit = 90 - max(len(test.prompt) for test in given)
    rng = generator(1, "detector")
    # Refuses by what was written, so that both writers get the same answers.
    refused = set(rng.choice(len(of.vocabulary), len(of.vocabulary) // 2, replace=False).tolist())

    def detector(drafts: Any) -> list[bool]:
        return [(sum(d.ids[d.start :]) + d.start) % 97 not in refused for d in drafts]

    ends = sentence_ends(of, given[0].reading.language)
    # Random weights hardly ever write a stop: some other tokens end sentences here, too.
    ends |= {token for token in refused if token != EOS}
    one, other = drafts_of(given, limit), drafts_of(given, limit)
    plainly(model, one, ends, detector, 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("physlm.evaluate.igsm.regret.sentence_ends", lambda *_: ends)
        write_drafts(trained, other, detector, 12)
    assert [d.ids for d in one] == [d.ids for d in other]
    assert [d.n_cuts for d in one] == [d.n_cuts for d in other]
    assert sum(d.n_cuts for d in one) >= 12


@pytest.mark.parametrize("of", [PLAN, MICRO], ids=["plan", "micro"])
def test_without_retries_it_is_greedy_and_company_is_no_matter(of: Any) -> None:
    model = v_toy.model(of, n_ctx=160, init_std=0.4)
    trained = Trained(None, model, {}, of)  # type: ignore[arg-type]
    given = pose(of, 8, generator(0, "greedy"), 3, False)
    settings = GenerateConfig(max_new_tokens=30, stop=(EOS,))
    texts = generate(model, [test.prompt for test in given], settings)
    drafts = drafts_of(given, 30)
    write_drafts(trained, drafts, perfect(of), 0)
    for draft, text in zip(drafts, texts, strict=True):
        assert [*draft.ids, *[EOS] * draft.stopped] == text.tokens.tolist()
        assert draft.n_cuts == 0
    together, alone = drafts_of(given, 30), drafts_of(given, 30)
    write_drafts(trained, together, perfect(of), 5)
    for draft in alone:
        write_drafts(trained, [draft], perfect(of), 5)
    assert [d.ids for d in together] == [d.ids for d in alone]
    assert [d.n_cuts for d in together] == [d.n_cuts for d in alone]


@pytest.mark.parametrize("of", [PLAN, MICRO], ids=["plan", "micro"])
def test_with_all_retries_nothing_is_written_too_early(of: Any) -> None:
    given = pose(of, 12, generator(0, "early"), 4, False)
    kinds: list[set[str | None]] = []
    for most_cuts in (0, ALWAYS):
        kinds.append(set())
        for test in given:
            chancy = Chancy(of, test.problem, 4)
            model: Any = Teller(of, test.reading.language, 400, chancy)
            drafts = drafts_of([test], 80)
            write_drafts(Trained(None, model, {}, of), drafts, perfect(of), most_cuts)  # type: ignore[arg-type]
            ids = np.array(drafts[0].ids, int)
            kinds[-1].add(judged(of, test, ids, drafts[0].stopped).kind)
    early = {"not_ready", "repeated", "unknown"}
    assert kinds[0] & early
    assert not kinds[1] & early


@pytest.mark.parametrize(
    "of",
    [PLAN, MICRO, v_toy.source("tiny"), v_toy.source("med")],
    ids=["plan", "micro", "tiny", "med"],
)
def test_the_perfect_detector_looks_at_names_alone(of: Any) -> None:
    rng = generator(0, "perfect")
    for test in pose(of, 4, rng, 3, False):
        problem = test.problem
        told = sentences(of, problem)
        mentioned = [name for name in told if _name(of, problem, name) in test.reading.formulas]
        some = list(permutations(mentioned, 2)) + [(name, name) for name in mentioned]
        for first, second in some[:150]:
            draft = Draft(test, 99, rng, [*told[first], *told[second]], start=len(told[first]))
            wanted = second != first and set(problem.needs[second]) <= {first}
            assert perfect(of)([draft]) == [wanted]
        for name in set(told) - set(mentioned):
            assert perfect(of)([Draft(test, 99, rng, told[name])]) == [False]


def _name(of: Any, problem: Any, parameter: Any) -> str:
    return "".join(of.name_words(problem, parameter)).strip()


def test_what_cannot_be_read_is_kept_and_the_numbers_do_not_count() -> None:
    (test,) = pose(MICRO, 1, generator(0, "kept"), 2, False)
    first, *_ = test.problem.solution
    (words,) = MICRO.solution_words(replace(test.problem, solution=(first,)), None)
    ids = MICRO.encode(words)
    assert perfect(MICRO)([Draft(test, 99, generator(0), ids)]) == [True]
    # The value is the last word before the stop.
    for value in range(5):
        wrong = [*ids[:-2], *MICRO.encode([f" {value}"]), ids[-1]]
        assert perfect(MICRO)([Draft(test, 99, generator(0), wrong)]) == [True]
    stop = ids[-1]
    for odd in ([stop], [*ids[:1], stop], [4, 5, stop]):
        assert perfect(MICRO)([Draft(test, 99, generator(0), odd)]) == [True]
