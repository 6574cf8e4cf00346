"""Whether a model goes on rightly after a prefix with mistakes in it (Part 1, section 6).

Results 11 to 13: a model trained on clean strings rarely does, one that saw a share of perturbed
strings does, at low temperature. After a corrupted prefix the continuation counts as right if it
completes the prefix as it was before tokens were changed.
"""

from pathlib import Path
from typing import Any

import numpy as np

from physlm.data.grammars.perturb import corrupt
from physlm.data.grammars.strings import Strings
from physlm.evaluate.grammars.config import RobustnessConfig
from physlm.evaluate.grammars.generation import cut_at, grammatical, joined, write
from physlm.evaluate.grammars.trained import load_trained
from physlm.random import generator


def measure(folder: Path, config: RobustnessConfig) -> dict[str, Any]:
    """The content of evaluate.json (docs/grammars.md). ValueError for a masked model."""
    trained = load_trained(folder)
    tested = trained.source.draw_clean(config.n, generator(config.seed, "test", "robustness"))
    clean = cut_at(tested, config.cut)
    rng = generator(config.seed, "test", "corrupt")
    n_tokens = len(trained.source.vocabulary) - 1
    changed = list(corrupt(Strings.of(clean), n_tokens, config.rate, rng))
    nothing = [prefix[:0] for prefix in clean]
    results = []
    for temperature in config.temperatures:
        # What is given, and what is put before the continuation to be judged.
        for given, prefixes, judged in (
            ("nothing", nothing, nothing),
            ("clean", clean, clean),
            ("corrupted", changed, clean),
        ):
            texts = write(trained, prefixes, config, config.cut, temperature, given)
            whole, finished = joined(judged, texts)
            results.append(
                {
                    "given": given,
                    "temperature": temperature,
                    "n": config.n,
                    "accuracy": float(grammatical(trained, whole, finished).mean()),
                    "unfinished": float(1 - finished.mean()),
                }
            )
    n_changed = [(a != b).sum() for a, b in zip(clean, changed, strict=True)]
    settings = trained.source.config
    return {
        **trained.facts,
        "measure_seed": config.seed,
        "perturbation": settings.perturbation,
        "perturbed_share": settings.gamma,
        "perturbed_rate": settings.rate,
        "cut": config.cut,
        "rate": config.rate,
        "tokens_changed": float(np.sum(n_changed) / sum(map(len, clean))),
        "prefixes_changed": float(np.mean(np.array(n_changed) > 0)),
        "results": results,
    }
