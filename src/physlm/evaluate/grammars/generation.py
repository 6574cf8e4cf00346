"""What a model of a grammar writes: is it right, is it varied, is it as likely as it should be.

Part 1, section 4 (Results 1 to 3). A cut is what is given of a fresh string of the grammar; the
model goes on by sampling at temperature 1 until EOS, and given and written part together must be a
string of the grammar.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
import torch

from physlm.data.fresh import EOS, seen_share
from physlm.data.grammars.chart import score
from physlm.data.grammars.divergence import divergence, loss_gap
from physlm.data.grammars.next_tokens import next_rows_of
from physlm.data.grammars.strings import Strings
from physlm.data.grammars.viterbi import most_likely
from physlm.evaluate.generation import GenerateConfig, Text, generate
from physlm.evaluate.grammars.config import GenerationConfig, GrammarMeasure
from physlm.evaluate.grammars.trained import Trained, load_trained, rows_of
from physlm.random import generator


def measure(folder: Path, config: GenerationConfig) -> dict[str, Any]:
    """The content of evaluate.json (docs/grammars.md). ValueError for a masked model."""
    trained = load_trained(folder)
    source = trained.source
    tested = source.draw_clean(config.n, generator(config.seed, "test", "generation"))
    cuts, free, kept = [], [], Strings.of([])
    for cut in config.cuts:
        prefixes = cut_at(tested, cut)
        texts = write(trained, prefixes, config, cut)
        whole, finished = joined(prefixes, texts)
        right = grammatical(trained, whole, finished)
        cuts.append(
            {
                "cut": cut,
                "n": config.n,
                "accuracy": float(right.mean()),
                "unfinished": float(1 - finished.mean()),
                "wrong_finished": float((finished & ~right).mean()),
            }
        )
        if cut == 0:
            free = texts
            kept = Strings.of([whole[i] for i in np.flatnonzero(right).tolist()])
    n_seen = trained.info["texts"]
    return {
        **trained.facts,
        "measure_seed": config.seed,
        "cuts": cuts,
        "seen_in_training": seen_share(trained.stream(), n_seen, tested),
        "entropy": entropies(trained, free, tested),
        "divergence": divergences(trained, tested, config),
        "distinct": distinct(trained, kept, tested, config.n_trees),
    }


def cut_at(strings: Strings, cut: float) -> list[np.ndarray]:
    """The first part of each string: `cut` tokens, or that share of them; never all of them."""
    parts = []
    for string in strings:
        n = int(cut * len(string)) if cut < 1 else min(int(cut), len(string) - 1)
        parts.append(string[:n])
    return parts


def write(
    trained: Trained,
    prefixes: Sequence[np.ndarray],
    config: GrammarMeasure,
    cut: float,
    temperature: float = 1.0,
    purpose: str = "",
) -> list[Text]:
    """What the model writes after EOS and each prefix, up to what its context has room for."""
    prompts = [np.concatenate([[EOS], prefix]).astype(np.int64) for prefix in prefixes]
    room = trained.model.config.n_ctx - max(map(len, prompts))
    settings = GenerateConfig(
        max_new_tokens=room,
        stop=(EOS,),
        sample=True,
        temperature=temperature,
        batch_size=config.batch_size,
    )
    # Texts after different cuts, temperatures or prefixes are drawn independently.
    name = f"{purpose}/{cut}/{temperature}"
    seed = int(generator(config.seed, "write", name).integers(2**31))
    return generate(trained.model, prompts, settings, seed)


def joined(prefixes: Sequence[np.ndarray], texts: Sequence[Text]) -> tuple[Strings, np.ndarray]:
    """Prefixes with what was written after them, without EOS; which texts ended, [n] bool."""
    finished = np.array([text.stopped for text in texts])
    whole = [
        np.concatenate([prefix, text.tokens[: len(text.tokens) - text.stopped]])
        for prefix, text in zip(prefixes, texts, strict=True)
    ]
    return Strings.of(whole), finished


def grammatical(trained: Trained, whole: Strings, finished: np.ndarray) -> np.ndarray:
    """Which of the strings ended and are of the grammar, [n] bool."""
    right = np.zeros(len(whole), bool)
    # An empty string is of no grammar, and what has not ended need not be looked at.
    asked = np.flatnonzero(finished & (whole.lengths > 0)).tolist()
    if asked:
        scores = score(
            trained.source.grammar, Strings.of([whole[i] for i in asked]), trained.source.emission
        )
        right[asked] = scores.grammatical
    return right


def entropies(trained: Trained, texts: Sequence[Text], tested: Strings) -> dict[str, float]:
    """Entropy of a string in bits: of the model, by what it wrote, and of the grammar, by `tested`;
    with standard errors.
    """
    model = np.array([-text.log_prob for text in texts]) / np.log(2)
    truth = -score(trained.source.grammar, tested, trained.source.emission).log2_prob
    return {
        "model_bits": float(model.mean()),
        "model_error_bits": float(model.std(ddof=1) / len(model) ** 0.5),
        "truth_bits": float(truth.mean()),
        "truth_error_bits": float(truth.std(ddof=1) / len(truth) ** 0.5),
    }


def divergences(trained: Trained, tested: Strings, config: GenerationConfig) -> dict[str, Any]:
    """Of the model's next-token distribution from the exact one, mean over all places of the first
    n_rows strings, EOS after the string included; nats.
    """
    some = Strings.of([tested[i] for i in range(min(config.n_rows, len(tested)))])
    exact = next_rows_of(trained.source.grammar, some, trained.source.emission)
    found = np.concatenate(
        [
            next_log_probs(trained, Strings.of([some[i] for i in range(start, stop)]))
            for start, stop in _spans(len(some), config.batch_size)
        ]
    )
    return {
        "n_strings": len(some),
        "n_rows": len(exact),
        "kl_nats": divergence(exact, np.exp(found)),
        "gap_nats": loss_gap(exact, np.exp(found)),
        "exact_nats": float(scipy.special.entr(exact).sum(1).mean()),
    }


def next_log_probs(trained: Trained, strings: Strings) -> np.ndarray:
    """The model's log probabilities of what comes next, nats, at all places of all strings laid end
    to end, before the first token and after the last included: [N + n, V + 1] float64.
    """
    rows, real = rows_of(strings, ending=False)
    where = next(trained.model.parameters()).device
    with torch.no_grad():
        logits = trained.model(torch.from_numpy(rows).to(where))
    log_probs = logits.double().log_softmax(-1).cpu().numpy()
    return log_probs[real]


def distinct(trained: Trained, written: Strings, tested: Strings, n_trees: int) -> dict[str, Any]:
    """How many different rows of symbols each depth has, in the likeliest trees of as many strings
    that the model wrote (right ones alone) and that the grammar gives. Depth L - 1: the strings.
    """
    n = min(n_trees, len(written))
    found: dict[str, Any] = {"n": n}
    for name, strings in (("model", written), ("truth", tested)):
        rows: list[set[tuple[int, ...]]] = [set() for _ in range(trained.source.grammar.n_levels)]
        for i in range(n):
            tree, _ = most_likely(trained.source.grammar, strings[i], trained.source.emission)
            level = [tree]
            for seen in rows:
                seen.add(tuple(node.symbol for node in level))
                level = [child for node in level for child in node.children]
        found[name] = [len(seen) for seen in rows]
    return found


def _spans(n: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, n)) for start in range(0, n, size)]
