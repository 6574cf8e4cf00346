"""What a job of each kind costs, reckoned from its settings; a step without an entry: no price."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from physlm.config import build
from physlm.costs.flops import forward_flops, training_flops
from physlm.data.corpus import DataConfig
from physlm.data.forecast import Forecast, forecast
from physlm.evaluate.capacity import MeasureConfig
from physlm.files import read_json
from physlm.model.config import ModelConfig, count_parameters
from physlm.probe.config import ProbeConfig
from physlm.train.config import PretrainConfig

# Weights stay in fp32 at every precision; a checkpoint to resume from has Adam's two moments too,
# and while a new one is written the old one is still there.
WEIGHT_BYTES, CHECKPOINT_BYTES = 4, 2 * 3 * 4

# model.json and metrics.jsonl (some 200 records) of a training; measure.json; a record of
# probe.json.
TRAINING_NOTES, MEASURE_NOTES, PROBE_RECORD = 30_000, 900, 200

# Attributes that are probed by task; tokens of a full name by tokeniser, the others' as GPT-2 has
# them on average.
PROBED = {"first": 6, "whole": 5}
NAME_TOKENS, NAME_TOKENS_BPE = {"symbols": 3, "words": 3}, 6


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one job costs.

    tokens: trained on, scored, or written (data). n_calls: updates, or batches scored. kept_bytes
    stay; scratch_bytes more are needed while it runs. assumed: what was taken for granted.
    """

    tokens: int
    kept_bytes: int
    scratch_bytes: int = 0
    flops: float = 0.0
    n_params: int | None = None
    n_calls: int = 0
    n_layers: int = 0
    d_model: int = 0
    precision: str = "fp32"
    threads: int = 1
    backward: bool = False
    assumed: str = ""


@dataclass(frozen=True)
class Source:
    """The job behind an input role: its settings, and its folder if what is there is valid."""

    config: Mapping[str, Any]
    folder: str | None


def data(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A corpus: tokens and bytes it will have on disk."""
    corpus = forecast(build(DataConfig, config))
    return Cost(tokens=corpus.n_tokens, kept_bytes=corpus.n_bytes, assumed=corpus.assumed)


def pretrain(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A training on the corpus `corpus`, as long as Stream.n_steps will say."""
    run, corpus = build(PretrainConfig, config), _corpus(sources["corpus"])
    n_ctx, rows = run.stream.n_ctx, run.stream.rows
    model = run.model.resolve(corpus.d_vocab, n_ctx)
    n_params, steps = count_parameters(model), 0
    if run.exposures > 0:
        steps = max(1, round(run.exposures * corpus.tokens_per_exposure / (rows * n_ctx)))
    tokens = steps * rows * n_ctx
    return Cost(
        tokens=tokens,
        kept_bytes=n_params * WEIGHT_BYTES + TRAINING_NOTES,
        scratch_bytes=n_params * CHECKPOINT_BYTES if steps else 0,
        flops=tokens * training_flops(model, n_ctx),
        n_params=n_params,
        n_calls=steps,
        n_layers=model.n_layers,
        d_model=model.d_model,
        precision=run.precision,
        threads=run.threads,
        backward=True,
        assumed=corpus.assumed,
    )


def measure(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """One text of everybody through the model `model`, in whole windows, forward and in fp32."""
    settings, corpus = build(MeasureConfig, config), _corpus(sources["corpus"])
    model = _model(sources["model"], corpus)
    windows, positions = corpus.n_windows(model.n_ctx), model.n_ctx - 1
    tokens = windows * positions
    return Cost(
        tokens=tokens,
        kept_bytes=MEASURE_NOTES,
        flops=tokens * sum(forward_flops(model, positions).values()),
        n_params=count_parameters(model),
        n_calls=-(-windows // settings.batch_size),
        n_layers=model.n_layers,
        d_model=model.d_model,
        threads=settings.threads,
        assumed=corpus.assumed,
    )


def probe(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """Probes of the model `model`: forward and back to the embeddings for each task, then everyone
    once forward; with rank_embed 0 everyone once forward alone.
    """
    run, corpus = build(ProbeConfig, config), _corpus(sources["corpus"])
    model = _model(sources["model"], corpus)
    tasks, texts = sum(PROBED[name] for name in run.tasks), corpus.n_people
    if run.kind == "p":
        texts, places = texts * corpus.entries_per_person, 6
        length = round(corpus.lengths.max())
    else:
        tokenizer = sources["corpus"].config["settings"].get("tokenizer", "words")
        length, places = 2 + NAME_TOKENS.get(tokenizer, NAME_TOKENS_BPE), 1
    rows, trained = texts, 0
    if run.rank_embed:
        rows, trained = texts * tasks, run.n_steps * run.batch_size * tasks
    parts = forward_flops(model, length)
    forward = sum(parts.values()) - parts["unembedding"]
    # Forward, back to what came in, and back to both factors of the products in attention.
    both = 2 * forward + parts["attention"]
    n_probed = tasks * run.rank_embed * (model.d_vocab + model.d_model)
    return Cost(
        tokens=(rows + trained) * length,
        kept_bytes=400 + tasks * places * PROBE_RECORD,
        scratch_bytes=n_probed * CHECKPOINT_BYTES,
        flops=length * (rows * forward + trained * both),
        n_params=count_parameters(model),
        n_calls=run.n_steps,
        n_layers=model.n_layers,
        d_model=model.d_model,
        precision=run.precision,
        threads=run.threads,
        backward=bool(run.rank_embed),
        assumed=corpus.assumed,
    )


def _corpus(source: Source) -> Forecast:
    """The corpus of a data job: forecast, and as its manifest says where that is there."""
    corpus = forecast(build(DataConfig, source.config))
    path = Path(source.folder or "", "manifest.json")
    if source.folder is None or not path.exists():
        return corpus
    manifest = read_json(path)
    known = {key: manifest[key] for key in ("d_vocab", "tokens_per_pass")}
    return replace(corpus, **known, assumed="")


def _model(source: Source, corpus: Forecast) -> ModelConfig:
    run = build(PretrainConfig, source.config)
    return run.model.resolve(corpus.d_vocab, run.stream.n_ctx)


COSTS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Source]], Cost]] = {
    "data": data,
    "pretrain": pretrain,
    "measure": measure,
    "probe": probe,
}
