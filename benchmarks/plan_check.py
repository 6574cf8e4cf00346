"""What `physlm plan --on cpu` says of a training, against the training itself.

For each size the price is reckoned from the settings alone, with the matrix-product peak of this
machine, and the one loop then trains for some steps on a real corpus. Both are told per update.

    python benchmarks/plan_check.py

One thread, timed in CPU seconds, which other programs on the machine disturb little. A turn
measures the peak and then every size; the ratio is predicted to measured in the same turn, and the
table gives its median and range over the turns. About three minutes.
"""

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from physlm.config import build
from physlm.costs.accelerators import ACCELERATORS, CPU, measured_rate
from physlm.costs.steps import COSTS, Cost, Source
from physlm.data import corpus as corpora
from physlm.data.stream import Stream
from physlm.model.transformer import Transformer, init_weights, loss_nats
from physlm.train.config import PretrainConfig
from physlm.train.loop import train

# Steps before the clock starts.
N_WARM = 2

DATA = {
    "biod": {"world": "biod", "seed": 0, "n_people": 20_000, "settings": {}},
    "bios": {"world": "bios", "seed": 0, "n_people": 20_000, "settings": {}},
}


@dataclass(frozen=True)
class Size:
    """A training and how many of its steps to time."""

    world: str
    arch: str
    n_layers: int
    d_model: int
    n_heads: int
    batch_size: int
    n_ctx: int
    n_steps: int


# From the runs of the laptop tier to the papers' GPT2-12-12.
SIZES = {
    "8K": Size("biod", "gpt2_rot", 2, 16, 4, batch_size=16, n_ctx=10, n_steps=400),
    "30K": Size("biod", "gpt2_rot", 2, 32, 2, batch_size=8, n_ctx=80, n_steps=200),
    "90K": Size("biod", "gpt2_rot", 3, 48, 4, batch_size=8, n_ctx=80, n_steps=100),
    "1M": Size("biod", "gpt2_rot", 5, 128, 4, batch_size=8, n_ctx=128, n_steps=20),
    "1M llama": Size("biod", "llama", 5, 128, 4, batch_size=8, n_ctx=128, n_steps=20),
    "0.8M, 2-2": Size("bios", "gpt2_rot", 2, 128, 2, batch_size=4, n_ctx=512, n_steps=8),
    "10M": Size("biod", "gpt2_rot", 6, 384, 6, batch_size=4, n_ctx=128, n_steps=8),
    "85M, 12-12": Size("bios", "gpt2_rot", 12, 768, 12, batch_size=4, n_ctx=128, n_steps=3),
}


def settings(size: Size) -> dict[str, Any]:
    """As params.yaml would give them to the `pretrain` step; no checkpoints."""
    return {
        "seed": 0,
        "model": {
            "arch": size.arch,
            "n_layers": size.n_layers,
            "d_model": size.d_model,
            "n_heads": size.n_heads,
        },
        "stream": {"n_ctx": size.n_ctx, "batch_size": size.batch_size},
        "exposures": 1,
        "optimiser": {"lr_peak": 1e-3, "weight_decay": 0.01},
        "schedule": {"warmup_steps": 1},
        "checkpoint_every_s": 1e9,
    }


def measured(size: Size, corpus: corpora.Corpus) -> float:
    """CPU seconds of an update in the one loop."""
    config = build(PretrainConfig, settings(size))
    model = Transformer(config.model.resolve(corpus.manifest["d_vocab"], size.n_ctx))
    init_weights(model, 0)
    starts: list[float] = []

    def loss(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
        starts.append(time.process_time())
        return loss_nats(model, tokens)

    stream = Stream(corpus, 0, size.n_ctx, size.batch_size)
    n_steps = size.n_steps + N_WARM
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        # A step more than is timed: the last one also writes the end of the run.
        train(model, loss, stream, n_steps + 1, config, {}, Path(scratch))
    return (starts[n_steps] - starts[N_WARM]) / size.n_steps


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Predicted against measured training times.")
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    accelerator = ACCELERATORS[CPU]
    costs: dict[str, Cost] = {}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in SIZES}
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        corpus = {}
        for world, config in DATA.items():
            corpora.build(Path(folder, world), build(corpora.DataConfig, config))
            corpus[world] = corpora.load(Path(folder, world))
        for _ in range(turns):
            measured_rate.cache_clear()
            peaks.append(measured_rate("fp32", 1))
            for name, size in SIZES.items():
                source = {"corpus": Source(DATA[size.world], None)}
                cost = costs[name] = COSTS["pretrain"](settings(size), source)
                told = accelerator.seconds(cost) / cost.n_calls
                times[name].append((told, measured(size, corpus[size.world])))
    print(f"torch {torch.__version__}, 1 thread, CPU seconds; matrix-product peak of the turns:")
    print(", ".join(f"{peak / 1e9:.1f}" for peak in peaks), "GFLOP/s;", accelerator)
    heads = ("training", "parameters", "batch", "of the peak", "predicted, ms", "measured, ms")
    print("|", " | ".join((*heads, "ratio", "range")), "|")
    print("|---|---|---|---|---|---|---|---|")
    for name, size in SIZES.items():
        cost, ratios = costs[name], [told / took for told, took in times[name]]
        took = statistics.median(took for _, took in times[name])
        reached = cost.flops / cost.n_calls / took / statistics.median(peaks)
        print(
            f"| {name} | {cost.n_params:,} | {size.batch_size} x {size.n_ctx} | {reached:.0%} "
            f"| {1e3 * statistics.median(told for told, _ in times[name]):.2f} | {1e3 * took:.2f} "
            f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
        )


if __name__ == "__main__":
    main()
