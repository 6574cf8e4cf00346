"""Training speed of our loop against the Hugging Face Trainer with GPT2LMHeadModel.

Both train the same `gpt2` model from the same weights on the same windows with the same batch,
fused AdamW, learning rates and precision, in turns. Each side has a process of its own, as its
users would have, so what one does to the allocator does not help the other. Ours draws its windows
from the corpus while it trains; the Trainer finds them ready in memory.

    python benchmarks/training_throughput.py

One thread is timed in CPU seconds, which other programs on the machine disturb little, several
threads in wall seconds. A ratio is ours to theirs in the same turn; the table gives its median and
range over the turns.
"""

import argparse
import contextlib
import io
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from physlm.config import build
from physlm.data import corpus as corpora
from physlm.data.stream import Stream
from physlm.model.config import count_parameters
from physlm.model.huggingface import to_huggingface
from physlm.model.transformer import Transformer, init_weights, loss_nats
from physlm.train.config import PretrainConfig
from physlm.train.loop import train

# Steps before the clock starts: allocations and imports of the first ones are nobody's speed.
N_WARM = 3


@dataclass(frozen=True)
class Size:
    """A model and a batch, and how long to time it."""

    n_layers: int
    d_model: int
    n_heads: int
    batch_size: int
    n_ctx: int
    n_steps: int
    n_turns: int


SIZES = {
    "30K": Size(2, 32, 2, batch_size=8, n_ctx=80, n_steps=250, n_turns=7),
    "1M": Size(5, 128, 4, batch_size=8, n_ctx=128, n_steps=20, n_turns=5),
    "10M": Size(6, 384, 6, batch_size=4, n_ctx=128, n_steps=6, n_turns=3),
}


class Clock:
    """Times the steps after the first N_WARM."""

    def __init__(self, threads: int) -> None:
        self.now = time.process_time if threads == 1 else time.perf_counter
        self.steps, self.start, self.end = 0, 0.0, 0.0

    def tick(self) -> None:
        """Called where a step begins, and once at the end."""
        self.end = self.now()
        if self.steps == N_WARM:
            self.start = self.end
        self.steps += 1

    def seconds_per_step(self) -> float:
        return (self.end - self.start) / (self.steps - 1 - N_WARM)


class Ticks(transformers.TrainerCallback):
    """Ticks where a step of the Trainer begins and where training ends."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.clock.tick()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.clock.tick()


def settings(size: Size) -> PretrainConfig:
    """One learning rate after another, no clipping, no checkpoints."""
    values = {
        "seed": 0,
        "model": {
            "arch": "gpt2",
            "n_layers": size.n_layers,
            "d_model": size.d_model,
            "n_heads": size.n_heads,
        },
        "stream": {"n_ctx": size.n_ctx, "batch_size": size.batch_size},
        "exposures": 1,
        "optimiser": {"lr_peak": 1e-3, "weight_decay": 0.01},
        "schedule": {"warmup_steps": 2, "final_ratio": 0.0},
        "checkpoint_every_s": 1e9,
    }
    return build(PretrainConfig, values)


def fresh(config: PretrainConfig, d_vocab: int) -> Transformer:
    """The model both sides start from."""
    model = Transformer(config.model.resolve(d_vocab, config.stream.n_ctx))
    init_weights(model, config.seed)
    return model


def ours(size: Size, corpus: corpora.Corpus, clock: Clock) -> None:
    """Our loop, with its stream, schedule, metrics and checks."""
    config = settings(size)
    stream = Stream(corpus, 0, size.n_ctx, size.batch_size)

    def loss(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
        clock.tick()
        return loss_nats(model, tokens)

    model = fresh(config, corpus.manifest["d_vocab"])
    with tempfile.TemporaryDirectory() as scratch:
        train(model, loss, stream, size.n_steps + N_WARM, config, {}, Path(scratch))
    clock.tick()


def theirs(size: Size, corpus: corpora.Corpus, clock: Clock) -> None:
    """The Trainer, told to do no more than that."""
    config = settings(size)
    stream = Stream(corpus, 0, size.n_ctx, size.batch_size)
    state, windows = stream.start(), []
    for _ in range(size.n_steps + N_WARM):
        batch, state = stream.take(state)
        windows += [torch.from_numpy(row[:-1]) for row in batch]
    peer = to_huggingface(fresh(config, corpus.manifest["d_vocab"])).train()
    optimiser = config.optimiser
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            use_cpu=True,
            max_steps=size.n_steps + N_WARM,
            per_device_train_batch_size=size.batch_size,
            learning_rate=optimiser.lr_peak,
            lr_scheduler_type="cosine",
            warmup_steps=config.schedule.warmup_steps,
            optim="adamw_torch_fused",
            weight_decay=optimiser.weight_decay,
            adam_beta1=optimiser.betas[0],
            adam_beta2=optimiser.betas[1],
            adam_epsilon=optimiser.eps,
            max_grad_norm=0.0,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        data: Any = [{"input_ids": window, "labels": window} for window in windows]
        transformers.Trainer(
            model=peer, args=arguments, train_dataset=data, callbacks=[Ticks(clock)]
        ).train()


SIDES: dict[str, Callable[[Size, corpora.Corpus, Clock], None]] = {"ours": ours, "theirs": theirs}


def measure(side: str, name: str, folder: str, threads: int) -> float:
    """Milliseconds for a step; runs in the process of that side."""
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    clock = Clock(threads)
    with contextlib.redirect_stdout(io.StringIO()):
        SIDES[side](SIZES[name], corpora.load(folder), clock)
    return clock.seconds_per_step() * 1e3


def compare(name: str, threads: int, folder: str, workers: dict[str, Executor]) -> str:
    """A row of the table."""
    size = SIZES[name]
    pairs = []
    for turn in range(size.n_turns):
        times = {
            side: workers[side].submit(measure, side, name, folder, threads).result()
            for side in (("ours", "theirs") if turn % 2 else ("theirs", "ours"))
        }
        pairs.append((times["ours"], times["theirs"]))
    ratios = [b / a for a, b in pairs]
    d_vocab = corpora.load(folder).manifest["d_vocab"]
    config = settings(size).model.resolve(d_vocab, size.n_ctx)
    best = [min(side) for side in zip(*pairs, strict=True)]
    rate = size.batch_size * size.n_ctx / best[0]
    return (
        f"| {name} | {count_parameters(config):,} | {size.batch_size} x {size.n_ctx} | {threads} "
        f"| {best[0]:.2f} | {best[1]:.2f} | {rate:.1f} | {statistics.median(ratios):.2f} "
        f"| {min(ratios):.2f} to {max(ratios):.2f} | {len(ratios)} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    sizes = parser.parse_args().sizes
    cores = os.cpu_count() or 1
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {cores} cores\n")
    print(
        "| size | parameters | batch | threads | ours, ms/step | Trainer, ms/step "
        "| ours, tokens/ms | ratio, median | ratio, range | turns |\n" + "|---" * 10 + "|"
    )
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        values = {"world": "biod", "seed": 0, "n_people": 1000}
        corpora.build(folder, build(corpora.DataConfig, values))
        workers: dict[str, Executor] = {
            side: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for side in SIDES
        }
        for name in sizes:
            for threads in [1, cores] if name == "10M" and cores > 1 else [1]:
                print(compare(name, threads, folder, workers), flush=True)


if __name__ == "__main__":
    main()
