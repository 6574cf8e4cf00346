"""Beam search, with and without sampling, as Hugging Face's `generate` has it.

At each step the n texts of a prompt have n V continuations. Of these, K = n max(2, 1 + stop tokens)
candidates are taken: the most likely, or, when sampling, K drawn without replacement from the
softmax of (log probabilities of the whole texts) / temperature. In order of log probability, those
among the first n that end (by a stop token, or at max_new_tokens) are finished texts, of which the
n best scores are remembered; the first n that do not end are the next texts. A prompt is done when
it has n finished texts and its best running one, ending now, would score below all of them. The
finished text with the best score is the answer.

Drawn candidates are put in order before they are used, as Hugging Face did before the rewrite of
its pull request 35802; since then those may finish that happen to be drawn first.

Shapes: B prompts, N beams (1 at first, then n), K candidates, L max_new_tokens, V vocabulary.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from physlm.evaluate.decoding import any_of, begin, pick
from physlm.evaluate.generation import Text

if TYPE_CHECKING:
    from physlm.evaluate.generation import GenerateConfig
    from physlm.model.transformer import Transformer

_NEVER = float("-inf")


@dataclass
class Best:
    """The best finished text of each prompt, and the scores of its n best (-inf: none yet)."""

    tokens_BL: Tensor
    log_probs_BL: Tensor
    lengths_B: Tensor
    scores_BN: Tensor


@dataclass
class Running:
    """The texts of each prompt that still go on, best first, and their log probabilities."""

    tokens_BNL: Tensor
    log_probs_BNL: Tensor
    sums_BN: Tensor


def search(
    model: "Transformer",
    tokens: np.ndarray,
    real: np.ndarray | None,
    uniforms: np.ndarray | None,
    config: "GenerateConfig",
) -> list[Text]:
    """The best text of each prompt; uniforms [L, B, n_drawn] to sample; inside `evaluating`."""
    decoder, logits = begin(model, tokens, real, config.max_new_tokens)
    device, n_prompts = decoder.device, len(tokens)
    stop = torch.tensor(config.stop, device=device)
    uniform_TBK = None if uniforms is None else torch.from_numpy(uniforms).to(device)
    shape = (n_prompts, config.max_new_tokens)
    best = Best(
        torch.zeros(shape, dtype=torch.long, device=device),
        torch.zeros(shape, device=device),
        torch.zeros(n_prompts, dtype=torch.long, device=device),
        torch.full((n_prompts, config.n_beams), _NEVER, device=device),
    )
    running = Running(
        torch.zeros(n_prompts, 1, shape[1], dtype=torch.long, device=device),
        torch.zeros(n_prompts, 1, shape[1], device=device),
        torch.zeros(n_prompts, 1, device=device),
    )
    prompts = torch.arange(n_prompts, device=device)
    for step in range(1, config.max_new_tokens + 1):
        uniform_BK = None if uniform_TBK is None else uniform_TBK[step - 1, prompts]
        log_prob_BNV = logits.log_softmax(-1).view(*running.sums_BN.shape, -1)
        parents, going = _step(running, log_prob_BNV, uniform_BK, step, stop, config)
        _finish(best, prompts, going, step, config)
        n_next = min(config.n_beams, parents.shape[1])
        sums, chosen = going.sums_BN.masked_fill(going.ended_BN, _NEVER).topk(n_next)
        if step == config.max_new_tokens:
            break
        worst = best.scores_BN[prompts, -1]
        open_rows = (sums[:, 0] / step**config.length_penalty > worst).nonzero()[:, 0]
        if len(open_rows) == 0:
            break
        prompts, chosen = prompts[open_rows], chosen[open_rows]
        width = running.sums_BN.shape[1]
        flat = open_rows[:, None] * width + parents[open_rows].gather(1, chosen)
        running = _take(going, open_rows, chosen, sums)
        decoder.select(flat.flatten())
        logits = decoder.read(running.tokens_BNL[:, :, step - 1].reshape(-1, 1))
    return _texts(best, config.stop)


@dataclass
class _Candidates(Running):
    """Running texts with one token more, in order of log probability; which of them have ended."""

    ended_BN: Tensor


def _step(
    running: Running,
    log_prob_BNV: Tensor,
    uniform_BK: Tensor | None,
    step: int,
    stop: Tensor,
    config: "GenerateConfig",
) -> tuple[Tensor, _Candidates]:
    """The candidates of this step and the running text that each continues, [B, K]."""
    n_vocab = log_prob_BNV.shape[2]
    sums_BM = (running.sums_BN[:, :, None] + log_prob_BNV).flatten(1)
    n_candidates = min(config.n_drawn, sums_BM.shape[1])
    if uniform_BK is None:
        sums, index = sums_BM.topk(n_candidates)
    else:
        index, sums = draw_some(sums_BM, uniform_BK[:, :n_candidates], config.temperature)
    parents, tokens = index // n_vocab, index % n_vocab
    every = parents[:, :, None].expand(-1, -1, config.max_new_tokens)
    tokens_BKL = running.tokens_BNL.gather(1, every)
    log_probs_BKL = running.log_probs_BNL.gather(1, every)
    tokens_BKL[:, :, step - 1] = tokens
    log_probs_BKL[:, :, step - 1] = log_prob_BNV.flatten(1).gather(1, index)
    ended = any_of(tokens, stop) if len(stop) else torch.zeros_like(tokens, dtype=torch.bool)
    if step == config.max_new_tokens:
        ended = torch.ones_like(ended)
    return parents, _Candidates(tokens_BKL, log_probs_BKL, sums, ended)


def draw_some(sums_BM: Tensor, uniform_BK: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """K different indices of each row, drawn one after another from softmax(sums / temperature).

    In order of their sums, which come second; where fewer than K have any probability, the rest
    have -inf.
    """
    weights = (sums_BM.double() / temperature).softmax(-1)
    drawn = []
    for uniform_B in uniform_BK.unbind(1):
        index = pick(weights, uniform_B)[:, None]
        there = weights.gather(1, index) > 0
        drawn.append((index, sums_BM.gather(1, index).masked_fill(~there, _NEVER)))
        weights = weights.scatter(1, index, 0.0)
    index, sums = (torch.cat(parts, 1) for parts in zip(*drawn, strict=True))
    sums, order = sums.sort(descending=True, stable=True)
    return index.gather(1, order), sums


def _finish(
    best: Best, prompts: Tensor, going: _Candidates, step: int, config: "GenerateConfig"
) -> None:
    """Remember what ended among the first n candidates."""
    n = min(config.n_beams, going.sums_BN.shape[1])
    scores = going.sums_BN[:, :n] / step**config.length_penalty
    scores = scores.masked_fill(~going.ended_BN[:, :n], _NEVER)
    top, place = scores.max(1)
    old = best.scores_BN[prompts]
    better = (top > old[:, 0]).nonzero()[:, 0]
    best.scores_BN[prompts] = torch.cat([old, scores], 1).topk(config.n_beams).values
    rows, place = prompts[better], place[better]
    best.tokens_BL[rows] = going.tokens_BNL[better, place]
    best.log_probs_BL[rows] = going.log_probs_BNL[better, place]
    best.lengths_B[rows] = step


def _take(going: _Candidates, rows: Tensor, chosen: Tensor, sums: Tensor) -> Running:
    at = rows[:, None]
    return Running(going.tokens_BNL[at, chosen], going.log_probs_BNL[at, chosen], sums[rows])


def _texts(best: Best, stop: tuple[int, ...]) -> list[Text]:
    tokens, log_probs = best.tokens_BL.cpu().numpy(), best.log_probs_BL.cpu().numpy()
    rows = zip(tokens, log_probs, best.lengths_B.tolist(), strict=True)
    return [Text(t[:n].copy(), p[:n].copy(), n > 0 and int(t[n - 1]) in stop) for t, p, n in rows]
