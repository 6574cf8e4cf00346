"""Digests of our code as it was at a commit."""

import subprocess
from pathlib import Path

from physlm.provenance.closure import parse, root_of


class History:
    """Reads modules from git, each version once."""

    def __init__(self) -> None:
        self._prefix = self._ask("rev-parse", "--show-prefix")

    def digests(self, commit: str, names: dict[str, str]) -> dict[str, str] | None:
        """{module or resource: digest at `commit`}; None if this clone lacks the commit."""
        if self._prefix is None or self._ask("cat-file", "-e", f"{commit}^{{commit}}") is None:
            return None
        candidates = {
            path: name for name in names for path in _paths(f"{self._prefix.strip()}", name)
        }
        found = {}
        for path, content in self._contents(commit, list(candidates)).items():
            name = candidates[path]
            if path.endswith(".py"):
                found[name] = parse(name, content, Path(path))["digest"]
            else:
                import hashlib

                found[name] = hashlib.md5(content).hexdigest()
        return found

    def _ask(self, *arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=root_of("physlm"),
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return None
        return done.stdout if done.returncode == 0 else None

    def _contents(self, commit: str, paths: list[str]) -> dict[str, bytes]:
        done = subprocess.run(
            ["git", "cat-file", "--batch"],
            input="".join(f"{commit}:{path}\n" for path in paths).encode(),
            cwd=root_of("physlm"),
            capture_output=True,
            check=True,
        )
        rest, found = done.stdout, {}
        for path in paths:
            head, _, rest = rest.partition(b"\n")
            if head.endswith(b" missing"):
                continue
            size = int(head.split()[2])
            found[path], rest = rest[:size], rest[size + 1 :]
        return found


def _paths(prefix: str, name: str) -> list[str]:
    if "/" in name:
        return [prefix + name]
    base = prefix + name.replace(".", "/")
    return [f"{base}.py", f"{base}/__init__.py"]
