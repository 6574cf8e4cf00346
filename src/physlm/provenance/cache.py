"""The DVC cache as a store of results by key. Imports DVC only to fetch what is not here.

Files lie in DVC's own layout (files/md5/..), and each finished job has an entry in its run-cache
(runs/..), in DVC's schema, so that `dvc push --run-cache` carries entries and files. Restoring
checks every digest; an object that does not hold is dropped.
"""

import configparser
import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache as once
from pathlib import Path
from typing import Any

from physlm import files


@once
def _config() -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None)
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    config.read(["/etc/xdg/dvc/config", Path(home) / "dvc/config", ".dvc/config"])
    config.read(".dvc/config.local")
    return config


@once
def folder() -> Path:
    """The cache folder, as .dvc/config says."""
    return Path(".dvc", os.path.expanduser(_config().get("cache", "dir", fallback="cache")))


def has_remote() -> bool:
    """Whether there is a default DVC remote to fetch from."""
    return bool(_config().get("core", "remote", fallback=""))


def object_path(md5: str) -> Path:
    """Where the content with this digest lies, if it is here."""
    return folder() / "files/md5" / md5[:2] / md5[2:]


def holds(md5s: Iterable[str]) -> bool:
    """Whether the cache has all of these (by name; content is checked when it is used)."""
    return all(object_path(md5).exists() for md5 in md5s)


def add(path: str | os.PathLike[str], md5: str) -> None:
    """Keep a copy of a file whose digest is `md5`."""
    if not object_path(md5).exists():
        files.copy(path, object_path(md5), mode=0o444)


def put(md5: str, path: str | os.PathLike[str]) -> bool:
    """Copy an object to `path`, atomically; False if it is not here or does not hold."""
    target = object_path(md5)
    if not target.exists():
        return False
    if files.md5(target) != md5:
        print(f"warning: {target} was damaged and is dropped", file=sys.stderr)
        target.unlink()
        return False
    files.copy(target, path)
    return True


def remember(lock: Mapping[str, Any]) -> None:
    """Enter a finished job under its key."""
    key = lock["key"]
    entry = {
        "cmd": lock["name"],
        "deps": _rows({p: m for group in lock["inputs"].values() for p, m in group.items()}),
        "outs": _rows(lock["outputs"]),
        "params": {"params.yaml": {"meta": lock["meta"]}},
    }
    # The same result under another name or folder is the same entry.
    content = [[[Path(row["path"]).name, row["md5"]] for row in entry["outs"]], lock["meta"]]
    text = json.dumps(content, sort_keys=True).encode()
    path = folder() / "runs" / key[:2] / key / hashlib.sha256(text).hexdigest()
    if not path.exists():
        files.write_json(path, entry)


def entries(key: str, names: Iterable[str]) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """What is remembered under a key, newest first: ({file name: md5}, meta)."""
    place = folder() / "runs" / key[:2] / key
    found = []
    if place.is_dir():
        for path in sorted(place.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True):
            with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
                entry = files.read_json(path)
                outputs = {Path(row["path"]).name: row["md5"] for row in entry["outs"]}
                if set(outputs) == set(names):
                    found.append((outputs, entry["params"]["params.yaml"]["meta"]))
    return found


def recall(
    key: str, names: Iterable[str], into: Path, first: Mapping[str, Any] | None = None
) -> tuple[dict[str, str], dict[str, Any]] | None:
    """Restore a job's files into the folder `into`: ({file name: md5}, meta), or None.

    `first`: a lock whose result is preferred to newer ones under the same key.
    """
    known = entries(key, names)
    if first is not None:
        known.insert(0, ({Path(p).name: md5 for p, md5 in first["outputs"].items()}, first["meta"]))
    for outputs, meta in known:
        missing = [m for m in outputs.values() if not object_path(m).exists()]
        if missing and not (has_remote() and fetch(missing)):
            continue
        if all(put(md5, into / name) for name, md5 in outputs.items()):
            return outputs, meta
    return None


def fetch(md5s: Iterable[str]) -> bool:
    """Get objects from the default DVC remote; False, with a line of warning, if that fails."""
    wanted = list(md5s)
    try:
        from dvc.repo import Repo
        from dvc_data.hashfile.hash_info import HashInfo

        with contextlib.closing(Repo()) as repo:
            repo.cloud.pull({HashInfo("md5", md5) for md5 in wanted})
    except Exception as error:  # any failure of the network or of DVC means: not to be had
        line = " ".join(str(error).split()) or type(error).__name__
        print(f"warning: cannot fetch from the DVC remote: {line}", file=sys.stderr)
    return holds(wanted)


def _rows(digests: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "hash": "md5", "md5": md5} for path, md5 in digests.items()]
