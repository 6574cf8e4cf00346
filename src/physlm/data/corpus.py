"""A corpus on disk: the people of one world, the training text if it is fixed, the evaluation text.

`build` writes it, `load` opens it memory-mapped, checks every digest and rebuilds the world. The
bytes depend on the configuration and its seed alone: entries are rendered in blocks of people, each
with its own generator, so the number of workers changes nothing.
"""

import dataclasses
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from physlm.config import ConfigError, require
from physlm.config import build as make_config
from physlm.data.world import WORLDS, Entries, module
from physlm.files import read_json, replacing, write_json
from physlm.random import generator

ARRAYS = (
    "profiles",
    "train_tokens",
    "train_offsets",
    "train_person",
    "eval_tokens",
    "eval_offsets",
    "eval_person",
    "eval_kinds",
)
FILES = ("manifest.json", "vocabulary.json", *(f"{name}.npy" for name in ARRAYS))

# People rendered together by one generator: enough to be fast, few enough to fit in a cache.
BLOCK = 16384

# Smaller files are read, larger ones memory-mapped (an empty array cannot be).
SMALL_BYTES = 1 << 20


@dataclass(frozen=True)
class DataConfig:
    """Settings of the `data` step; `settings` are those of the world's Config without n_people."""

    world: str
    seed: int
    n_people: int
    settings: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.world in WORLDS, "world", self.world, f"one of {', '.join(sorted(WORLDS))}")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        if "n_people" in self.settings:
            raise ConfigError("settings.n_people: belongs beside settings, not inside")
        self.world_config()

    def world_config(self) -> Any:
        """The world's Config; raises ConfigError for settings that it does not allow."""
        values = {**self.settings, "n_people": self.n_people}
        try:
            return make_config(module(self.world).Config, values, "settings")
        except ConfigError as error:
            # n_people is checked by the world together with its settings, but stands outside them.
            raise ConfigError(str(error).replace("settings.n_people=", "n_people=", 1)) from None


@dataclass(frozen=True)
class Corpus:
    """An opened corpus; the arrays are memory-mapped and must not be written to.

    train_tokens and train_offsets [n_entries + 1] hold the stored entries, entry i of person p at
    index p * entries_per_person + i; both are empty if the world is fresh.
    """

    folder: Path
    manifest: dict[str, Any]
    world: Any
    train_tokens: np.ndarray
    train_offsets: np.ndarray
    train_person: np.ndarray
    evaluation: Entries

    @property
    def digest(self) -> str:
        """SHA-256 of the arrays, the vocabulary and the configuration, as hexadecimal."""
        return self.manifest["digest"]

    @property
    def n_people(self) -> int:
        return self.manifest["n_people"]

    @property
    def entries_per_person(self) -> int:
        """Entries of each person in one pass (1 if the world is fresh)."""
        return self.manifest["n_entries"] // self.manifest["n_people"]

    @property
    def tokens_per_pass(self) -> float:
        """Tokens of all entries once: exact if stored or of fixed length, else an estimate."""
        return self.manifest["tokens_per_pass"]


def build(folder: str | os.PathLike[str], config: DataConfig, workers: int = 1) -> None:
    """Draw the people of `config` and write the corpus into `folder` (the files of FILES).

    Every file appears atomically, manifest.json last. `workers` processes share the rendering.
    """
    target = Path(folder)
    world = module(config.world).make(config.world_config(), config.seed)
    blocks = [
        np.arange(start, min(start + BLOCK, config.n_people))
        for start in range(0, config.n_people, BLOCK)
    ]
    if world.fresh:
        train = join([], world.d_vocab)
        evaluation = join(_map(_render, world, config.seed, blocks, workers), world.d_vocab)
        tokens_per_pass = _mean_pass(world, config.seed, blocks)
    else:
        train = join(_map(_stored, world, config.seed, blocks, workers), world.d_vocab)
        evaluation = _first_entries(train, config.n_people)
        tokens_per_pass = int(train.offsets[-1])
    arrays = {
        "profiles": world.profiles,
        "train_tokens": train.tokens,
        "train_offsets": train.offsets,
        "train_person": train.person,
        "eval_tokens": evaluation.tokens,
        "eval_offsets": evaluation.offsets,
        "eval_person": evaluation.person,
        "eval_kinds": evaluation.kinds,
    }
    manifest = {
        "world": config.world,
        "config": dataclasses.asdict(world.config),
        "seed": config.seed,
        "d_vocab": world.d_vocab,
        "eos": int(world.eos),
        "n_people": config.n_people,
        "n_entries": len(train) or config.n_people,
        "fields": list(world.fields),
        "fresh": world.fresh,
        "information": world.information(),
        "tokens_per_pass": tokens_per_pass,
        "counts": {"train_tokens": len(train.tokens), "eval_tokens": len(evaluation.tokens)},
    }
    _write(target, manifest, arrays, world.vocabulary)


def load(folder: str | os.PathLike[str]) -> Corpus:
    """Open a corpus and check it; a file that is not what the manifest says is a ValueError."""
    source = Path(folder)
    manifest = read_json(source / "manifest.json")
    if manifest.get("digest") != _manifest_digest(manifest):
        raise ValueError(f"{source / 'manifest.json'}: content differs from its digest")
    vocabulary = read_json(source / "vocabulary.json")
    arrays = {name: _open(source / f"{name}.npy") for name in ARRAYS}
    digests = manifest["digests"]
    for name, array in arrays.items():
        if digests[name] != _array_digest(array):
            raise ValueError(f"{source / name}.npy: content differs from its digest")
    if digests["vocabulary"] != _json_digest(vocabulary):
        raise ValueError(f"{source / 'vocabulary.json'}: content differs from its digest")
    world_module = module(manifest["world"])
    config = make_config(world_module.Config, manifest["config"], str(source / "manifest.json"))
    return Corpus(
        folder=source,
        manifest=manifest,
        world=world_module.World.restore(config, arrays["profiles"], vocabulary),
        train_tokens=arrays["train_tokens"],
        train_offsets=arrays["train_offsets"],
        train_person=arrays["train_person"],
        evaluation=Entries(
            arrays["eval_tokens"],
            arrays["eval_offsets"],
            arrays["eval_person"],
            arrays["eval_kinds"],
        ),
    )


def join(parts: Iterable[Entries], d_vocab: int) -> Entries:
    """Concatenate entries, with tokens in the smallest unsigned type that holds the vocabulary."""
    parts = list(parts)
    dtype = np.min_scalar_type(d_vocab - 1)
    lengths = [np.diff(part.offsets) for part in parts]
    offsets = np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum(dtype=np.int64)
    nothing = np.empty(0, np.uint8)
    return Entries(
        tokens=np.concatenate([nothing, *(part.tokens for part in parts)]).astype(dtype),
        offsets=offsets if parts else np.empty(0, np.int64),
        person=np.concatenate([nothing, *(part.person for part in parts)]).astype(np.int32),
        kinds=np.concatenate([nothing, *(part.kinds for part in parts)]).astype(np.uint8),
    )


def _map(
    function: Any, world: Any, seed: int, blocks: list[np.ndarray], workers: int
) -> list[Entries]:
    if workers <= 1 or len(blocks) == 1:
        return [function(world, seed, block) for block in blocks]
    # "spawn" is the one start method that is safe beside the threads of numerical libraries. The
    # world travels once per worker, not once per block.
    context = multiprocessing.get_context("spawn")
    workers = min(workers, len(blocks))
    with ProcessPoolExecutor(workers, context, _adopt, (world,)) as pool:
        return list(pool.map(partial(_in_worker, function, seed), blocks))


_worker: dict[str, Any] = {}


def _adopt(world: Any) -> None:
    _worker["world"] = world


def _in_worker(function: Any, seed: int, people: np.ndarray) -> Entries:
    return function(_worker["world"], seed, people)


def _render(world: Any, seed: int, people: np.ndarray) -> Entries:
    return world.render(generator(seed, "eval", int(people[0])), people)


def _stored(world: Any, seed: int, people: np.ndarray) -> Entries:
    return world.stored(generator(seed, "stored", int(people[0])), people)


def _mean_pass(world: Any, seed: int, blocks: list[np.ndarray]) -> float:
    """Mean tokens of a pass in 4 renderings (of the first 4 blocks of people, scaled to all)."""
    sample = np.concatenate(blocks[:4])
    totals = [
        len(world.render(generator(seed, "length", repeat), sample).tokens) for repeat in range(4)
    ]
    mean = sum(totals) / 4 * world.config.n_people / len(sample)
    return int(mean) if mean == int(mean) else mean


def _first_entries(stored: Entries, n_people: int) -> Entries:
    per_person = len(stored) // n_people
    return select(stored, np.arange(n_people) * per_person)


def select(entries: Entries, index: np.ndarray) -> Entries:
    """The entries `index` [n], in that order."""
    starts = entries.offsets[index]
    lengths = entries.offsets[index + 1] - starts
    offsets = np.concatenate([np.zeros(1, np.int64), lengths.cumsum()])
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Entries(entries.tokens[places], offsets, entries.person[index], entries.kinds[places])


def _write(
    folder: Path, manifest: dict[str, Any], arrays: dict[str, np.ndarray], vocabulary: list[str]
) -> None:
    for name, array in arrays.items():
        with replacing(folder / f"{name}.npy") as temporary, open(temporary, "wb") as file:
            np.save(file, array, allow_pickle=False)
    write_json(folder / "vocabulary.json", vocabulary)
    manifest["digests"] = {name: _array_digest(array) for name, array in arrays.items()}
    manifest["digests"]["vocabulary"] = _json_digest(vocabulary)
    manifest["digest"] = _manifest_digest(manifest)
    write_json(folder / "manifest.json", manifest)


def _open(path: Path) -> np.ndarray:
    try:
        small = path.stat().st_size < SMALL_BYTES
        return np.load(path, mmap_mode=None if small else "r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not a complete array file ({error})") from None


def _array_digest(array: np.ndarray) -> str:
    # Content, not file: the header that NumPy writes may change with its version.
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _json_digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _manifest_digest(manifest: dict[str, Any]) -> str:
    return _json_digest({key: value for key, value in manifest.items() if key != "digest"})
