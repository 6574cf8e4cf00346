"""The tier of larger runs: the laptop's jobs under another name, and what is too long for it."""

import pytest

from physlm.provenance.grid import Grid, Job
from tests.pipeline.project import ROOT

# Probes of layers are those of the deepest models, so that these are others.
REPLACED = "layers"


@pytest.fixture(scope="module")
def tiers() -> dict[str, dict[str, Job]]:
    """The jobs of both by their names without the tier."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return {
            tier: {name.split("/", 1)[1]: job for name, job in Grid(tier).jobs.items()}
            for tier in ("laptop", "larger")
        }


def test_it_has_every_job_of_the_laptop_with_the_same_settings(
    tiers: dict[str, dict[str, Job]],
) -> None:
    for name, job in tiers["laptop"].items():
        if job.family != REPLACED:
            assert tiers["larger"][name].config == job.config


def test_what_it_has_beside_them_are_models_of_eight_layers_and_masked_rates(
    tiers: dict[str, dict[str, Job]],
) -> None:
    more = {n: j for n, j in tiers["larger"].items() if n not in tiers["laptop"]}
    runs = {n: dict(part.split("=") for part in j.run.split(",")) for n, j in more.items()}
    masked = {n: run for n, run in runs.items() if more[n].family == "retry"}
    assert {(run["rate"], run["masked"]) for run in masked.values()} == {
        ("0.1", "name"),
        ("0.5", "name"),
    }
    deep = {n: j for n, j in more.items() if n not in masked}
    assert {job.family for job in deep.values()} == {"igsm", "depth", REPLACED}
    assert {runs[n]["n_layers"] for n in deep} == {"8"}
    layers = {job.config["layer"] for job in deep.values() if job.family == REPLACED}
    assert layers == {0, 1, 3, 5, 7}
