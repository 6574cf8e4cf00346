"""Our transformer against the Hugging Face classes on copied weights."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from physlm.config import ConfigError
from physlm.model.config import ModelConfig
from physlm.model.huggingface import config_from_huggingface, from_huggingface, to_huggingface
from physlm.model.transformer import Transformer, init_weights
from physlm.random import torch_generator

D_VOCAB, N_CTX = 61, 40
ARCHS = ["gpt2", "gpt2_rot", "llama", "mistral", "bert"]
# Layers, width, heads, heads of keys and values (null: the preset's).
SIZES = [(1, 16, 1, None), (2, 48, 3, None), (3, 128, 4, None), (2, 320, 8, None)]
GROUPED = [(2, 96, 6, 2), (2, 60, 15, 3), (1, 64, 8, 1)]
CASES = [(arch, *size) for arch in ARCHS for size in SIZES]
CASES += [(arch, *size) for arch in ("llama", "mistral") for size in GROUPED]
# gpt2_rot, heads of 20 dims: a quarter of them is odd, and 4 are rotated.
CASES += [("gpt2_rot", 2, 60, 3, None)]


def disturb(model: torch.nn.Module) -> None:
    """Every tensor away from its initial value: zero biases and unit norms would hide mistakes."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=torch_generator(1, name))
            parameter.add_(0.1 * noise)


def make(arch: str, n_layers: int, d_model: int, n_heads: int, **switches: Any) -> Transformer:
    config = ModelConfig(
        arch=arch,
        n_layers=n_layers,
        d_model=d_model,
        n_heads=n_heads,
        d_vocab=D_VOCAB,
        n_ctx=N_CTX,
        **switches,
    )
    model = Transformer(config)
    init_weights(model, 0)
    disturb(model)
    return model.eval()


def draw_tokens(n: int = N_CTX, n_rows: int = 3) -> Tensor:
    return torch.randint(D_VOCAB, (n_rows, n), generator=torch_generator(0, "tokens"))


def draw_mask(side: str, n: int) -> Tensor:
    """Real tokens of four rows: all of them, most, few, one; padding on one side."""
    place, lengths = torch.arange(n), torch.tensor([n, n - 1, n // 3, 1])
    mask = place < lengths[:, None]
    return mask if side == "right" else mask.flip(1)


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max().clamp(min=1)


@pytest.mark.parametrize(("arch", "n_layers", "d_model", "n_heads", "n_kv_heads"), CASES)
@torch.no_grad()
def test_logits_equal_those_of_the_class(
    arch: str, n_layers: int, d_model: int, n_heads: int, n_kv_heads: int | None
) -> None:
    model = make(arch, n_layers, d_model, n_heads, n_kv_heads=n_kv_heads)
    peer = to_huggingface(model)
    for implementation in ("eager", "sdpa"):
        peer.set_attn_implementation(implementation)
        for n in (N_CTX, 23, 1):
            assert_close(model(draw_tokens(n)), peer(draw_tokens(n)).logits)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("arch", "n_layers", "d_model", "n_heads", "n_kv_heads"), CASES)
@torch.no_grad()
def test_padding_leaves_the_logits_of_the_class(
    arch: str, n_layers: int, d_model: int, n_heads: int, n_kv_heads: int | None, side: str
) -> None:
    model = make(arch, n_layers, d_model, n_heads, n_kv_heads=n_kv_heads)
    peer = to_huggingface(model)
    for implementation in ("eager", "sdpa"):
        peer.set_attn_implementation(implementation)
        for n in (N_CTX, 17):
            tokens, mask = draw_tokens(n, 4), draw_mask(side, n)
            settings = {} if side == "right" else {"position_ids": (mask.cumsum(1) - 1).clamp(0)}
            theirs = peer(tokens, attention_mask=mask.long(), **settings).logits
            assert_close(model(tokens, mask=mask)[mask], theirs[mask])
            # The padding was not read at all: any other gives the same.
            other = torch.where(mask, tokens, (tokens + 1) % D_VOCAB)
            assert_close(model(other, mask=mask)[mask], theirs[mask])


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("arch", ARCHS)
def test_export_and_import_are_exact(arch: str, tied: bool, tmp_path: Path) -> None:
    model = make(arch, 2, 96, 4, tied=tied, norm_eps=3e-6, d_mlp=50, init_std=0.03)
    with torch.no_grad():
        model.embed.weight[0] = -0.0
        if model.embed_positions is not None:
            model.embed_positions.weight[0] = -0.0
    peer = to_huggingface(model)
    peer.save_pretrained(tmp_path)
    for exported in (peer, type(peer).from_pretrained(tmp_path)):
        back = from_huggingface(exported)
        assert back.config == model.config
        for name, tensor in model.state_dict().items():
            found = back.state_dict()[name]
            assert torch.equal(tensor.view(torch.int32), found.view(torch.int32)), name
        again = to_huggingface(back).state_dict()
        assert again.keys() == peer.state_dict().keys()
        assert all(torch.equal(t, again[n]) for n, t in peer.state_dict().items())


@pytest.mark.parametrize("n_heads", [1, 3, 6, 8])
@pytest.mark.parametrize("arch", ARCHS)
def test_a_preset_comes_back_as_itself(arch: str, n_heads: int) -> None:
    """Whatever the width of a head, of which a rotated quarter may be no whole number."""
    for d_head in (4, 6, 10, 16, 20, 98):
        model = make(arch, 1, d_head * n_heads, n_heads)
        assert from_huggingface(to_huggingface(model)).config == model.config


@pytest.mark.parametrize("n_dims", [2, 4, 8, 10, 98])
@torch.no_grad()
def test_any_even_number_of_dims_can_be_rotated(n_dims: int) -> None:
    """(2 / 98) 98 is below 2 in floating point, which must not lose a dim."""
    model = make("gpt2_rot", 1, 98, 1, rotary_fraction=(n_dims + 0.5) / 98 if n_dims < 98 else 1)
    assert model.config.d_rotary == n_dims
    peer = to_huggingface(model)
    assert_close(model(draw_tokens()), peer(draw_tokens()).logits)
    assert from_huggingface(peer).config.d_rotary == n_dims


@pytest.mark.parametrize("arch", ["gpt2", "gpt2_rot", "bert"])
@torch.no_grad()
def test_a_quarter_mlp_is_a_standard_one_there(arch: str) -> None:
    model = make(arch, 2, 48, 3, mlp="quarter")
    assert model.config.d_mlp == 48
    peer = to_huggingface(model)
    assert_close(model(draw_tokens()), peer(draw_tokens()).logits)
    back = from_huggingface(peer)
    assert back.config == dataclasses.replace(model.config, mlp="standard")
    assert torch.equal(back(draw_tokens()), model(draw_tokens()))


GPT2 = {"vocab_size": D_VOCAB, "n_positions": 32, "n_embd": 48, "n_layer": 2, "n_head": 3}
OTHERS = {
    "vocab_size": D_VOCAB,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 50,
    "max_position_embeddings": 32,
}
NEOX = OTHERS | {"use_parallel_residual": False}
MISTRAL = OTHERS | {"num_key_value_heads": 1, "sliding_window": None}
PEERS = [
    ("GPT2LMHeadModel", GPT2),
    ("GPT2LMHeadModel", GPT2 | {"n_inner": 20, "activation_function": "gelu"}),
    ("GPTNeoXForCausalLM", NEOX | {"rotary_pct": 0.5}),
    ("GPTNeoXForCausalLM", NEOX | {"tie_word_embeddings": True, "rotary_emb_base": 500}),
    ("LlamaForCausalLM", OTHERS),
    ("LlamaForCausalLM", OTHERS | {"tie_word_embeddings": True, "hidden_act": "gelu_new"}),
    ("MistralForCausalLM", MISTRAL),
    ("BertForMaskedLM", OTHERS),
    ("BertForMaskedLM", OTHERS | {"type_vocab_size": 1, "hidden_act": "gelu_new"}),
    ("BertForMaskedLM", OTHERS | {"tie_word_embeddings": False}),
]


@pytest.mark.parametrize(("name", "settings"), PEERS)
@torch.no_grad()
def test_their_models_import_with_equal_logits(name: str, settings: dict[str, Any]) -> None:
    peer_class = getattr(transformers, name)
    peer = peer_class(peer_class.config_class(**settings)).eval()
    disturb(peer)
    tokens = draw_tokens(29)
    back = from_huggingface(peer)
    assert_close(back(tokens), peer(tokens).logits)
    assert_close(back(tokens), to_huggingface(back)(tokens).logits)


@torch.no_grad()
def test_a_token_type_other_than_the_first_is_not_read() -> None:
    peer = transformers.BertForMaskedLM(transformers.BertConfig(**OTHERS)).eval()
    disturb(peer)
    tokens, ours = draw_tokens(29), from_huggingface(peer)
    peer.bert.embeddings.token_type_embeddings.weight[1] += 1
    assert_close(ours(tokens), peer(tokens).logits)
    assert torch.equal(from_huggingface(peer)(tokens), ours(tokens))


LACKING = [
    ("gpt2_rot", {"norm": "rms"}, "norm='rms': must be 'layer' for GPTNeoXForCausalLM"),
    (
        "gpt2_rel",
        {},
        "positions='relative': must be 'absolute' for GPT2LMHeadModel, "
        "'rotary' for GPTNeoXForCausalLM",
    ),
    ("gpt2_pos", {}, "positions='distance': must be 'absolute' for GPT2LMHeadModel, 'rotary' for"),
    ("gpt2_uni", {}, "positions='uniform': must be 'absolute' for GPT2LMHeadModel, 'rotary' for"),
    ("gpt2", {"positions": "none"}, "positions='none': must be 'absolute' for GPT2LMHeadModel"),
    ("gpt2", {"canon": "AC"}, "canon='AC': must be '' for GPT2LMHeadModel"),
    ("llama", {"canon": "ABCD"}, "canon='ABCD': must be '' for LlamaForCausalLM, '' for Mistral"),
    ("gpt2", {"mlp": "none"}, "mlp='none': must be 'standard' or 'quarter' for GPT2LMHeadModel"),
    ("gpt2", {"mlp": "gated"}, "mlp='gated': must be 'standard' or 'quarter' for GPT2LMHeadModel"),
    (
        "gpt2_rot",
        {"mlp": "moe"},
        "mlp='moe': must be 'standard' or 'quarter' for GPTNeoXForCausalLM",
    ),
    ("llama", {"mlp": "standard"}, "mlp='standard': must be 'gated' for LlamaForCausalLM"),
    ("gpt2", {"causal": False}, "causal=False: must be True for GPT2LMHeadModel"),
    ("gbert", {}, "causal=False: must be True for GPTNeoXForCausalLM"),
    ("bert", {"causal": True}, "causal=True: must be False for BertForMaskedLM"),
    ("bert", {"head": "linear"}, "head='linear': must be 'masked' for BertForMaskedLM"),
    ("bert", {"norm_place": "pre"}, "norm_place='pre': must be 'post' for BertForMaskedLM"),
    ("deberta", {}, "positions='relative': must be 'absolute' for BertForMaskedLM"),
    ("gpt2", {"biases": False}, "biases=False: must be True for GPT2LMHeadModel"),
    ("gpt2", {"n_kv_heads": 1}, "n_kv_heads=1: must be 2 for GPT2LMHeadModel"),
    ("llama", {"rotary_fraction": 0.5}, "rotary_fraction=0.5: must be 1.0 for LlamaForCausalLM"),
    (
        "gpt2",
        {"canon": "A", "mlp": "moe"},
        "mlp='moe': must be 'standard' or 'quarter' for GPT2LMHeadModel; "
        "canon='A': must be '' for GPT2LMHeadModel",
    ),
]


@pytest.mark.parametrize(("arch", "switches", "message"), LACKING)
def test_an_export_names_the_switch_that_no_class_has(
    arch: str, switches: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        to_huggingface(make(arch, 1, 16, 2, **switches))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


REFUSED = [
    ("GPTNeoXForCausalLM", OTHERS, "use_parallel_residual=True: must be False"),
    ("GPTNeoXForCausalLM", NEOX | {"attention_bias": False}, "attention_bias=False: must be True"),
    # Heads of 16 dims: 5 dims have other frequencies, 0 dims none.
    ("GPTNeoXForCausalLM", NEOX | {"rotary_pct": 0.35}, "partial_rotary_factor=0.35: must be an"),
    ("GPTNeoXForCausalLM", NEOX | {"rotary_pct": 0.05}, "partial_rotary_factor=0.05: must be an"),
    ("GPTNeoXForCausalLM", NEOX | {"hidden_act": "relu"}, "hidden_act='relu': must be one of"),
    (
        "LlamaForCausalLM",
        OTHERS | {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}},
        "rope_type='linear': must be 'default'",
    ),
    ("LlamaForCausalLM", OTHERS | {"attention_bias": True}, "attention_bias=True: must be False"),
    ("LlamaForCausalLM", OTHERS | {"mlp_bias": True}, "mlp_bias=True: must be False"),
    ("LlamaForCausalLM", OTHERS | {"head_dim": 8}, "head_dim=8: must be hidden_size / num_att"),
    ("MistralForCausalLM", MISTRAL | {"sliding_window": 8}, "sliding_window=8: must be None"),
    (
        "GPT2LMHeadModel",
        GPT2 | {"scale_attn_by_inverse_layer_idx": True},
        "scale_attn_by_inverse_layer_idx=True: must be False",
    ),
    ("GPT2LMHeadModel", GPT2 | {"scale_attn_weights": False}, "scale_attn_weights=False: must be"),
    ("GPT2LMHeadModel", GPT2 | {"add_cross_attention": True}, "add_cross_attention=True: must be"),
    ("GPT2LMHeadModel", GPT2 | {"activation_function": "tanh"}, "activation_function='tanh': must"),
    ("BertForMaskedLM", OTHERS | {"is_decoder": True}, "is_decoder=True: must be False"),
    ("BertForMaskedLM", OTHERS | {"add_cross_attention": True}, "add_cross_attention=True: must"),
    (
        "BertForMaskedLM",
        OTHERS | {"position_embedding_type": "relative_key"},
        "position_embedding_type='relative_key': must be 'absolute' for BertForMaskedLM",
    ),
    ("BertForPreTraining", OTHERS, "class='BertForPreTraining': must be one of GPT2LMHeadModel, "),
]


@pytest.mark.parametrize(("name", "settings", "message"), REFUSED)
def test_an_import_names_what_we_lack(name: str, settings: dict[str, Any], message: str) -> None:
    config = getattr(transformers, name).config_class(**settings)
    with pytest.raises(ConfigError) as error:
        config_from_huggingface(config, name)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
