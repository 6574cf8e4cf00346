"""Training V-probes, one task after the other, and what they read of test problems."""

from pathlib import Path
from typing import Any

import numpy as np

from physlm.config import ConfigError, require
from physlm.evaluate.igsm.trained import Trained
from physlm.model.transformer import init_weights
from physlm.probe.v_config import Task, VProbeConfig
from physlm.probe.v_examples import Asked, ask, n_classes, rows
from physlm.probe.v_mistakes import mistakes
from physlm.probe.v_probes import VProbe, check, logits_of, probe_nats
from physlm.probe.v_scores import Answers, record
from physlm.random import generator
from physlm.train.checkpoints import digest
from physlm.train.loop import train

# Problems in a row that may be too long for the model's context.
MOST_DRAWS = 1000


class Questions:
    """Batches of questions about fresh training problems, in the rows of v_examples.rows."""

    def __init__(self, source: Any, task: Task, n_ctx: int, config: VProbeConfig) -> None:
        self.source, self.config = source, config
        self.task: Task = task
        self.batch_size, self.n_ctx = config.batch_size, n_ctx

    def start(self) -> dict[str, int]:
        """The state before the first batch."""
        return {"taken": 0}

    def take(self, state: dict[str, int]) -> tuple[np.ndarray, dict[str, int]]:
        """The batch at `state`, [batch_size, 5, T], and the state after it.

        ConfigError if the problems are too long for the model's context.
        """
        rng = generator(self.config.seed, "v_probe", self.task, state["taken"])
        examples = [self._example(rng) for _ in range(self.batch_size)]
        return rows(examples), {"taken": state["taken"] + 1}

    def exposures(self, state: dict[str, int]) -> float:
        """Problems that were asked about, each once."""
        return float(state["taken"] * self.batch_size)

    def _example(self, rng: np.random.Generator) -> Asked:
        config = self.config
        for _ in range(MOST_DRAWS):
            op = None if config.train_ops is None else int(rng.choice(config.train_ops))
            (problem,) = self.source.problems(1, rng, op=op, split="train")
            given = ask(self.source, problem, self.task, config.population, config.n_queries, rng)
            if given.n_positions <= self.n_ctx:
                return given
        raise ConfigError(
            f"n_ctx={self.n_ctx}: the model's context must have room for a problem and a question "
            f"(it had none for {MOST_DRAWS} problems)"
        )


def tested(
    source: Any, task: Task, op: int, reask: bool, n_ctx: int, config: VProbeConfig
) -> list[Asked]:
    """Questions about the test problems of one op, the same problems for every task; those that are
    too long for the model are left out.
    """
    rng = generator(config.seed, "test", "v_probe", op, int(reask))
    found = source.problems(config.n_test, rng, op=op, split="test", reask=reask)
    rng = generator(config.seed, "test", "v_probe", op, int(reask), task)
    given = [ask(source, p, task, config.population, config.n_queries, rng) for p in found]
    return [example for example in given if example.n_positions <= n_ctx]


def probe_solver(trained: Trained, config: VProbeConfig, scratch: Path) -> dict[str, Any]:
    """Train the probes of every task and score them: the content of v_probe.json (docs/probing.md).

    Resumes from `scratch` if it was cut. ConfigError for a model or layer that cannot be probed.
    """
    model, source = trained.model, trained.source
    check(model, config.layer)
    world = trained.info["world"]
    require(world == "igsm", "world", world, "igsm for V-probes")
    weights = digest(dict(model.named_parameters()))
    if config.control == "model":
        init_weights(model, config.seed)
    probes: dict[Task, VProbe] = {}
    results: list[dict[str, Any]] = []
    for task in config.tasks:
        probe = VProbe(model, task, n_classes(task, source.config.modulus), config)
        questions = Questions(source, task, model.config.n_ctx, config)
        folder = scratch / task
        folder.mkdir(parents=True, exist_ok=True)
        train(
            probe,
            probe_nats,
            questions,
            n_steps=config.n_steps,
            config=config,
            identity={"model": weights, "task": task, "config": config.science()},
            scratch=folder,
        )
        probes[task] = probe
        results += scored(probe, questions, config)
    return {
        **trained.facts,
        "probe_seed": config.seed,
        **{key: getattr(config, key) for key in ("rank", "layer", "control", "population")},
        "n_steps_probe": config.n_steps,
        "results": results,
        "mistakes": None
        if config.mistakes is None
        else mistakes(trained, probes, config.mistakes, config.seed, config.batch_size),
    }


def scored(probe: VProbe, questions: Questions, config: VProbeConfig) -> list[dict[str, Any]]:
    """A record for each set of test problems."""
    guess, records = commonest(questions, config.n_test), []
    for reask in config.reask:
        for op in config.ops:
            examples = tested(questions.source, questions.task, op, reask, questions.n_ctx, config)
            found = {"task": questions.task, "op": op, "reask": reask}
            found |= {"n_problems": len(examples), "left_out": config.n_test - len(examples)}
            if examples:
                logits = logits_of(probe, examples, config.batch_size)
                found |= record(Answers.of(examples, logits.argmax(-1)), guess, questions.task)
            records.append(found)
    return records


def commonest(questions: Questions, n: int) -> int:
    """The commonest label about the first n training problems, or some more."""
    state, labels = questions.start(), []
    while questions.exposures(state) < n:
        batch, state = questions.take(state)
        labels.append(batch[:, 1][batch[:, 1] >= 0])
    return int(np.bincount(np.concatenate(labels)).argmax())
