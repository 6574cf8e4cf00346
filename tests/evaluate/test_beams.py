"""Beam search against enumeration and against Hugging Face's."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from physlm.evaluate.beams import draw_some
from physlm.evaluate.generation import GenerateConfig, generate
from physlm.model.huggingface import to_huggingface
from physlm.model.transformer import Transformer
from tests.evaluate.test_generation import VARIANTS, log_probs_after, make, some_prompts


def all_texts(model: Transformer, prompt: list[int], length: int, stop: int) -> dict:
    """Log probability of every text that ends with `stop` or has that length."""
    found: dict[tuple[int, ...], float] = {}
    texts: dict[tuple[int, ...], float] = {(): 0.0}
    for step in range(1, length + 1):
        longer = {
            (*text, token): before + after
            for text, before in texts.items()
            for token, after in enumerate(log_probs_after(model, prompt + list(text)))
        }
        ended = {t: p for t, p in longer.items() if t[-1] == stop or step == length}
        found |= ended
        texts = {t: p for t, p in longer.items() if t not in ended}
    return found


@pytest.mark.parametrize("penalty", [0.0, 1.0, -1.0])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_wide_beam_finds_the_best_of_all_texts(variant: str, penalty: float) -> None:
    model = make(**VARIANTS[variant], d_vocab=3)
    prompts = some_prompts(5, 6, d_vocab=3)
    config = GenerateConfig(
        max_new_tokens=4, stop=(0,), n_beams=81, length_penalty=penalty, batch_size=3
    )
    lengths = set()
    for prompt, text in zip(prompts, generate(model, prompts, config), strict=True):
        every = all_texts(model, prompt.tolist(), 4, stop=0)
        assert np.exp(list(every.values())).sum() == pytest.approx(1, abs=1e-5)
        best = max(every, key=lambda t: every[t] / len(t) ** penalty)
        assert text.tokens.tolist() == list(best)
        assert text.log_prob == pytest.approx(every[best], abs=1e-4)
        assert text.stopped == (best[-1] == 0)
        lengths.add(len(best))
    assert penalty >= 0 or 1 in lengths, "a penalty of long texts should show"


def test_a_narrow_beam_may_miss_it_and_one_beam_is_greedy() -> None:
    model, prompts = make(), some_prompts(30)
    greedy = generate(model, prompts, GenerateConfig(max_new_tokens=8))
    wide = generate(model, prompts, GenerateConfig(max_new_tokens=8, n_beams=6))
    gains = [w.log_prob - g.log_prob for w, g in zip(wide, greedy, strict=True)]
    assert max(gains) > 0.1
    assert np.mean(gains) > 0


MANY = (2, 5, 7, 11, 13)
ARCHS = ["gpt2", "gpt2_rot", "llama", "mistral"]


def theirs(model: Transformer, prompts: list[np.ndarray], **settings: Any) -> Any:
    """Hugging Face's texts of prompts that it gets padded on the left."""
    longest = max(map(len, prompts))
    tokens = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for i, prompt in enumerate(prompts):
        tokens[i, longest - len(prompt) :] = torch.from_numpy(prompt)
        mask[i, longest - len(prompt) :] = 1
    return to_huggingface(model).generate(
        tokens,
        attention_mask=mask,
        do_sample=False,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_scores=True,
        **settings,
    )


def cut(tokens: list[int], stop: tuple[int, ...]) -> list[int]:
    ends = [i for i, token in enumerate(tokens) if token in stop]
    return tokens[: ends[0] + 1] if ends else tokens


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("stop", [(2,), (2, 5)])
def test_greedy_texts_are_those_of_hugging_face(arch: str, stop: tuple[int, ...]) -> None:
    pytest.importorskip("transformers")
    model, prompts = make(arch=arch), some_prompts()
    config = GenerateConfig(max_new_tokens=14, stop=stop)
    peer = theirs(model, prompts, max_new_tokens=14, eos_token_id=list(stop))
    new = peer.sequences[:, max(map(len, prompts)) :].tolist()
    for text, tokens in zip(generate(model, prompts, config), new, strict=True):
        assert text.tokens.tolist() == cut(tokens, stop)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize(("stop", "penalty"), [((2,), 0.0), (MANY, 0.0), (MANY, 1.0)])
def test_beams_are_those_of_hugging_face(arch: str, stop: tuple[int, ...], penalty: float) -> None:
    pytest.importorskip("transformers")
    model, prompts = make(arch=arch), some_prompts(12)
    config = GenerateConfig(
        max_new_tokens=10, stop=stop, n_beams=4, length_penalty=penalty, batch_size=5
    )
    peer = theirs(
        model,
        prompts,
        num_beams=4,
        max_new_tokens=10,
        length_penalty=penalty,
        eos_token_id=list(stop),
    )
    new = peer.sequences[:, max(map(len, prompts)) :].tolist()
    texts = generate(model, prompts, config)
    for text, tokens, score in zip(texts, new, peer.sequences_scores.tolist(), strict=True):
        assert text.tokens.tolist() == cut(tokens, stop)
        assert text.log_prob / len(text.tokens) ** penalty == pytest.approx(score, abs=1e-4)
    lengths = {len(text.tokens) for text in texts}
    assert stop != MANY or len(lengths) > 2, "they should stop at different times"


def chances_of_sets(weights: np.ndarray, k: int) -> dict[tuple[int, ...], float]:
    """Of each set of k indices drawn one after another without replacement: its probability."""
    chances: dict[tuple[int, ...], float] = {}
    for order in itertools.permutations(range(len(weights)), k):
        left, chance = weights.sum(), 1.0
        for index in order:
            chance *= weights[index] / left
            left -= weights[index]
        key = tuple(sorted(order))
        chances[key] = chances.get(key, 0.0) + chance
    return chances


def test_drawn_beams_have_their_distribution() -> None:
    """Two beams, two tokens: four continuations are drawn twice, the two best are kept."""
    scipy_stats = pytest.importorskip("scipy.stats")
    model, prompt, n, temperature = make(d_vocab=6, n_layers=1), [1, 3], 6000, 3.0
    first = log_probs_after(model, prompt)
    second = np.stack([first[t] + log_probs_after(model, [*prompt, t]) for t in range(6)])
    expected = np.zeros(36)
    for drawn, chance in chances_of_sets(np.exp(first / temperature), 4).items():
        beams = sorted(drawn, key=lambda t: -first[t])[:2]
        sums = second[beams].ravel()
        for pairs, share in chances_of_sets(np.exp(sums / temperature), 4).items():
            best = max(pairs, key=lambda i: sums[i])
            expected[beams[best // 6] * 6 + best % 6] += chance * share
    assert expected.sum() == pytest.approx(1)
    config = GenerateConfig(
        max_new_tokens=2, sample=True, temperature=temperature, n_beams=2, batch_size=1000
    )
    texts = generate(model, [np.array(prompt)] * n, config, seed=3)
    observed = np.bincount([t.tokens[0] * 6 + t.tokens[1] for t in texts], minlength=36)
    often = n * expected >= 5
    assert often.sum() > 4
    pairs = [(observed[often], expected[often]), (observed[~often].sum(), expected[~often].sum())]
    seen, chances = (np.append(a, b) for a, b in zip(*pairs, strict=True))
    assert scipy_stats.chisquare(seen, n * chances).pvalue > 0.001


def test_draws_are_different_and_in_order() -> None:
    sums = torch.tensor([[0.0, -1.0, float("-inf"), -2.0], [-3.0, -2.0, -1.0, 0.0]])
    uniforms = torch.tensor([[0.99, 0.2, 0.6, 0.5]] * 2, dtype=torch.float64)
    index, drawn = draw_some(sums, uniforms, 1.0)
    assert index[0, :3].tolist() == [0, 1, 3]
    assert drawn[0].tolist() == [0.0, -1.0, -2.0, float("-inf")]
    assert index[1].tolist() == [3, 2, 1, 0]
    assert torch.equal(drawn[1], sums[1].flip(0))


def test_a_text_of_one_possible_token() -> None:
    """Fewer continuations than beams, and every one of them ends."""
    model = make(d_vocab=2)
    for sample in (False, True):
        config = GenerateConfig(max_new_tokens=3, stop=(0, 1), n_beams=5, sample=sample)
        (text,) = generate(model, [np.array([1])], config)
        assert text.stopped
        assert text.tokens.tolist() == [int(log_probs_after(model, [1]).argmax())]
