"""Where the time of a training step goes, by kind of operation, and how far that is from the peak.

    python benchmarks/training_profile.py --sizes 30K 1M 10M 85M

The sizes are those of benchmarks/training_throughput.py. Kernels are grouped by the profiler's self
times; what is left of the step's time is Python and dispatch. The last columns compare the matrix
products and attention alone, and the whole step, with the measured rate of a large product.
"""

import argparse
import tempfile

import torch
from torch.profiler import ProfilerActivity, profile
from training_throughput import (
    GPU,
    N_WARM,
    SIZES,
    Clock,
    Setting,
    fresh,
    ours,
    peak_flops,
    settings,
)

from physlm.config import build
from physlm.costs.flops import training_flops
from physlm.data import corpus as corpora
from physlm.data.stream import Stream
from physlm.train.loop import keep_freed_memory
from physlm.train.losses import mean_nats
from physlm.train.optimiser import make_optimiser

# Beginning of a kernel's name -> its group; the first that fits.
GROUPS = {
    "products": ("aten::mm", "aten::addmm", "aten::bmm"),
    "attention": ("aten::_scaled_dot_product", "aten::_flash", "aten::_efficient"),
    "norms": ("aten::native_layer_norm",),
    "activation": ("aten::gelu", "aten::silu", "aten::sigmoid", "aten::mul", "aten::addcmul"),
    "loss": ("aten::_log_softmax", "aten::nll_loss"),
    "optimiser": ("aten::_fused_adamw",),
}


def group(name: str) -> str:
    """The group of a kernel."""
    for kind, beginnings in GROUPS.items():
        if name.startswith(beginnings):
            return kind
    return "other"


def shares(name: str, corpus: corpora.Corpus, setting: Setting, n_steps: int) -> dict[str, float]:
    """Seconds of a step by group, for the model, loss and optimiser of our loop."""
    size = SIZES[name]
    config = settings(size, setting)
    model = fresh(config, corpus.manifest["d_vocab"]).to("cuda" if GPU else "cpu")
    optimiser = make_optimiser(model, config.optimiser)
    stream = Stream(corpus, 0, size.n_ctx, size.batch_size)
    batch = torch.from_numpy(stream.take(stream.start())[0]).to("cuda" if GPU else "cpu")

    def step() -> None:
        mean_nats(model, batch).backward()
        optimiser.step()
        optimiser.zero_grad()

    for _ in range(N_WARM):
        step()
    activity = ProfilerActivity.CUDA if GPU else ProfilerActivity.CPU
    with profile(activities=[activity]) as found:
        for _ in range(n_steps):
            step()
    totals = dict.fromkeys([*GROUPS, "other"], 0.0)
    for event in found.key_averages():
        if event.key.startswith("aten::"):
            micro = event.self_device_time_total if GPU else event.self_cpu_time_total
            totals[group(event.key)] += micro * 1e-6 / n_steps
    return totals


def row(name: str, folder: str, setting: Setting) -> str:
    """A row of the table."""
    size, corpus = SIZES[name], corpora.load(folder)
    peak, clock = peak_flops(setting), Clock(setting)
    ours(size, corpus, clock, setting)
    step = clock.seconds_per_step()
    peak = max(peak, peak_flops(setting))
    kinds = shares(name, corpus, setting, max(2, size.n_steps // 4))
    config = settings(size, setting).model.resolve(corpus.manifest["d_vocab"], size.n_ctx)
    flops = size.batch_size * size.n_ctx * training_flops(config, size.n_ctx)
    busy = kinds["products"] + kinds["attention"]
    rest = max(0.0, 1 - sum(kinds.values()) / step)
    cells = " | ".join(f"{seconds / step:.0%}" for seconds in kinds.values())
    return (
        f"| {name} | {1e3 * step:.2f} | {cells} | {rest:.0%} "
        f"| {flops / busy / peak:.0%} | {flops / step / peak:.0%} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    arguments = parser.parse_args()
    setting = Setting(threads=1, precision="fp32")
    torch.set_num_threads(1)
    keep_freed_memory()
    kinds = " | ".join([*GROUPS, "other", "Python"])
    print(f"| size | ms/step | {kinds} | peak share of products | of the step |")
    print("|---" * (6 + len(GROUPS)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        values = {"world": "biod", "seed": 0, "n_people": 1000}
        corpora.build(folder, build(corpora.DataConfig, values))
        for name in arguments.sizes:
            print(row(name, folder, setting), flush=True)


if __name__ == "__main__":
    main()
