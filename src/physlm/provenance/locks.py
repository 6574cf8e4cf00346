"""Specs and locks. A spec is what a job is asked to do, a lock is what it did.

Lock: name, key, step, module, config, code {module: digest}, inputs {role: {path: md5}}, outputs
{path: md5}, meta (commit, versions, machine, time), digest (of all the rest). The key of a job is
its content: paths count only by role, file name and, where a role stands for many runs, run.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from physlm.files import read_json, write_json

Record = Mapping[str, Any]
# What spec and lock must agree on.
ASKED = ("step", "module", "config", "code")


class DamagedLock(ValueError):
    """A lock that is not what was written."""


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, blind to the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def key(spec: Record, inputs: Mapping[str, Mapping[str, str]]) -> str:
    """The key of a job: its spec and the digests of its inputs, without names and folders.

    `inputs` is {role: {path: md5}}; spec["inputs"] tells whether a role is one folder or many.
    """
    content = {}
    for role, files in inputs.items():
        many = isinstance(spec["inputs"][role], list)
        for path, md5 in files.items():
            parts = PurePosixPath(path).parts
            content["/".join((role, *parts[-2 if many else -1 :]))] = md5
    return digest([{name: spec[name] for name in ASKED}, content])


def write(
    spec: Record,
    inputs: Mapping[str, Mapping[str, str]],
    outputs: Mapping[str, str],
    meta: Record,
) -> dict[str, Any]:
    """Write the lock of a job that is done; `outputs` is {file name: md5}. Returns the lock."""
    lock = {
        "name": spec["name"],
        "key": key(spec, inputs),
        **{name: spec[name] for name in ASKED},
        "inputs": {role: dict(files) for role, files in inputs.items()},
        "outputs": {f"{spec['folder']}/{name}": md5 for name, md5 in outputs.items()},
        "meta": dict(meta),
    }
    lock["digest"] = digest(lock)
    write_json(spec["lock"], lock)
    return lock


def read(path: str) -> dict[str, Any] | None:
    """The lock at `path`, None if there is none; DamagedLock if anything in it was changed."""
    try:
        lock = read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, OSError) as error:
        raise DamagedLock(str(error)) from None
    if not isinstance(lock, dict) or "digest" not in lock:
        raise DamagedLock(f"{path}: not a lock")
    rest = {name: value for name, value in lock.items() if name != "digest"}
    if digest(rest) != lock["digest"]:
        raise DamagedLock(f"{path}: changed since it was written")
    tier, _, rest = str(lock.get("name")).partition("/")
    if path != f"results/{tier}/locks/{rest}.json":
        raise DamagedLock(f"{path}: is the lock of {lock['name']}")
    return lock


def difference(spec: Record, lock: Record) -> str:
    """What a spec asks for that its lock did not do, in words; empty if nothing."""
    for name in ("step", "module"):
        if spec[name] != lock.get(name):
            return f"{name} is now {spec[name]}"
    if spec["config"] != lock.get("config"):
        return f"config {_change(lock.get('config'), spec['config'], '')}"
    if spec["code"] != lock.get("code"):
        now, then = spec["code"], lock.get("code") or {}
        names = [n for n in sorted({*now, *then}) if now.get(n) != then.get(n)]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"code of {names[0]} changed{more}"
    return ""


def _change(then: Any, now: Any, where: str) -> str:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in [*now, *then]:
            if name not in then or name not in now or then[name] != now[name]:
                inner = f"{where}.{name}" if where else str(name)
                if name not in then:
                    return f"{inner}: {now[name]!r} is new"
                if name not in now:
                    return f"{inner} is gone"
                return _change(then[name], now[name], inner)
    return f"{where}: {then!r} -> {now!r}"
