"""The kinds of jobs: what each reads and writes, what checks its settings, which code it runs.

A step is added here, with a rule in workflow/rules and a stage in dvc.yaml. Imports nothing heavy:
every start of Snakemake reads this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from physlm.config import require
from physlm.train.config import EXECUTION

Config = Mapping[str, Any]
RUN_FOLDER = "results/{tier}/{family}/{step}/{run}"


def _no_parts(config: Config, upstream: Mapping[str, Config]) -> list[str]:
    return []


def _needs_nothing(config: Config) -> list[str]:
    return []


@dataclass(frozen=True)
class Step:
    """One kind of job.

    module: run as `python -m module SPEC --out DIR --scratch DIR`.
    outputs: names of the files it leaves in `folder`; `{figure}` stands for config.figure.
    folder: where, a pattern of tier, family, step and run.
    settings: "module:Class", the dataclass that checks the config (importable without torch).
    parts: (config, {input role: config of its step}) -> modules it imports by name at run time.
    execution: names of settings that say how a job is carried out, not what it computes; they are
        given under `execution` in params.yaml and are no part of a job's key.
    needs: config -> files outside the repository that the job cannot do without.
    reads: input role -> the files of it that count; a role that is not named counts whole.
    distributed: it can run as several processes, one for each device, started by Accelerate.
    git: outputs are small and committed in git; the others are kept by DVC.
    """

    module: str
    outputs: tuple[str, ...]
    settings: str | None
    folder: str = RUN_FOLDER
    parts: Callable[[Config, Mapping[str, Config]], list[str]] = _no_parts
    execution: tuple[str, ...] = ()
    needs: Callable[[Config], list[str]] = _needs_nothing
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    distributed: bool = False
    git: bool = False


def _listed(worlds: Mapping[str, str], config: Config) -> list[str]:
    """The module of the world of a job."""
    world = config.get("world")
    require(world in worlds, "world", world, f"one of {', '.join(sorted(worlds))}")
    return [worlds[str(world)]]


def _world(config: Config) -> list[str]:
    from physlm.data.world import WORLDS

    return _listed(WORLDS, config)


def _own_world(config: Config, upstream: Mapping[str, Config]) -> list[str]:
    return _world(config)


def _tokenizer(config: Config) -> list[str]:
    file = config.get("settings", {}).get("tokenizer_file")
    return [file] if file else []


def _corpus_world(config: Config, upstream: Mapping[str, Config]) -> list[str]:
    require("corpus" in upstream, "inputs", sorted(upstream), "given, with the role corpus")
    return _world(upstream["corpus"])


def _figure(config: Config, upstream: Mapping[str, Config]) -> list[str]:
    return [f"physlm.figures.{config.get('figure')}"]


def _texts(config: Config, upstream: Mapping[str, Config]) -> list[str]:
    from physlm.data.fresh import WORLDS

    return _listed(WORLDS, config)


def _problems(config: Config, upstream: Mapping[str, Config]) -> list[str]:
    from physlm.data.problems import WORLDS

    return _listed(WORLDS, config)


def _model_problems(config: Config, upstream: Mapping[str, Config]) -> list[str]:
    require("model" in upstream, "inputs", sorted(upstream), "given, with the role model")
    return _problems(upstream["model"], {})


def _measure(config: Config, upstream: Mapping[str, Config]) -> list[str]:
    from physlm.data.problems import WORLDS
    from physlm.evaluate.config import module_of

    world = upstream.get("model", {}).get("world")
    # The measures of grammars name theirs themselves.
    worlds = [WORLDS[world]] if world in WORLDS else []
    return [module_of(str(config.get("measure"))), *worlds]


CORPUS = (
    "manifest.json",
    "profiles.npy",
    "vocabulary.json",
    "train_tokens.npy",
    "train_offsets.npy",
    "train_person.npy",
    "eval_tokens.npy",
    "eval_offsets.npy",
    "eval_person.npy",
    "eval_kinds.npy",
)

MODEL = ("model.safetensors", "model.json")

STEPS: dict[str, Step] = {
    "data": Step(
        module="physlm.steps.data",
        outputs=CORPUS,
        settings="physlm.data.corpus:DataConfig",
        parts=_own_world,
        needs=_tokenizer,
    ),
    "pretrain": Step(
        module="physlm.steps.pretrain",
        outputs=(*MODEL, "metrics.jsonl"),
        settings="physlm.train.config:PretrainConfig",
        parts=_corpus_world,
        execution=EXECUTION,
        # metrics.jsonl tells how the training before went, not what it left.
        reads={"model": MODEL},
        distributed=True,
    ),
    "finetune": Step(
        module="physlm.steps.finetune",
        outputs=(*MODEL, "metrics.jsonl"),
        settings="physlm.train.questions:FinetuneConfig",
        parts=_corpus_world,
        execution=EXECUTION,
        reads={"model": MODEL},
        distributed=True,
    ),
    "mixed": Step(
        module="physlm.steps.mixed",
        outputs=(*MODEL, "metrics.jsonl"),
        settings="physlm.train.questions:MixedConfig",
        parts=_corpus_world,
        execution=EXECUTION,
        distributed=True,
    ),
    "fresh": Step(
        module="physlm.steps.fresh",
        outputs=(*MODEL, "metrics.jsonl"),
        settings="physlm.train.fresh:FreshConfig",
        parts=_texts,
        execution=EXECUTION,
        distributed=True,
    ),
    "problems": Step(
        module="physlm.steps.problems",
        outputs=(*MODEL, "metrics.jsonl"),
        settings="physlm.train.problems:ProblemsConfig",
        parts=_problems,
        execution=(*EXECUTION, "workers"),
        reads={"model": MODEL},
        distributed=True,
    ),
    "measure": Step(
        module="physlm.steps.measure",
        outputs=("measure.json",),
        settings="physlm.evaluate.capacity:MeasureConfig",
        parts=_corpus_world,
        reads={"model": MODEL},
    ),
    "exam": Step(
        module="physlm.steps.exam",
        outputs=("exam.json",),
        settings="physlm.evaluate.qa:ExamConfig",
        parts=_corpus_world,
        reads={"model": MODEL},
    ),
    "probe": Step(
        module="physlm.steps.probe",
        outputs=("probe.json",),
        settings="physlm.probe.config:ProbeConfig",
        parts=_corpus_world,
        execution=EXECUTION,
        reads={"model": MODEL},
    ),
    "evaluate": Step(
        module="physlm.steps.evaluate",
        outputs=("evaluate.json",),
        settings="physlm.evaluate.config:EvaluateConfig",
        parts=_measure,
        reads={"model": MODEL},
    ),
    "tree_probe": Step(
        module="physlm.steps.tree_probe",
        outputs=("tree_probe.json",),
        settings="physlm.probe.trees_config:TreeProbeConfig",
        execution=EXECUTION,
        reads={"model": MODEL},
    ),
    "v_probe": Step(
        module="physlm.steps.v_probe",
        outputs=("v_probe.json",),
        settings="physlm.probe.v_config:VProbeConfig",
        parts=_model_problems,
        execution=EXECUTION,
        reads={"model": MODEL},
    ),
    "decoding": Step(
        module="physlm.steps.decoding",
        outputs=("decoding.json",),
        settings="physlm.probe.regret_config:DecodingConfig",
        parts=_model_problems,
        execution=EXECUTION,
        reads={"model": MODEL},
    ),
    "table": Step(
        module="physlm.steps.table",
        outputs=("{figure}.csv",),
        settings="physlm.figures.base:FigureConfig",
        folder="results/{tier}/{family}",
        parts=_figure,
        git=True,
    ),
    "figure": Step(
        module="physlm.steps.figure",
        outputs=("{figure}.pdf", "{figure}.png"),
        settings="physlm.figures.base:FigureConfig",
        folder="results/{tier}/figures",
        parts=_figure,
        git=True,
    ),
    "claims": Step(
        module="physlm.steps.claims",
        outputs=("claims.csv",),
        settings="physlm.claims:ClaimsConfig",
        folder="results/{tier}",
        git=True,
    ),
}
