"""Generation speed against Hugging Face's `generate` with GPT2LMHeadModel.

Both continue the same prompts greedily with the same `gpt2` weights, in turns, and must write the
same tokens. Each side has a process of its own with one thread and is timed in CPU seconds, which
other programs on the machine disturb little. A ratio is ours to theirs in the same turn; the table
gives its median and range over the turns.

    python benchmarks/generation.py

In the rows with stop tokens the texts of a batch end at different times; only tokens up to the end
of a text are counted.
"""

import argparse
import contextlib
import functools
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import transformers

from physlm.evaluate.generation import GenerateConfig, generate
from physlm.model.config import ModelConfig, count_parameters
from physlm.model.huggingface import to_huggingface
from physlm.model.transformer import Transformer, init_weights
from physlm.random import generator

N_PROMPT = 16
BATCHES = (1, 64)


@dataclass(frozen=True)
class Size:
    """A model, how much it writes (after one prompt, after a batch of them), and how often."""

    n_layers: int
    d_model: int
    n_heads: int
    d_vocab: int
    n_new: tuple[int, int]
    n_turns: int

    def config(self) -> ModelConfig:
        """Weights so large that no choice hangs on a rounding error."""
        return ModelConfig(
            arch="gpt2",
            n_layers=self.n_layers,
            d_model=self.d_model,
            n_heads=self.n_heads,
            d_vocab=self.d_vocab,
            n_ctx=N_PROMPT + max(self.n_new),
            tied=False,
            init_std=2 / self.d_model**0.5,
        )


SIZES = {
    "30K": Size(2, 32, 2, 100, n_new=(200, 100), n_turns=9),
    "1M": Size(5, 128, 4, 1000, n_new=(100, 100), n_turns=7),
    "10M": Size(6, 384, 6, 1000, n_new=(60, 60), n_turns=5),
    "85M": Size(12, 768, 12, 1000, n_new=(60, 24), n_turns=3),
}


@dataclass(frozen=True)
class Case:
    """A size, a batch, and whether texts end by themselves."""

    size: str
    batch_size: int
    stops: bool

    @property
    def n_new(self) -> int:
        return SIZES[self.size].n_new[self.batch_size > 1]

    @property
    def stop(self) -> tuple[int, ...]:
        """So many of the tokens that a text has half the tokens it might have, or so."""
        return tuple(range(2 * SIZES[self.size].d_vocab // self.n_new)) if self.stops else ()

    def prompts(self) -> np.ndarray:
        rng = generator(0, "prompts", self.size)
        return rng.integers(SIZES[self.size].d_vocab, size=(self.batch_size, N_PROMPT))


@functools.cache
def model_of(size: str) -> Transformer:
    """The model both sides have."""
    model = Transformer(SIZES[size].config())
    init_weights(model, 0)
    return model.eval()


@functools.cache
def peer_of(size: str) -> transformers.GPT2LMHeadModel:
    """The same as Hugging Face has it."""
    return to_huggingface(model_of(size))


def ours(case: Case) -> list[list[int]]:
    """The new tokens, as physlm writes them."""
    config = GenerateConfig(max_new_tokens=case.n_new, stop=case.stop)
    return [text.tokens.tolist() for text in generate(model_of(case.size), case.prompts(), config)]


def theirs(case: Case) -> list[list[int]]:
    """The new tokens, as Hugging Face writes them."""
    prompts = torch.from_numpy(case.prompts())
    tokens = peer_of(case.size).generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=case.n_new,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=list(case.stop) or None,
    )
    return [cut(row, case.stop) for row in tokens[:, N_PROMPT:].tolist()]


def cut(tokens: list[int], stop: tuple[int, ...]) -> list[int]:
    """Tokens up to the first that stops."""
    ends = [i for i, token in enumerate(tokens) if token in stop]
    return tokens[: ends[0] + 1] if ends else tokens


SIDES: dict[str, Callable[[Case], list[list[int]]]] = {"ours": ours, "theirs": theirs}


def measure(side: str, case: Case) -> tuple[float, list[list[int]]]:
    """CPU seconds and the texts; runs in the process of that side."""
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    # The model is made and the first allocations happen before the clock starts.
    SIDES[side](Case(case.size, 1, case.stops))
    start = time.process_time()
    texts = SIDES[side](case)
    return time.process_time() - start, texts


def compare(case: Case, workers: dict[str, Executor]) -> str:
    """A row of the table."""
    size, pairs, n_tokens = SIZES[case.size], [], 0
    for turn in range(size.n_turns):
        order = ("ours", "theirs") if turn % 2 else ("theirs", "ours")
        found = {side: workers[side].submit(measure, side, case).result() for side in order}
        assert found["ours"][1] == found["theirs"][1], f"{case}: the texts differ"
        n_tokens = sum(map(len, found["ours"][1]))
        pairs.append((found["ours"][0], found["theirs"][0]))
    ratios = [b / a for a, b in pairs]
    rates = [n_tokens / min(side) for side in zip(*pairs, strict=True)]
    return (
        f"| {case.size} | {count_parameters(size.config()):,} | {case.batch_size} "
        f"| {'yes' if case.stops else 'no'} | {n_tokens} | {rates[0]:.0f} | {rates[1]:.0f} "
        f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} "
        f"| {len(ratios)} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    sizes = parser.parse_args().sizes
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, one thread\n")
    print(
        "| size | parameters | batch | stop tokens | tokens | ours, tokens/s | theirs, tokens/s "
        "| ratio, median | ratio, range | turns |\n" + "|---" * 10 + "|"
    )
    spawn = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        workers: dict[str, Executor] = {
            side: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for side in SIDES
        }
        for name in sizes:
            cases = [Case(name, batch_size, False) for batch_size in BATCHES]
            for case in [*cases, Case(name, BATCHES[-1], True)]:
                print(compare(case, workers), flush=True)


if __name__ == "__main__":
    main()
