"""The Hugging Face classes of our architectures: what each is, and its names for our settings.

A class is a row of LAYOUTS: the switches that it fixes, the names of its configuration and of its
modules. How tensors change places is in physlm.model.tensors.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layout:
    """One class.

    arch: the preset that an imported model has.
    switches: our switch -> the values that the class has.
    settings: our setting -> their name of it.
    fixed: their setting -> the only value that we can express; written: what an export sets beside.
    outer: our module -> theirs with the same tensors; several of theirs are one of ours, or copies
        of it. inner: the same of a block, relative to `block`.
    transposed: weights in blocks are [inputs, outputs]; by_head: rows of qkv go by head first.
    """

    arch: str
    switches: dict[str, tuple[Any, ...]]
    settings: dict[str, str]
    fixed: dict[str, Any]
    written: dict[str, Any]
    outer: dict[str, tuple[str, ...]]
    block: str
    inner: dict[str, tuple[str, ...]]
    transposed: bool = False
    by_head: bool = False


# An MLP of a quarter of the size is an MLP: d_mlp is a number in every class.
_SWITCHES: dict[str, tuple[Any, ...]] = {
    "causal": (True,),
    "positions": ("rotary",),
    "norm": ("layer",),
    "norm_place": ("pre",),
    "mlp": ("standard", "quarter"),
    "canon": ("",),
    "biases": (True,),
    "head": ("linear",),
}
_LLAMA_SWITCHES = _SWITCHES | {
    "rotary_fraction": (1.0,),
    "norm": ("rms",),
    "mlp": ("gated",),
    "biases": (False,),
}
_BERT_SWITCHES = _SWITCHES | {
    "causal": (False,),
    "positions": ("absolute",),
    "norm_place": ("post",),
    "head": ("masked",),
}
_SETTINGS = {
    "n_layers": "num_hidden_layers",
    "d_model": "hidden_size",
    "n_heads": "num_attention_heads",
    "d_mlp": "intermediate_size",
    "d_vocab": "vocab_size",
    "n_ctx": "max_position_embeddings",
    "activation": "hidden_act",
    "norm_eps": "layer_norm_eps",
    "tied": "tie_word_embeddings",
    "init_std": "initializer_range",
}
_GPT2_SETTINGS = _SETTINGS | {
    "n_layers": "n_layer",
    "d_model": "n_embd",
    "n_heads": "n_head",
    "d_mlp": "n_inner",
    "n_ctx": "n_positions",
    "activation": "activation_function",
    "norm_eps": "layer_norm_epsilon",
}
_LLAMA_SETTINGS = _SETTINGS | {"norm_eps": "rms_norm_eps", "n_kv_heads": "num_key_value_heads"}
_WRITTEN = {"bos_token_id": None, "eos_token_id": None}
_LLAMA_OUTER = {
    "embed": ("model.embed_tokens",),
    "norm": ("model.norm",),
    "unembed": ("lm_head",),
}
_LLAMA_INNER = {
    "norm_attn": ("input_layernorm",),
    "attn.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attn.out": ("self_attn.o_proj",),
    "norm_mlp": ("post_attention_layernorm",),
    "mlp.up": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.down": ("mlp.down_proj",),
}
_BERT_INNER = {
    "attn.qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attn.out": ("attention.output.dense",),
    "norm_attn": ("attention.output.LayerNorm",),
    "mlp.up": ("intermediate.dense",),
    "mlp.down": ("output.dense",),
    "norm_mlp": ("output.LayerNorm",),
}

LAYOUTS = {
    "GPT2LMHeadModel": Layout(
        arch="gpt2",
        switches=_SWITCHES | {"positions": ("absolute",)},
        settings=_GPT2_SETTINGS,
        fixed={
            "scale_attn_weights": True,
            "scale_attn_by_inverse_layer_idx": False,
            "add_cross_attention": False,
        },
        written=_WRITTEN | {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
        outer={
            "embed": ("transformer.wte",),
            "embed_positions": ("transformer.wpe",),
            "norm": ("transformer.ln_f",),
            "unembed": ("lm_head",),
        },
        block="transformer.h",
        inner={
            "norm_attn": ("ln_1",),
            "attn.qkv": ("attn.c_attn",),
            "attn.out": ("attn.c_proj",),
            "norm_mlp": ("ln_2",),
            "mlp.up": ("mlp.c_fc",),
            "mlp.down": ("mlp.c_proj",),
        },
        transposed=True,
    ),
    "GPTNeoXForCausalLM": Layout(
        arch="gpt2_rot",
        switches=_SWITCHES,
        settings=_SETTINGS,
        fixed={"use_parallel_residual": False, "attention_bias": True},
        written=_WRITTEN,
        outer={
            "embed": ("gpt_neox.embed_in",),
            "norm": ("gpt_neox.final_layer_norm",),
            "unembed": ("lm_head",),
        },
        block="gpt_neox.layers",
        inner={
            "norm_attn": ("input_layernorm",),
            "attn.qkv": ("attention.query_key_value",),
            "attn.out": ("attention.dense",),
            "norm_mlp": ("post_attention_layernorm",),
            "mlp.up": ("mlp.dense_h_to_4h",),
            "mlp.down": ("mlp.dense_4h_to_h",),
        },
        by_head=True,
    ),
    "LlamaForCausalLM": Layout(
        arch="llama",
        switches=_LLAMA_SWITCHES,
        settings=_LLAMA_SETTINGS,
        fixed={"attention_bias": False, "mlp_bias": False},
        written=_WRITTEN,
        outer=_LLAMA_OUTER,
        block="model.layers",
        inner=_LLAMA_INNER,
    ),
    "MistralForCausalLM": Layout(
        arch="mistral",
        switches=_LLAMA_SWITCHES,
        settings=_LLAMA_SETTINGS,
        fixed={"sliding_window": None},
        written=_WRITTEN,
        outer=_LLAMA_OUTER,
        block="model.layers",
        inner=_LLAMA_INNER,
    ),
    "BertForMaskedLM": Layout(
        arch="bert",
        switches=_BERT_SWITCHES,
        settings=_SETTINGS,
        fixed={
            "is_decoder": False,
            "add_cross_attention": False,
            "position_embedding_type": "absolute",
        },
        written=_WRITTEN
        | {
            "pad_token_id": None,
            "type_vocab_size": 2,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        outer={
            "embed": ("bert.embeddings.word_embeddings",),
            # Every token of ours is of their type 0.
            "embed_positions": (
                "bert.embeddings.position_embeddings",
                "bert.embeddings.token_type_embeddings",
            ),
            "norm": ("bert.embeddings.LayerNorm",),
            "head.transform": ("cls.predictions.transform.dense",),
            "head.norm": ("cls.predictions.transform.LayerNorm",),
            # The bias of the decoder is the one that they add.
            "head": ("cls.predictions.decoder", "cls.predictions"),
            "unembed": ("cls.predictions.decoder",),
        },
        block="bert.encoder.layer",
        inner=_BERT_INNER,
    ),
}
