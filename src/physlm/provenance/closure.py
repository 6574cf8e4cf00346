"""Which of our modules a step runs, and a digest of each that only changes with what they do.

The closure is static: every import statement of a module counts, also one inside a function, but
not one under `if TYPE_CHECKING`. Modules imported by name are declared in the catalogue (`parts`);
other files a module reads (word lists, published values) in the module itself, as a tuple
`RESOURCES` of patterns relative to it. The runner checks both against what was really loaded.
"""

import ast
import contextlib
import hashlib
import importlib.util
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from physlm.files import md5, read_json, write_json

STORE = Path(".physlm/modules.json")
FORMAT = 1
OURS = "physlm"


class Closure:
    """Closures of modules of our package, with parsed files remembered on disk."""

    def __init__(self, fresh: bool = False) -> None:
        """`fresh`: parse every file anew."""
        self._closures: dict[tuple[str, ...], dict[str, str]] = {}
        self._parsed: dict[str, dict[str, Any]] = {}
        self._changed = False
        self._stored: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            stored = read_json(STORE)
            if stored["format"] == FORMAT and not fresh:
                self._stored = stored["modules"]

    def of(self, modules: Iterable[str]) -> dict[str, str]:
        """{module: digest} of everything `modules` import; resources go by their path."""
        start = tuple(sorted(modules))
        if start not in self._closures:
            found: dict[str, str] = {}
            todo = list(start)
            while todo:
                name = todo.pop()
                if name in found or name.partition(".")[0] != OURS:
                    continue
                path = source(name)
                if path is None:
                    continue
                parsed = self._parse(name, path)
                found[name] = parsed["digest"]
                todo += parsed["imports"]
                found |= _resources(name, path, parsed["resources"])
                if "." in name:
                    todo.append(name.rpartition(".")[0])
            self._closures[start] = dict(sorted(found.items()))
        return self._closures[start]

    def save(self) -> None:
        """Remember the parsed modules for the next start."""
        if self._changed:
            write_json(STORE, {"format": FORMAT, "modules": self._stored | self._parsed})

    def _parse(self, name: str, path: Path) -> dict[str, Any]:
        if name not in self._parsed:
            stat = path.stat()
            mark = [str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
            known = self._stored.get(name)
            if known and known["mark"] == mark:
                self._parsed[name] = known
            else:
                self._parsed[name] = {"mark": mark, **parse(name, path.read_bytes(), path)}
                self._changed = True
        return self._parsed[name]


def parse(name: str, text: bytes, path: Path) -> dict[str, Any]:
    """digest, imports (candidate module names) and resource patterns of a module's source."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise ValueError(f"{path}: line {error.lineno}: {error.msg}") from None
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    resources: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "RESOURCES" for t in node.targets
        ):
            resources = list(ast.literal_eval(node.value))
    return {
        "digest": digest(tree),
        "imports": sorted(set(_imports(tree, package))),
        "resources": resources,
    }


def digest(tree: ast.Module) -> str:
    """Digest of a syntax tree: blind to comments, layout and docstrings, equal on Python 3.11+."""
    return hashlib.md5(repr(_plain(tree)).encode()).hexdigest()


def _plain(node: Any) -> Any:
    if isinstance(node, ast.AST):
        fields = []
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ):
                value = _without_docstring(value)
            if value is not None and value != []:
                fields.append((name, _plain(value)))
        return (type(node).__name__, fields)
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _without_docstring(body: Any) -> Any:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                yield from _imports(other, package)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
                base = f"{parent}.{base}" if base else parent
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        yield from _imports(node, package)


def _resources(name: str, path: Path, patterns: list[str]) -> dict[str, str]:
    root = root_of(name)
    files = [f for pattern in patterns for f in sorted(path.parent.glob(pattern)) if f.is_file()]
    return {f.relative_to(root).as_posix(): md5(f) for f in files}


@cache
def root_of(name: str) -> Path:
    """The folder that holds the top-level package of a module."""
    found = importlib.util.find_spec(name.partition(".")[0])
    if found is None or not found.submodule_search_locations:
        raise ValueError(f"{name}: no such package")
    return Path(next(iter(found.submodule_search_locations))).parent


@cache
def source(name: str) -> Path | None:
    """The file of a module, or None if there is none of that name."""
    base = root_of(name).joinpath(*name.split("."))
    for path in (base.with_name(base.name + ".py"), base / "__init__.py"):
        if os.path.exists(path):
            return path
    return None
