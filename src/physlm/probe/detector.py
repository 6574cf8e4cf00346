"""A detector of mistakes that is trained: a V-probe of can_next (Part 2.2, section 3)."""

from collections.abc import Sequence
from pathlib import Path

from physlm.evaluate.igsm.regret import Detector, Draft, last_name
from physlm.evaluate.igsm.trained import Trained
from physlm.probe.v_config import VProbeConfig
from physlm.probe.v_examples import Query, asking, by_name
from physlm.probe.v_probes import VProbe, check, logits_of, probe_nats
from physlm.probe.v_probing import Questions
from physlm.train.checkpoints import digest
from physlm.train.loop import train


def questions_of(trained: Trained, config: VProbeConfig) -> Questions:
    """What the probe is trained on: can_next, of any world that has `needs` and a solution."""
    return Questions(trained.source, "can_next", trained.model.config.n_ctx, config)


def trained_probe(trained: Trained, config: VProbeConfig, scratch: Path) -> VProbe:
    """The probe, trained; resumes from `scratch` if it was cut. ConfigError for a model that
    V-probes cannot read.
    """
    check(trained.model, config.layer)
    weights = digest(dict(trained.model.named_parameters()))
    probe = VProbe(trained.model, "can_next", 2, config)
    scratch.mkdir(parents=True, exist_ok=True)
    train(
        probe,
        probe_nats,
        questions_of(trained, config),
        n_steps=config.n_steps,
        config=config,
        identity={"model": weights, "config": config.science()},
        scratch=scratch,
    )
    return probe


def by_probe(trained: Trained, probe: VProbe, size: int) -> Detector:
    """A detector that asks the probe, behind the text before the sentence; size: texts at once.

    What the problem does not have cannot be asked about, and is refused. A sentence that cannot be
    read is kept, and so is one for whose question the context has no room.
    """
    source, n_ctx = trained.source, trained.model.config.n_ctx

    def keeps(drafts: Sequence[Draft]) -> list[bool]:
        kept, given, places = [True] * len(drafts), [], []
        for i, draft in enumerate(drafts):
            name = last_name(source, draft)
            if name is None:
                continue
            parameter = by_name(source, draft.test.problem).get(name)
            kept[i] = parameter is not None
            if parameter is not None:
                text = draft.text[: len(draft.test.prompt) + draft.start]
                asked = asking(
                    source, draft.test.problem, text, [Query(parameter, None, len(text), 0)]
                )
                if asked.n_positions <= n_ctx:
                    given.append(asked)
                    places.append(i)
        if given:
            yes = logits_of(probe, given, size).argmax(-1) == 1
            for i, good in zip(places, yes.tolist(), strict=True):
                kept[i] = good
        return kept

    return keeps
