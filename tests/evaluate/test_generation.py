"""Generation against plain loops without cache, padding or batch, and against enumeration."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from physlm.config import ConfigError, build
from physlm.evaluate.generation import GenerateConfig, Text, batches, draw, generate, pad_left
from physlm.model.cache import Cache
from physlm.model.config import ModelConfig
from physlm.model.presets import PRESETS
from physlm.model.transformer import Transformer, init_weights
from physlm.random import generator

CAUSAL = [name for name, preset in PRESETS.items() if preset.causal]
VARIANTS: dict[str, dict[str, Any]] = {name: {"arch": name} for name in CAUSAL} | {
    "canon": {"canon": "ABCD"},
    "canon_llama": {"arch": "llama", "canon": "ABCD", "canon_residual": False},
    "quarter": {"mlp": "quarter"},
    "no_mlp": {"mlp": "none"},
    "gated": {"arch": "gpt2", "mlp": "gated"},
    "experts": {"mlp": "moe", "n_experts": 4, "top_k": 2, "eval_capacity_factor": 0.0},
    "no_positions": {"arch": "gpt2", "positions": "none"},
    "tied": {"tied": True},
    "short_reach": {"arch": "gpt2_rel", "max_distance": 3},
}
D_VOCAB, N_CTX = 19, 40


def make(**switches: Any) -> Transformer:
    """A model whose logits are far apart: no choice hangs on a rounding error.

    With tied embeddings it would mostly repeat its last token.
    """
    sizes: dict[str, Any] = {"n_layers": 2, "d_model": 32, "n_heads": 4, "tied": False}
    sizes |= {"d_vocab": D_VOCAB, "n_ctx": N_CTX, "init_std": 0.3}
    model = Transformer(ModelConfig(**sizes | switches))
    init_weights(model, 3)
    return model.eval()


def some_prompts(n: int = 9, longest: int = 14, d_vocab: int = D_VOCAB) -> list[np.ndarray]:
    rng = generator(0, "prompts")
    return [rng.integers(d_vocab, size=1 + int(rng.integers(longest))) for _ in range(n)]


def log_probs_after(model: Transformer, text: list[int]) -> np.ndarray:
    with torch.no_grad():
        return model(torch.tensor([text]))[0, -1].double().log_softmax(-1).numpy()


def greedy_choice(log_probs: np.ndarray, _: int) -> int:
    return int(log_probs.argmax())


def drawn_choice(uniforms: np.ndarray, temperature: float) -> Callable[[np.ndarray, int], int]:
    def choose(log_probs: np.ndarray, step: int) -> int:
        weights = np.exp(log_probs / temperature)
        return int((weights.cumsum() <= uniforms[step] * weights.sum()).sum())

    return choose


def plainly(
    model: Transformer,
    prompt: np.ndarray,
    choose: Callable[[np.ndarray, int], int],
    config: GenerateConfig,
) -> tuple[list[int], list[float]]:
    """One prompt, all of it read again for each token."""
    tokens, log_probs = prompt.tolist(), []
    for step in range(config.max_new_tokens):
        after = log_probs_after(model, tokens)
        tokens.append(choose(after, step))
        log_probs.append(after[tokens[-1]])
        if tokens[-1] in config.stop:
            break
    return tokens[len(prompt) :], log_probs


def same(text: Text, tokens: list[int], log_probs: list[float], stop: tuple[int, ...]) -> None:
    assert text.tokens.tolist() == tokens
    np.testing.assert_allclose(text.log_probs, log_probs, rtol=1e-4, atol=1e-4)
    assert text.log_prob == pytest.approx(sum(log_probs), rel=1e-4, abs=1e-4)
    assert text.stopped == (tokens[-1] in stop)


@pytest.mark.parametrize("variant", VARIANTS)
def test_greedy_texts_are_those_of_a_plain_loop(variant: str) -> None:
    model, prompts = make(**VARIANTS[variant]), some_prompts()
    config = GenerateConfig(max_new_tokens=12, stop=(2, 5), batch_size=4)
    for prompt, text in zip(prompts, generate(model, prompts, config), strict=True):
        same(text, *plainly(model, prompt, greedy_choice, config), config.stop)


@pytest.mark.parametrize("variant", VARIANTS)
def test_drawn_texts_are_those_of_a_plain_loop(variant: str) -> None:
    model, prompts = make(**VARIANTS[variant]), some_prompts()
    config = GenerateConfig(
        max_new_tokens=12, stop=(2, 5), sample=True, temperature=1.5, batch_size=5
    )
    for i, text in enumerate(generate(model, prompts, config, seed=7)):
        uniforms = generator(7, "generate", i).random(12)
        choose = drawn_choice(uniforms, config.temperature)
        same(text, *plainly(model, prompts[i], choose, config), config.stop)


@pytest.mark.parametrize("n_beams", [1, 3])
@pytest.mark.parametrize("sample", [False, True])
def test_a_text_does_not_depend_on_its_company(n_beams: int, sample: bool) -> None:
    model, prompts = make(), some_prompts(11)
    values: dict[str, Any] = {"max_new_tokens": 10, "stop": (2,), "sample": sample}
    values["n_beams"] = n_beams
    config = GenerateConfig(**values, batch_size=4)
    whole = generate(model, prompts, config, seed=1)
    one_by_one = generate(model, prompts, GenerateConfig(**values, batch_size=1), seed=1)
    order = [7, 0, 10, 3]
    some = generate(model, [prompts[i] for i in order], config, seed=1, ids=order)
    for i, text in enumerate(whole):
        assert text.tokens.tolist() == one_by_one[i].tokens.tolist()
        np.testing.assert_allclose(text.log_probs, one_by_one[i].log_probs, rtol=1e-4, atol=1e-4)
    for i, text in zip(order, some, strict=True):
        assert text.tokens.tolist() == whole[i].tokens.tolist()


def test_the_seed_and_the_id_name_the_random_numbers() -> None:
    model, prompt = make(), np.array([3, 1])
    config = GenerateConfig(max_new_tokens=8, sample=True, temperature=3.0)

    def write(seed: int, i: int) -> list[int]:
        return generate(model, [prompt], config, seed=seed, ids=[i])[0].tokens.tolist()

    assert write(0, 0) == write(0, 0)
    assert len({tuple(write(seed, i)) for seed in (0, 1) for i in (0, 1)}) == 4
    longer = GenerateConfig(max_new_tokens=20, sample=True)
    assert np.array_equal(draw(longer, 0, [4, 5])[:8], draw(config, 0, [4, 5]))


def test_rows_that_end_leave_the_batch() -> None:
    model, prompts = make(), some_prompts(16)
    config = GenerateConfig(max_new_tokens=12, stop=tuple(range(9)), batch_size=16)
    n_rows = []
    model.register_forward_hook(lambda _, args, __: n_rows.append(len(args[0])))
    texts = generate(model, prompts, config)
    lengths = np.array([len(text.tokens) for text in texts])
    assert 1 < lengths.min() + 1 < lengths.max(), "the prompts should end at different times"
    assert n_rows[0] == 16
    # A pass is over at most a quarter more rows than have not ended, and none comes after the last.
    alive = [(lengths > step).sum() for step in range(len(n_rows))]
    assert all(n >= a and n * 0.75 <= a for n, a in zip(n_rows, alive, strict=True))
    assert len(n_rows) == lengths.max()
    assert n_rows[-1] < 16


def test_a_stop_token_ends_a_text_and_is_part_of_it() -> None:
    model, prompts = make(), some_prompts()
    free = generate(model, prompts, GenerateConfig(max_new_tokens=10))
    assert not any(text.stopped for text in free)
    assert all(len(text.tokens) == 10 for text in free)
    for stop in range(D_VOCAB):
        config = GenerateConfig(max_new_tokens=10, stop=(stop,))
        for text, whole in zip(generate(model, prompts, config), free, strict=True):
            found = np.flatnonzero(whole.tokens == stop)
            end = int(found[0]) + 1 if len(found) else 10
            assert text.tokens.tolist() == whole.tokens[:end].tolist()
            assert text.stopped == bool(len(found))


def test_drawn_texts_have_the_models_distribution() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    model = make(d_vocab=4, n_layers=1)
    prompt, n, temperature = np.array([1, 3]), 4000, 2.0
    config = GenerateConfig(
        max_new_tokens=2, stop=(0,), sample=True, temperature=temperature, batch_size=1000
    )
    texts = generate(model, [prompt] * n, config, seed=5)
    expected: dict[tuple[int, ...], float] = {}

    def tempered(text: list[int]) -> np.ndarray:
        weights = np.exp(log_probs_after(model, text) / temperature)
        return weights / weights.sum()

    for first, p in enumerate(tempered(prompt.tolist())):
        if first == 0:
            expected[(0,)] = p
            continue
        for second, q in enumerate(tempered([*prompt.tolist(), first])):
            expected[(first, second)] = p * q
    counts = dict.fromkeys(expected, 0)
    for text in texts:
        counts[tuple(text.tokens.tolist())] += 1
    observed = np.array([counts[key] for key in expected])
    test = scipy_stats.chisquare(observed, n * np.array(list(expected.values())))
    assert test.pvalue > 0.001
    assert max(expected.values()) < 0.9


def test_tokens_without_probability_are_never_drawn() -> None:
    from physlm.evaluate.decoding import pick

    weights = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]], dtype=torch.float64)
    for uniform, token in ((0.0, 1), (0.4999, 1), (0.5, 3), (1 - 2**-53, 3)):
        assert pick(weights, torch.tensor([uniform], dtype=torch.float64)).tolist() == [token]


def test_padding_is_on_the_left_and_long_prompts_come_first() -> None:
    tokens, real = pad_left([np.array([4]), np.array([1, 2, 3])])
    assert real is not None
    assert tokens[real].tolist() == [4, 1, 2, 3]
    assert real.tolist() == [[False, False, True], [True, True, True]]
    assert pad_left([np.array([4, 1]), np.array([1, 2])])[1] is None
    assert list(batches([2, 9, 2, 5, 7], 2)) == [[1, 4], [3, 0], [2]]


def test_a_text_that_is_read_in_pieces_is_the_text() -> None:
    model = make(canon="ABCD")
    tokens = torch.tensor([[*some_prompts(1, 30)[0].tolist(), 1, 2, 3, 4, 5]])
    with torch.no_grad():
        whole, cache = model(tokens), Cache(tokens.shape[1])
        pieces = [model(part, cache=cache) for part in tokens.split([2, 1, tokens.shape[1] - 3], 1)]
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_rows", [1, 2])
def test_the_model_stays_as_it_was(n_rows: int) -> None:
    model = make().train()
    before = [(p, p.data_ptr(), p.stride(), p.detach().clone()) for p in model.parameters()]
    generate(model, some_prompts(2, 5), GenerateConfig(max_new_tokens=35, batch_size=n_rows))
    assert model.training
    for parameter, (same_one, pointer, stride, values) in zip(
        model.parameters(), before, strict=True
    ):
        assert parameter is same_one
        assert (parameter.data_ptr(), parameter.stride()) == (pointer, stride)
        assert torch.equal(parameter, values)
        assert parameter.requires_grad
    model(torch.tensor([[1, 2]])).sum().backward()
    assert generate(model, [], GenerateConfig(max_new_tokens=2)) == []


def test_mixed_precision_computes_in_it() -> None:
    model, prompts = make(), some_prompts(3)
    kinds = set()
    model.get_submodule("blocks.0.attn.qkv").register_forward_hook(
        lambda _, __, out: kinds.add(out.dtype)
    )
    texts = generate(model, prompts, GenerateConfig(max_new_tokens=3, precision="bf16"))
    assert kinds == {torch.bfloat16}
    first = [plainly(model, p, greedy_choice, GenerateConfig(max_new_tokens=1)) for p in prompts]
    for text, (_, log_probs) in zip(texts, first, strict=True):
        assert text.log_probs.dtype == np.float32
        assert text.log_probs[0] == pytest.approx(log_probs[0], abs=0.3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens=0: must be at least 1"),
        ({"n_beams": 0}, "n_beams=0: must be at least 1"),
        ({"batch_size": 0}, "batch_size=0: must be at least 1"),
        ({"sample": True, "temperature": 0.0}, "temperature=0.0: must be above 0"),
        ({"temperature": 0.5}, "temperature=0.5: must be 1 unless sample"),
        ({"length_penalty": 1.0}, "length_penalty=1.0: must be 0 unless n_beams is above 1"),
        ({"stop": (-1,)}, "stop=(-1,): must be tokens, 0 or above"),
        ({"precision": "int8"}, "precision='int8': must be one of fp32, bf16, fp16"),
    ],
)
def test_bad_settings_are_one_clear_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(GenerateConfig, {"max_new_tokens": 3} | values)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("prompts", "switches", "values", "message"),
    [
        ([[1], []], {}, {}, r"prompts\[1\]: empty, must have at least one token"),
        ([[1, 19]], {}, {}, r"prompts\[0\]: token 19, must be 0 to 18"),
        ([[1, -1]], {}, {}, r"prompts\[0\]: token -1, must be 0 to 18"),
        ([[1] * 30], {}, {}, r"prompts\[0\]: 30 tokens and max_new_tokens=11 .* n_ctx=40"),
        ([[1]], {"arch": "gbert"}, {}, "arch='gbert': only a causal model can generate"),
        ([[1]], {}, {"stop": (19,)}, r"stop=\(19,\): must be below d_vocab=19"),
    ],
)
def test_bad_prompts_are_one_clear_line(
    prompts: list, switches: dict[str, Any], values: dict[str, Any], message: str
) -> None:
    config = GenerateConfig(max_new_tokens=11, **values)
    arrays = [np.array(prompt, int) for prompt in prompts]
    with pytest.raises(ValueError, match=message):
        generate(make(**switches), arrays, config)
    assert len(generate(make(), [np.ones(29, int)], GenerateConfig(max_new_tokens=11))) == 1
    with pytest.raises(ValueError, match="ids: 1 of them, must be one for each of 2"):
        generate(make(), [np.ones(2, int)] * 2, GenerateConfig(max_new_tokens=1), ids=[0])
