"""One finished toy project for all tests; each module works on copies and clones of it."""

import shutil
from collections.abc import Callable

import pytest

from tests.pipeline.project import Project, build

Copy = Callable[[str], Project]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Everything run once, results committed to git, data pushed to a DVC remote beside it."""
    folder = tmp_path_factory.mktemp("pipeline")
    project = build(folder / "origin")
    executed = project.snakemake()
    assert len(executed) == 12, executed
    project.commit("run")
    write_remote(project)
    project.dvc("push -q")
    return project


def write_remote(project: Project, folder: str | None = None) -> None:
    """Configure the default remote of this working tree only."""
    place = folder or str(project.folder.parent / "remote")
    (project.folder / ".dvc/config.local").write_text(
        f"[core]\n    remote = store\n['remote \"store\"']\n    url = {place}\n"
    )


@pytest.fixture(scope="module")
def copy_of(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """copy_of(name): a copy of the finished project with its cache and no remote."""

    def make(name: str) -> Project:
        folder = tmp_path_factory.mktemp(name) / "p"
        shutil.copytree(finished.folder, folder, symlinks=True)
        (folder / ".dvc/config.local").unlink()
        return Project(folder)

    return make


@pytest.fixture(scope="module")
def clone_of(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """clone_of(name): a fresh clone, with the remote configured."""

    def make(name: str) -> Project:
        project = finished.clone(f"{name}-{tmp_path_factory.mktemp(name).name}")
        write_remote(project)
        return project

    return make
