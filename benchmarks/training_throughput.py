"""Training speed of our loop beside two peers, on the same model, batch and optimiser.

    python benchmarks/training_throughput.py                 30K, 1M and 10M parameters
    python benchmarks/training_throughput.py --sizes 85M 350M --precision bf16 --compiled

The peers are the Hugging Face Trainer with GPT2LMHeadModel (from our initial weights) and a plain
eager GPT in the manner of nanoGPT (benchmarks/plain_gpt.py); --compiled adds torch.compile of ours
and of the plain one. All train the `gpt2` preset with fused AdamW, in turns, each side in a process
of its own, as its users would have, so that what one does to the allocator does not help another.
Ours draws its windows from the corpus while it trains, the others find their tokens in memory.

One thread of a CPU is timed in CPU seconds, which other programs on the machine disturb little;
several threads and GPUs in wall seconds. A ratio is a peer's time to ours in the same turn; the
table gives its median and range over the turns. The share of the peak is that of the FLOPs of
physlm.costs (products and full attention) in the rate of a large matrix product, measured in the
same process before each turn.
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

import numpy as np
import torch
import transformers
from plain_gpt import PlainGpt
from plain_gpt import train as train_plainly

from physlm.config import build
from physlm.costs.flops import training_flops
from physlm.data import corpus as corpora
from physlm.data.stream import Stream
from physlm.model.config import count_parameters
from physlm.model.huggingface import to_huggingface
from physlm.model.transformer import Transformer, init_weights
from physlm.train.config import PretrainConfig
from physlm.train.loop import train
from physlm.train.losses import mean_nats

# Steps before the clock starts: allocations and imports of the first ones are nobody's speed.
N_WARM = 3
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


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


CPU_SIZES = {
    "30K": Size(2, 32, 2, batch_size=8, n_ctx=80, n_steps=250, n_turns=7),
    "1M": Size(5, 128, 4, batch_size=8, n_ctx=128, n_steps=20, n_turns=5),
    "10M": Size(6, 384, 6, batch_size=4, n_ctx=128, n_steps=6, n_turns=3),
    "85M": Size(12, 768, 12, batch_size=2, n_ctx=128, n_steps=3, n_turns=3),
}
GPU_SIZES = {
    "30K": Size(2, 32, 2, batch_size=64, n_ctx=128, n_steps=300, n_turns=3),
    "1M": Size(5, 128, 4, batch_size=96, n_ctx=512, n_steps=100, n_turns=3),
    "10M": Size(6, 384, 6, batch_size=96, n_ctx=512, n_steps=60, n_turns=3),
    "85M": Size(12, 768, 12, batch_size=96, n_ctx=512, n_steps=30, n_turns=3),
    "350M": Size(24, 1024, 16, batch_size=48, n_ctx=512, n_steps=20, n_turns=3),
}
GPU = torch.cuda.is_available()
SIZES = GPU_SIZES if GPU else CPU_SIZES


@dataclass(frozen=True)
class Setting:
    """What all sides share beside the size."""

    threads: int
    precision: str


class Clock:
    """Times the steps after the first N_WARM."""

    def __init__(self, setting: Setting) -> None:
        self.now = time.process_time if setting.threads == 1 and not GPU else time.perf_counter
        self.steps, self.start, self.end = 0, 0.0, 0.0

    def tick(self) -> None:
        """Called where a step begins, and once at the end."""
        if GPU and (self.steps <= N_WARM):
            torch.cuda.synchronize()
        self.end = self.now()
        if self.steps == N_WARM:
            self.start = self.end
        self.steps += 1

    def finish(self) -> None:
        """The end of the last step."""
        if GPU:
            torch.cuda.synchronize()
        self.tick()

    def seconds_per_step(self) -> float:
        return (self.end - self.start) / (self.steps - 1 - N_WARM)


class Ticks(transformers.TrainerCallback):
    """Ticks where a step of the Trainer begins and where training ends."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.clock.tick()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.clock.finish()


def settings(size: Size, setting: Setting, **more: Any) -> PretrainConfig:
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
        "precision": setting.precision,
        "threads": setting.threads,
        "checkpoint_every_s": 1e9,
    }
    return build(PretrainConfig, values | more)


def fresh(config: PretrainConfig, d_vocab: int) -> Transformer:
    """The model all sides start from."""
    model = Transformer(config.model.resolve(d_vocab, config.stream.n_ctx))
    init_weights(model, config.seed)
    return model


def ours(size: Size, corpus: corpora.Corpus, clock: Clock, setting: Setting, **more: Any) -> None:
    """Our loop, with its stream, schedule, metrics and checks."""
    config = settings(size, setting, **more)
    stream = Stream(corpus, 0, size.n_ctx, size.batch_size)

    def loss(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
        clock.tick()
        return mean_nats(model, tokens)

    model = fresh(config, corpus.manifest["d_vocab"])
    with tempfile.TemporaryDirectory() as scratch:
        train(model, loss, stream, size.n_steps + N_WARM, config, {}, Path(scratch))
    clock.finish()


def ours_compiled(size: Size, corpus: corpora.Corpus, clock: Clock, setting: Setting) -> None:
    """The same with torch.compile."""
    ours(size, corpus, clock, setting, compile=True)


def trainer(size: Size, corpus: corpora.Corpus, clock: Clock, setting: Setting) -> None:
    """The Hugging Face Trainer, told to do no more than that."""
    config = settings(size, setting)
    peer = to_huggingface(fresh(config, corpus.manifest["d_vocab"])).train()
    windows = [
        torch.from_numpy(row)
        for row in _tokens(corpus, size).reshape(-1, size.n_ctx).astype("int64")
    ]
    optimiser = config.optimiser
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            use_cpu=not GPU,
            bf16=setting.precision == "bf16",
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
            dataloader_pin_memory=GPU,
        )
        data: Any = [{"input_ids": window, "labels": window} for window in windows]
        transformers.Trainer(
            model=peer, args=arguments, train_dataset=data, callbacks=[Ticks(clock)]
        ).train()


def plain(
    size: Size, corpus: corpora.Corpus, clock: Clock, setting: Setting, compiled: bool = False
) -> None:
    """The page of eager code."""
    d_vocab = corpus.manifest["d_vocab"]
    model = PlainGpt(size.n_layers, size.d_model, size.n_heads, d_vocab, size.n_ctx)
    model.to("cuda" if GPU else "cpu")
    if compiled:
        model.compile()
    train_plainly(
        model,
        _tokens(corpus, size),
        size.n_steps + N_WARM,
        (size.batch_size, size.n_ctx),
        1e-3,
        DTYPES[setting.precision],
        clock.tick,
    )
    clock.finish()


def plain_compiled(size: Size, corpus: corpora.Corpus, clock: Clock, setting: Setting) -> None:
    """The same with torch.compile."""
    plain(size, corpus, clock, setting, compiled=True)


def _tokens(corpus: corpora.Corpus, size: Size) -> np.ndarray:
    """As many tokens of the stream as all steps take, flat."""
    stream = Stream(corpus, 0, size.n_ctx, size.batch_size)
    state, rows = stream.start(), []
    for _ in range(size.n_steps + N_WARM):
        batch, state = stream.take(state)
        rows.append(batch[:, :-1].reshape(-1))
    return np.concatenate(rows)


Side = Callable[[Size, corpora.Corpus, Clock, Setting], None]
SIDES: dict[str, Side] = {"ours": ours, "Trainer": trainer, "plain": plain}
COMPILED: dict[str, Side] = {"ours compiled": ours_compiled, "plain compiled": plain_compiled}


def peak_flops(setting: Setting) -> float:
    """The rate of a large matrix product, FLOP/s: the best of some twenty."""
    device, n = ("cuda", 8192) if GPU else ("cpu", 1024)
    a, b = (torch.ones(n, n, device=device, dtype=DTYPES[setting.precision]) for _ in range(2))
    clock = Clock(setting)
    best = float("inf")
    for _ in range(20):
        if GPU:
            torch.cuda.synchronize()
        start = clock.now()
        torch.mm(a, b)
        if GPU:
            torch.cuda.synchronize()
        best = min(best, clock.now() - start)
    return 2 * n**3 / best


def measure(side: str, name: str, folder: str, setting: Setting) -> tuple[float, float]:
    """Seconds of a step and the peak rate just before; runs in the process of that side."""
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(setting.threads)
    clock, peak = Clock(setting), peak_flops(setting)
    with contextlib.redirect_stdout(io.StringIO()):
        (SIDES | COMPILED)[side](SIZES[name], corpora.load(folder), clock, setting)
    return clock.seconds_per_step(), peak


def compare(name: str, folder: str, workers: dict[str, Executor], setting: Setting) -> list[str]:
    """The rows of the table for one size, a side each."""
    size, sides = SIZES[name], list(workers)
    turns: list[dict[str, float]] = []
    peaks: list[float] = []
    for turn in range(size.n_turns):
        order = sides[turn % len(sides) :] + sides[: turn % len(sides)]
        times = {}
        for side in order:
            job = workers[side].submit(measure, side, name, folder, setting)
            times[side], peak = job.result()
            peaks.append(peak)
        turns.append(times)
    d_vocab = corpora.load(folder).manifest["d_vocab"]
    config = settings(size, setting).model.resolve(d_vocab, size.n_ctx)
    n_tokens = size.batch_size * size.n_ctx
    flops = n_tokens * training_flops(config, size.n_ctx)
    shape = f"{size.batch_size} x {size.n_ctx}"
    lines = []
    for side in sides:
        best = min(times[side] for times in turns)
        ratios = [times[side] / times["ours"] for times in turns]
        lines.append(
            f"| {name} | {count_parameters(config):,} | {shape} | {setting.threads} | {side} "
            f"| {1e3 * best:.2f} | {n_tokens / best:,.0f} "
            f"| {flops / best / max(peaks):.0%} of {max(peaks) / 1e9:,.0f} GFLOP/s "
            f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} "
            f"| {len(ratios)} |"
        )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=[*SIZES][:3])
    parser.add_argument("--precision", choices=DTYPES, default="fp32")
    parser.add_argument("--compiled", action="store_true", help="with torch.compile as well")
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    where = torch.cuda.get_device_name() if GPU else f"{cores} cores"
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    print(f"{versions}, {where}, {arguments.precision}\n")
    print(
        "| size | parameters | batch | threads | side | ms/step | tokens/s | of the peak "
        "| time to ours, median | range | turns |\n" + "|---" * 11 + "|"
    )
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        values = {"world": "biod", "seed": 0, "n_people": 20000 if GPU else 1000}
        corpora.build(folder, build(corpora.DataConfig, values))
        workers: dict[str, Executor] = {
            side: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn))
            for side in (SIDES | COMPILED if arguments.compiled else SIDES)
        }
        for name in arguments.sizes:
            several = name == "10M" and cores > 1 and not GPU
            for threads in [1, cores] if several else [1]:
                setting = Setting(threads, arguments.precision)
                print("\n".join(compare(name, folder, workers, setting)), flush=True)


if __name__ == "__main__":
    main()
