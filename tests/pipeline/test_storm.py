"""A storm of random edits: after each, the figure is what a run from scratch would give."""

import random
from collections.abc import Callable

import pytest
import yaml

from tests.pipeline.conftest import Copy
from tests.pipeline.project import Project

pytestmark = pytest.mark.pipeline
ROUNDS = 8


def expected(project: Project) -> str:
    """The figure by the toys' own arithmetic, from params.yaml and the source alone."""
    params = yaml.safe_load(project.text("params.yaml"))
    factor = int(project.text("src/physlm/evaluate/toy.py").split("round(")[1].split(" *")[0])
    rows = []
    for block in params["tiers"]["laptop"]["capacity"]["grid"]:
        point = {**params["capacity"]["point"], **block}
        bits = round(factor * (point["d_model"] * point["lr_peak"]) * point["n_people"], 6)
        name = " ".join(f"{v}={point[v]}" for v in ("world", "arch", "d_model", "n_people", "seed"))
        rows.append(f"{name},{bits}")
    law = project.text("src/physlm/figures/published/capacity.csv")
    return "pdf of\n" + law + "\n".join(sorted(set(rows))) + "\n"


def grid(project: Project, change: Callable[[list], None]) -> None:
    params = yaml.safe_load(project.text("params.yaml"))
    change(params["tiers"]["laptop"]["capacity"]["grid"])
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def edits(project: Project, dice: random.Random) -> list[Callable[[], object]]:
    """What can happen to a working tree."""

    def factor() -> None:
        path = project.folder / "src/physlm/evaluate/toy.py"
        head, _, tail = path.read_text().partition("round(")
        path.write_text(f"{head}round({dice.randint(1, 3)} *{tail.partition(' *')[2]}")

    def spoil() -> None:
        files = sorted(p for p in (project.folder / "results").rglob("*.*") if p.is_file())
        path = dice.choice(files)
        path.write_text("spoilt") if dice.random() < 0.5 else path.unlink()

    def stash() -> None:
        project.sh("git checkout -q params.yaml src")

    return [
        lambda: grid(project, lambda g: g.append({"n_people": dice.randint(2, 9), "d_model": 8})),
        lambda: grid(project, lambda g: g.pop() if len(g) > 1 else None),
        lambda: grid(project, lambda g: g[0].update(lr_peak=dice.choice([0.5, 0.25, 0.125]))),
        factor,
        spoil,
        spoil,
        stash,
        lambda: (project.folder / "src/physlm/figures/published/capacity.csv").write_text(
            f"law,{dice.randint(1, 9)}\n"
        ),
        lambda: project.sh("rm -rf .snakemake .physlm"),
        lambda: project.sh("echo edited > figures/capacity.pdf"),
    ]


def test_26_storm(copy_of: Copy) -> None:
    project, dice = copy_of("storm"), random.Random(5)
    project.edit("src/physlm/evaluate/toy.py", "round(weight", "round(1 * weight")
    project.commit("a factor")
    # A grid may hold two points of one run id; the storm keeps to other people each time.
    for _ in range(ROUNDS):
        for edit in dice.sample(edits(project, dice), k=2):
            edit()
        done = project.sh("snakemake --cores 2 figures/capacity.pdf", ok=None)
        if done.returncode:
            assert "give the same run" in done.stderr, done.stderr
            project.sh("git checkout -q params.yaml")
            project.sh("snakemake --cores 2 figures/capacity.pdf")
        assert project.text("figures/capacity.pdf") == expected(project)
    project.sh("python -m physlm.cli audit figures/capacity.pdf")
