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
    masked = [name for name, job in more.items() if job.family == "retry"]
    assert {name.split("rate=")[1].split(",seed")[0].split(",n_layers")[0] for name in masked} == {
        "0.1,masked=name",
        "0.5,masked=name",
    }
    deep = {name: job for name, job in more.items() if name not in masked}
    assert {job.family for job in deep.values()} == {"igsm", "depth", REPLACED}
    assert all("n_layers=8," in name for name in deep)
    layers = {job.config["layer"] for job in deep.values() if job.family == REPLACED}
    assert layers == {0, 1, 3, 5, 7}
