"""What a job of each kind costs, reckoned from its settings; a step without an entry: no price."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from physlm.config import build, require
from physlm.costs import decoding, grammars, problems, v_probing
from physlm.costs.cost import CHECKPOINT_BYTES, Cost, Source, adapted, n_adapters, training
from physlm.costs.flops import forward_flops
from physlm.data.corpus import DataConfig
from physlm.data.forecast import Forecast, forecast
from physlm.evaluate.capacity import MeasureConfig
from physlm.evaluate.qa import ExamConfig
from physlm.files import read_json
from physlm.model.config import ModelConfig, ModelSettings, count_parameters
from physlm.probe.config import ProbeConfig
from physlm.train.config import PretrainConfig, StreamConfig
from physlm.train.questions import FinetuneConfig, MixedConfig

EXAM_ASSUMED = "models write answers as long as the true ones in an exam"

# measure.json; exam.json; a record of probe.json.
MEASURE_NOTES, EXAM_NOTES, PROBE_RECORD = 900, 3500, 200

# Attributes that are probed by task; tokens of a full name by tokeniser, the others' as GPT-2 has
# them on average.
PROBED = {"first": 6, "whole": 5}
NAME_TOKENS, NAME_TOKENS_BPE = {"symbols": 3, "words": 3}, 6


def data(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A corpus: tokens and bytes it will have on disk."""
    corpus = forecast(build(DataConfig, config))
    return Cost(tokens=corpus.n_tokens, kept_bytes=corpus.n_bytes, assumed=corpus.assumed)


def pretrain(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A training on the corpus `corpus`, as long as Stream.n_steps will say."""
    run, corpus = build(PretrainConfig, config), _corpus(sources["corpus"])
    steps = _windows(run.exposures, corpus, run.stream.rows * run.stream.n_ctx)
    return _new_model(run, corpus, steps)


def mixed(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A training on biographies and questions, as long as Mixed.n_steps will say."""
    run, corpus = build(MixedConfig, config), _corpus(sources["corpus"])
    windows = _windows(run.exposures, corpus, run.stream.n_ctx) / (1 - run.qa_ratio)
    return _new_model(run, corpus, max(1, round(windows / run.stream.rows)) if windows else 0)


def finetune(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A training on questions of the model `model`, as long as QaRows.n_steps will say.

    Adapters are priced as if all weights had gradients: their own part of a step is less, but the
    step goes back through the whole model. Tokens are those of padded rows.
    """
    run, corpus = build(FinetuneConfig, config), _corpus(sources["corpus"])
    base, n_attributes = _model(sources["model"], corpus), _asked(sources["corpus"], corpus)
    steps = 0
    if run.passes > 0:
        n_asked = _n_taught(sources["corpus"], corpus) * n_attributes
        steps = max(1, round(run.passes * n_asked / run.batch_size))
    trained = count_parameters(base) if run.lora is None else n_adapters(base, run.lora)
    shape = steps, run.batch_size, round(float((corpus.prompts + corpus.answers).max()))
    return training(run, base, adapted(base, run.lora), trained, shape, corpus.assumed)


def _windows(exposures: float, corpus: Forecast, n_tokens: int) -> int:
    """Pieces of so many tokens that show everybody so often, as Stream.n_steps has them."""
    if exposures <= 0:
        return 0
    return max(1, round(exposures * corpus.tokens_per_exposure / n_tokens))


def _new_model(run: PretrainConfig, corpus: Forecast, steps: int) -> Cost:
    model = run.model.resolve(corpus.d_vocab + run.masked, run.stream.n_ctx)
    shape = steps, run.stream.rows, run.stream.n_ctx
    return training(run, model, model, count_parameters(model), shape, corpus.assumed)


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


def exam(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """Every question about everybody through the model `model`, forward.

    A causal model reads each question once and each token that it writes once more per beam, and
    needs logits for those alone; a bidirectional one reads questions with their answers masked.
    """
    settings, source = build(ExamConfig, config), sources["corpus"]
    corpus = _corpus(source)
    n_attributes, n_train = _asked(source, corpus), _n_taught(source, corpus)
    model, n = _model(sources["model"], corpus), corpus.n_people
    batches = sum(-(-half // settings.batch_size) for half in (n_train, n - n_train))
    read, written = (
        n * float(part.mean(axis=0).sum()) for part in (corpus.prompts, corpus.answers)
    )
    longest, n_asked = corpus.answers.max(axis=0), n * n_attributes
    tokens = read + settings.n_beams * written
    # The EOS after an answer is written, and not read.
    logits = settings.n_beams * (written + n_asked) if model.causal else tokens
    flops = forward_flops(model, round((read + written) / n_asked))
    unembedding = flops.pop("unembedding")
    assumed = [corpus.assumed, EXAM_ASSUMED if model.causal else ""]
    return Cost(
        tokens=round(tokens),
        kept_bytes=EXAM_NOTES,
        flops=tokens * sum(flops.values()) + logits * unembedding,
        n_params=count_parameters(model),
        n_calls=batches * round(float((longest + 1).sum()) if model.causal else len(longest)),
        n_layers=model.n_layers,
        d_model=model.d_model,
        precision=settings.precision,
        threads=settings.threads,
        assumed="; ".join(text for text in assumed if text),
    )


def probe(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """Probes of the model `model`: forward and back to the embeddings for each task, then everyone
    once forward; with rank_embed 0 everyone once forward alone. The last block is counted whole,
    though it works where it is read alone.
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


def _asked(source: Source, corpus: Forecast) -> int:
    """Questions about a person; ConfigError if the corpus has none."""
    world = source.config.get("world")
    require(world == "bios", "world", world, "bios to ask questions")
    asked = corpus.prompts.size > 0
    require(asked, "settings.questions", asked, "true in a corpus to be asked about")
    return corpus.prompts.shape[1]


def _n_taught(source: Source, corpus: Forecast) -> int:
    """People of the training half (physlm.data.qa.split_of)."""
    return source.config.get("settings", {}).get("celebrities", 0) or corpus.n_people // 2


def _model(source: Source, corpus: Forecast) -> ModelConfig:
    """The model that a training leaves; that of a finetuning is its base's, with what it adds."""
    config = source.config
    if "model" not in config:
        base = _model(source.sources["model"], corpus)
        return adapted(base, build(FinetuneConfig, config).lora)
    settings = build(ModelSettings, config["model"], "model")
    stream = build(StreamConfig, config["stream"], "stream")
    return settings.resolve(corpus.d_vocab + (not settings.causal), stream.n_ctx)


def evaluate(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A measure of a model of problems, or of one of a grammar."""
    solves = config["measure"] == "reasoning"
    return (problems.reasoning if solves else grammars.evaluate)(config, sources)


COSTS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Source]], Cost]] = {
    "data": data,
    "pretrain": pretrain,
    "mixed": mixed,
    "finetune": finetune,
    "measure": measure,
    "exam": exam,
    "probe": probe,
    "fresh": grammars.fresh,
    "problems": problems.problems,
    "evaluate": evaluate,
    "tree_probe": grammars.tree_probe,
    "v_probe": v_probing.v_probe,
    "decoding": decoding.decoding,
}
