"""The tier of larger runs: the laptop's jobs under another name, and what is too long for it."""

import pytest

from physlm.provenance.grid import Grid, Job
from tests.pipeline.project import ROOT

# Probes of layers are those of the deepest models, so that these are others; knowledge is of more
# people.
PEOPLE = {
    *("extraction", "mixed_training", "celebrity", "p_probing", "q_probing"),
    *("encoder", "encoder_mixed", "encoder_extraction"),
}
REPLACED = {"layers", *PEOPLE}


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
        if job.family not in REPLACED:
            assert tiers["larger"][name].config == job.config


def test_what_it_has_beside_them_are_models_of_eight_layers_and_masked_rates(
    tiers: dict[str, dict[str, Job]],
) -> None:
    more = {
        n: j
        for n, j in tiers["larger"].items()
        if n not in tiers["laptop"] and j.family not in PEOPLE
    }
    runs = {n: dict(part.split("=") for part in j.run.split(",")) for n, j in more.items()}
    masked = {n: run for n, run in runs.items() if more[n].family == "retry"}
    assert {(run["rate"], run["masked"]) for run in masked.values()} == {
        ("0.1", "name"),
        ("0.5", "name"),
    }
    deep = {n: j for n, j in more.items() if n not in masked}
    assert {job.family for job in deep.values()} == {"igsm", "depth", "layers"}
    assert {runs[n]["n_layers"] for n in deep} == {"8"}
    layers = {job.config["layer"] for job in deep.values() if job.family == "layers"}
    assert layers == {0, 1, 3, 5, 7}


def test_it_asks_about_more_people_in_every_way_of_the_laptop(
    tiers: dict[str, dict[str, Job]],
) -> None:
    def arms(tier: str) -> set[tuple[str, ...]]:
        """The runs, without what depends on the number of people."""
        sized = ("n_people", "celebrities")
        return {
            (j.family, j.step, *(p for p in j.run.split(",") if p.split("=")[0] not in sized))
            for j in tiers[tier].values()
            if j.family in PEOPLE
        }

    assert arms("larger") > arms("laptop")
    for n_people, tier in ((360, "laptop"), (500, "larger")):
        corpora = {
            job.config["n_people"] - job.config["settings"]["celebrities"]
            for job in tiers[tier].values()
            if job.step == "data" and job.family in PEOPLE
        }
        # Beside celebrities half as many have one biography: those that are asked about.
        assert corpora == {n_people, n_people // 2}
