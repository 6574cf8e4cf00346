"""The model that a run starts from: newly drawn, or given."""

from pathlib import Path
from typing import Any

from physlm.config import ConfigError, require
from physlm.model.config import ModelConfig
from physlm.model.storage import load_model
from physlm.model.transformer import Transformer, init_weights
from physlm.train.checkpoints import digest
from physlm.train.config import PretrainConfig


def starting_model(
    config: PretrainConfig, manifest: dict[str, Any], folder: Path | None
) -> tuple[Transformer, dict[str, str]]:
    """The model, and what identifies the one it comes from (nothing without `folder`).

    A masked objective adds a row for the mask token to the vocabulary of the corpus (`manifest`).
    ConfigError if the model in `folder` has another architecture or vocabulary.
    """
    d_vocab = manifest["d_vocab"] + config.masked
    n_ctx = config.stream.n_ctx
    if folder is None:
        model = Transformer(config.model.resolve(d_vocab, n_ctx))
        init_weights(model, config.seed)
        return model, {}
    model, info = load_model(folder)
    context = model.config.n_ctx
    _compare(config.model.resolve(d_vocab, context), model.config, folder)
    most = f"at most {context}, the context of the model of {folder}"
    require(n_ctx <= context, "stream.n_ctx", n_ctx, most)
    same_corpus = info.get("corpus_digest") == manifest["digest"]
    vocabulary = info.get("vocabulary_digest")
    if vocabulary is None and not same_corpus:
        raise ConfigError(
            f"{folder / 'model.json'}: does not say which vocabulary the model was trained on "
            "(vocabulary_digest), so it may only go on with the corpus it had"
        )
    if vocabulary is not None and vocabulary != manifest["digests"]["vocabulary"]:
        raise ConfigError(
            f"{folder / 'model.json'}: the model was trained on another vocabulary than the corpus "
            "has, whose tokens would mean something else to it"
        )
    return model, {"base_digest": digest(dict(model.named_parameters()))}


def _compare(wanted: ModelConfig, given: ModelConfig, folder: Path) -> None:
    for key, value in vars(wanted).items():
        theirs = getattr(given, key)
        # How the weights were drawn is no matter once they are there.
        if key != "init_std":
            name = "d_vocab of the corpus" if key == "d_vocab" else f"model.{key}"
            require(value == theirs, name, value, f"{theirs!r}, as in the model of {folder}")
