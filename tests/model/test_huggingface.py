"""Our transformer against the Hugging Face classes on copied weights."""

import builtins
from typing import Any

import pytest
import torch

from physlm.config import ConfigError
from physlm.model.config import ModelConfig
from physlm.model.huggingface import from_huggingface, to_huggingface
from physlm.model.transformer import Transformer, init_weights
from physlm.random import torch_generator

transformers = pytest.importorskip("transformers")

SIZES = [(1, 16, 1), (2, 48, 3), (3, 128, 4), (2, 320, 8)]


def make(arch: str, n_layers: int, d_model: int, n_heads: int, **switches: Any) -> Transformer:
    config = ModelConfig(
        arch=arch,
        n_layers=n_layers,
        d_model=d_model,
        n_heads=n_heads,
        d_vocab=61,
        n_ctx=40,
        **switches,
    )
    model = Transformer(config)
    init_weights(model, 0)
    with torch.no_grad():
        # Every tensor away from its initial value: zero biases and unit norms would hide mistakes.
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=torch_generator(1, name))
            parameter.add_(0.1 * noise)
    return model.eval()


@pytest.mark.parametrize(("n_layers", "d_model", "n_heads"), SIZES)
@pytest.mark.parametrize("arch", ["gpt2", "gpt2_rot", "llama", "mistral"])
def test_logits_equal_those_of_the_class(
    arch: str, n_layers: int, d_model: int, n_heads: int
) -> None:
    model = make(arch, n_layers, d_model, n_heads)
    peer = to_huggingface(model)
    tokens = torch.randint(61, (3, 40), generator=torch_generator(0, "tokens"))
    with torch.no_grad():
        ours, theirs = model(tokens), peer(tokens).logits
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max().clamp(min=1)


@pytest.mark.parametrize("arch", ["gpt2", "gpt2_rot", "llama", "mistral"])
def test_export_and_import_are_exact(arch: str) -> None:
    model = make(arch, 2, 96, 4)
    peer = to_huggingface(model)
    back = from_huggingface(peer)
    assert back.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name]), name
    again = to_huggingface(back).state_dict()
    assert all(torch.equal(t, again[n]) for n, t in peer.state_dict().items())


def test_their_fresh_model_imports_with_equal_logits() -> None:
    config = transformers.GPTNeoXConfig(
        vocab_size=31,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=100,
        max_position_embeddings=32,
        use_parallel_residual=False,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    peer = transformers.GPTNeoXForCausalLM(config).eval()
    tokens = torch.arange(30).view(2, 15)
    with torch.no_grad():
        difference = from_huggingface(peer)(tokens) - peer(tokens).logits
    assert difference.abs().max() <= 1e-5


def test_what_no_class_has_is_refused() -> None:
    mixed = make("gpt2_rot", 1, 16, 1, norm="rms")
    with pytest.raises(ConfigError, match="no Hugging Face class has these switches"):
        to_huggingface(mixed)
    config = transformers.GPTNeoXConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    with pytest.raises(ConfigError, match="use_parallel_residual=True: must be False"):
        from_huggingface(transformers.GPTNeoXForCausalLM(config))


def test_without_transformers_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "transformers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install 'physlm\[hub\]'"):
        to_huggingface(make("gpt2", 1, 16, 1))
