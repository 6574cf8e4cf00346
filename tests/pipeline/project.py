"""A throw-away repository with the real pipeline and toy steps, and commands to run in it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TOY = Path(__file__).parent / "toy"
PIPELINE = ("Snakefile", "workflow", "profiles", "dvc.yaml", ".dvcignore", ".gitignore")
# What the toys do not replace: the parts under test.
REAL = ("__init__.py", "config.py", "files.py", "cli.py", "provenance")
BIN = str(Path(sys.executable).parent)


def real(folder: Path, *families: str) -> "Project":
    """Make a repository of the real project as it is in this working tree, with nothing run and
    these families alone: the others would only take time.
    """
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in (*PIPELINE, "claims.yaml", "src"):
        _copy(ROOT / name, folder / name, ignore)
    for name in ("config", ".gitignore"):
        _copy(ROOT / ".dvc" / name, folder / ".dvc" / name, ignore)
    (folder / "params.yaml").write_text(yaml.safe_dump(settings_of(*families), sort_keys=False))
    return _repository(folder)


def settings_of(*families: str) -> dict[str, Any]:
    """The real params.yaml with these families alone."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    tiers = {
        name: {family: tier[family] for family in families}
        for name, tier in params["tiers"].items()
    }
    own = {family: params[family] for family in families}
    return {"tier": params["tier"], "families": list(families), "tiers": tiers, **own}


def build(folder: Path) -> "Project":
    """Make the repository, with everything committed and nothing run."""
    source = folder / "src/physlm"
    source.mkdir(parents=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in PIPELINE:
        _copy(ROOT / name, folder / name, ignore)
    for name in ("config", ".gitignore"):
        _copy(ROOT / ".dvc" / name, folder / ".dvc" / name, ignore)
    for name in REAL:
        _copy(ROOT / "src/physlm" / name, source / name, ignore)
    shutil.copytree(TOY, source, dirs_exist_ok=True, ignore=ignore)
    for name in ("params.yaml", "claims.yaml"):
        os.replace(source / name, folder / name)
    _keep_families(folder)
    for name in ("job.py", "catalogue.py"):
        _copy(ROOT / "src/physlm/steps" / name, source / "steps" / name, ignore)
    packages = ("steps", "costs", "data", "model", "train", "evaluate", "figures", "claim_rules")
    for package in packages:
        (source / package).mkdir(exist_ok=True)
        (source / package / "__init__.py").touch()
    # Stages name modules that no toy imports.
    for module in (ROOT / "src/physlm").glob("*.py"):
        (source / module.name).touch()
    return _repository(folder)


def _keep_families(folder: Path) -> None:
    """Leave in dvc.yaml what the toy's families have: DVC asks for the outputs of every stage."""
    families = yaml.safe_load((folder / "params.yaml").read_text())["families"]
    content = yaml.safe_load((folder / "dvc.yaml").read_text())
    stages = content["stages"]
    for name, stage in list(stages.items()):
        if "foreach" not in stage:
            read = re.compile(r"results/\$\{tier\}/(\w+)/")
            mine = [d for d in stage["deps"] if not (m := read.match(d)) or m[1] in families]
            stage["deps"] = mine
            continue
        every = stage["foreach"]
        kept = [key for key in every if key in families]
        stage["foreach"] = {k: every[k] for k in kept} if isinstance(every, dict) else kept
        if not kept:
            del stages[name]
    (folder / "dvc.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def _repository(folder: Path) -> "Project":
    project = Project(folder)
    project.sh("git init -q -b main . && git config user.name t && git config user.email t@t.t")
    project.commit("start")
    return project


def _copy(source: Path, target: Path, ignore: Any) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=ignore)
    else:
        shutil.copyfile(source, target)


class Project:
    """A working tree of the toy repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trace = folder.with_name(folder.name + ".trace")
        self.variables: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "PHYSLM"))}
        return {
            **inherited,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "TOY_TRACE": str(self.trace),
            "HOME": str(self.folder.parent),
            "XDG_CACHE_HOME": str(self.folder.parent / "cache"),
            "DVC_SITE_CACHE_DIR": str(self.folder.parent / "site"),
            "DVC_NO_ANALYTICS": "1",
            **self.variables,
        }

    def sh(self, command: str, ok: bool | None = True) -> subprocess.CompletedProcess[str]:
        """Run a shell command here; `ok` says how it must end (None: either way)."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        text = f"$ {command}\n{done.stdout}\n{done.stderr}"
        if ok is not None:
            assert (done.returncode == 0) is ok, text
        return done

    def snakemake(self, arguments: str = "", ok: bool | None = True) -> list[str]:
        """Run snakemake; returns the jobs that were really executed."""
        return self.executed(lambda: self.sh(f"snakemake --cores 2 {arguments}", ok))

    def dvc(self, arguments: str) -> str:
        """Run dvc; returns what it said."""
        done = self.sh(f"dvc {arguments}")
        return done.stdout + done.stderr

    def repro(self, arguments: str = "") -> list[str]:
        """Run dvc repro; returns the jobs that were really executed."""
        return self.executed(lambda: self.dvc(f"repro {arguments}"))

    def executed(self, action: Any) -> list[str]:
        """The jobs that toys executed during `action`, without the tier."""
        before = len(self._lines())
        action()
        return [line.partition("/")[2] for line in self._lines()[before:]]

    def _lines(self) -> list[str]:
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    def start(self, command: str) -> subprocess.Popen:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def processes(self, module: str) -> list[int]:
        """The processes that run a module, or one whose name begins so, in this working tree."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                here = (entry / "cwd").resolve() == self.folder.resolve()
            except (OSError, ValueError):  # no process, or gone meanwhile
                continue
            if here and any(word.startswith(module) for word in words):
                found.append(int(entry.name))
        return found

    def clone(self, name: str) -> "Project":
        """A fresh clone of what is committed here."""
        target = self.folder.with_name(name)
        subprocess.run(["git", "clone", "-q", self.folder, target], check=True)
        other = Project(target)
        other.sh("git config user.name t && git config user.email t@t.t")
        return other

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.sh(f"git add -A && git commit -q -m '{message}'")

    def git_status(self) -> str:
        """What git sees as changed or new."""
        return self.sh("git status --porcelain").stdout

    def params(self, **changes: Any) -> None:
        """Set values of params.yaml by dotted path ("a__b=1" stands for a.b=1)."""
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for dotted, value in changes.items():
            *parents, last = dotted.split("__")
            place = params
            for parent in parents:
                place = place[parent]
            place[last] = value
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a file; it must be there."""
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def json(self, path: str) -> Any:
        """Read JSON."""
        return json.loads((self.folder / path).read_text())

    def text(self, path: str) -> str:
        """Read text."""
        return (self.folder / path).read_text()


def kill_group(process: subprocess.Popen) -> None:
    """kill -9 of a whole process group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
