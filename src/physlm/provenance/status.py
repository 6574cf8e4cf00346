"""How far a tier is: valid jobs per family and step, and the first reason where some are not."""

from physlm.provenance.verdicts import State


def show(state: State) -> None:
    """Print a line per family and step."""
    for family, step in state.grid.stages():
        jobs = state.grid.of(family, step)
        bad = [job for job in jobs if not state.verdicts[job.name]]
        line = f"{family + '/' + step:24}{len(jobs) - len(bad):5} of {len(jobs)} valid"
        if bad:
            reason = state.verdicts[bad[0].name].reason
            line += f"; {bad[0].label}: {reason}"
        print(line)
