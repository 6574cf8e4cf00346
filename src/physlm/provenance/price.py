"""The price of the jobs that are to run: parameters, tokens, FLOPs, disk and time, by step."""

from typing import TYPE_CHECKING

from physlm.config import ConfigError
from physlm.costs.steps import COSTS, Cost, Source
from physlm.provenance.grid import Job
from physlm.provenance.verdicts import State

if TYPE_CHECKING:
    from physlm.costs.accelerators import Accelerator

Row = tuple[str, ...]
HEAD = ("to run", "jobs", "parameters", "tokens", "FLOPs", "disk")
SCALES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


def costs(
    state: State, names: list[str], on: "Accelerator | None" = None
) -> dict[str, tuple[Cost | None, float | None]]:
    """The cost of each of the jobs, and its seconds if `on` an accelerator; None where their step
    has no price. ConfigError at the first that the accelerator cannot do.
    """
    found: dict[str, tuple[Cost | None, float | None]] = {}
    for name in names:
        job = state.grid.jobs[name]
        price = COSTS.get(job.step)
        try:
            cost = price(job.config, _sources(state, job)) if price else None
        except ConfigError as error:
            raise ConfigError(f"{job.family}.{job.step}.config: {error}") from None
        found[name] = cost, on.seconds(cost) if on and cost else None
    return found


def report(state: State, names: list[str], accelerator: "Accelerator | None") -> list[str]:
    """The lines of the price: a table by step with its total, and what has to be said of it."""
    found = costs(state, names, accelerator)
    priced = [cost for cost, _ in found.values() if cost]
    if not priced:
        return []
    groups: dict[str, list[str]] = {}
    for name in names:
        job = state.grid.jobs[name]
        groups.setdefault(f"{job.family} {job.step}", []).append(name)
    groups["total"] = names
    rows = [_row(label, [found[name] for name in group]) for label, group in groups.items()]
    # A sum over steps of tokens written, trained on and scored would mean nothing.
    rows[-1] = (*rows[-1][:2], "", "", *rows[-1][4:])
    lines = [(*HEAD, f"time on {accelerator.name}"), *rows] if accelerator else [HEAD, *rows]
    # Without an accelerator the last column has nothing to say.
    table = _table([line[: len(lines[0])] for line in lines])
    seconds = [s for _, s in found.values() if s is not None]
    notes = _notes(len(names), priced, seconds, accelerator)
    return ["", *table, "", *notes, ""]


def _sources(state: State, job: Job) -> dict[str, Source]:
    found = {}
    for role, paths in job.files.items():
        maker = state.grid.makers.get(paths[0]) if paths else None
        if maker is not None:
            valid = bool(state.verdicts[maker.name])
            folder = maker.folder if valid else None
            found[role] = Source(maker.config, folder, _sources(state, maker))
    return found


def _row(label: str, jobs: list[tuple[Cost | None, float | None]]) -> Row:
    known = [cost for cost, _ in jobs if cost]
    sizes = [cost.n_params for cost in known if cost.n_params is not None]
    flops, seconds = sum(cost.flops for cost in known), [s for _, s in jobs if s is not None]
    smallest, largest = (short(f(sizes)) if sizes else "" for f in (min, max))
    return (
        label,
        f"{len(jobs):,}",
        smallest if smallest == largest else f"{smallest} to {largest}",
        short(sum(cost.tokens for cost in known)) if known else "-",
        f"{flops:.2e}" if flops else "-",
        short(sum(cost.kept_bytes for cost in known), "B") if known else "-",
        duration(sum(seconds)) if flops and seconds else "-",
    )


def _notes(
    n_jobs: int, priced: list[Cost], seconds: list[float], accelerator: "Accelerator | None"
) -> list[str]:
    lines = []
    scratch = max(cost.scratch_bytes for cost in priced)
    if scratch:
        lines.append(
            f"Scratch: up to {short(scratch, 'B')} for each job while it runs (two checkpoints "
            "with the optimiser's state, one replacing the other)."
        )
    lines += [f"Assumed: {text}." for text in sorted({c.assumed for c in priced if c.assumed})]
    lines.append("No price, seconds to minutes each: steps with '-', and the start of every job.")
    used = sorted({(c.precision, c.threads) for c in priced if c.n_calls})
    if accelerator and used:
        rates = ", ".join(_rate(accelerator, *each) for each in used)
        lines.append(
            f"{n_jobs:,} jobs to run: {duration(sum(seconds))} on {accelerator.name} at "
            f"{100 * accelerator.utilisation:g} % of {rates}; the longest job "
            f"{duration(max(seconds))}."
        )
        lines.append(accelerator.remark)
    return lines


def _rate(accelerator: "Accelerator", precision: str, threads: int) -> str:
    rate = short(accelerator.rate(precision, threads), "FLOP/s")
    where = f", {threads} thread{'s' if threads > 1 else ''}" if accelerator.measured else ""
    return f"{rate} ({precision}{where})"


def _table(rows: list[Row]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def short(value: float, unit: str = "") -> str:
    """A number with three digits and a decimal prefix, apart from it if there is a unit.

    >>> short(815_616), short(12), short(3.5e12, "B"), short(12, "B")
    ('816K', '12', '3.5 TB', '12 B')
    """
    gap = " " if unit else ""
    for scale, prefix in SCALES:
        if value >= scale * 0.9995:
            return f"{value / scale:.3g}{gap}{prefix}{unit}"
    return f"{value:.0f}{gap}{unit}"


def duration(seconds: float) -> str:
    """A time as people read it.

    >>> duration(0.24), duration(400), duration(4e5), duration(184_444_200)
    ('0.24 s', '400 s', '111 h', '51,234 h')
    """
    if seconds < 1000:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    hours = seconds / 3600
    return f"{hours:.2g} h" if hours < 10 else f"{hours:,.0f} h"
