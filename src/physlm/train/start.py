"""The model that a run starts from: newly drawn, or given."""

from pathlib import Path
from typing import Any

from physlm.config import ConfigError
from physlm.model.config import ModelConfig
from physlm.model.storage import load_model
from physlm.model.transformer import Transformer, init_weights
from physlm.train.checkpoints import digest
from physlm.train.config import PretrainConfig

# Fields of a model's configuration in which a run may differ from the model that it goes on from:
# how weights were drawn once, and a longest context of which a run may use a part (checked apart).
FREE = ("init_std", "n_ctx")


def starting_model(
    config: PretrainConfig, manifest: dict[str, Any], folder: Path | None
) -> tuple[Transformer, dict[str, str]]:
    """The model, and what identifies the one it comes from (nothing without `folder`).

    A masked objective adds a row for the mask token to the vocabulary of the corpus (`manifest`).
    ConfigError if the model in `folder` has another architecture or vocabulary.
    """
    d_vocab = manifest["d_vocab"] + config.masked
    wanted = config.model.resolve(d_vocab, config.stream.n_ctx)
    if folder is None:
        model = Transformer(wanted)
        init_weights(model, config.seed)
        return model, {}
    model, info = load_model(folder)
    _compare(wanted, model.config, folder)
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
        if key not in FREE and theirs != value:
            name = "d_vocab of the corpus" if key == "d_vocab" else f"model.{key}"
            raise ConfigError(f"{name}={value!r}: must be {theirs!r}, as in the model of {folder}")
    if wanted.n_ctx > given.n_ctx:
        raise ConfigError(
            f"stream.n_ctx={wanted.n_ctx}: must be at most {given.n_ctx}, the context of the model "
            f"of {folder}"
        )
