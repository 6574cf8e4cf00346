"""Checkpoints to resume from: one safetensors file, replaced atomically, nothing pickled.

The tensors are the weights that are trained (`model.`), the optimiser's state
(`optimiser.<kind>.`) and the state of torch's generator (`random`); the rest is JSON in the file's
metadata, with a SHA-256 of it all. Frozen weights are those of a base, whose digest belongs to the
identity of the run. The file on disk is always the last good one: a new one takes its place only
when it is complete.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from physlm.files import replacing


@dataclass(frozen=True)
class Progress:
    """Where a run stands: steps done, state of the stream, the latest losses, the loss scaler."""

    step: int
    stream: dict[str, Any]
    losses: list[float]
    scaler: dict[str, Any]


def save(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
    identity: dict[str, Any],
) -> None:
    """Write a checkpoint; FloatingPointError, and the old file kept, if a weight is not finite.

    `identity` says what the run computes (configuration, digest of the corpus); only a run with an
    equal one may resume.
    """
    check_finite(model, progress.step)
    parameters = trained(model)
    tensors = {f"model.{name}": p.detach() for name, p in parameters.items()}
    for name, parameter in parameters.items():
        for kind, value in optimiser.state.get(parameter, {}).items():
            # Parameters may share a step counter; safetensors wants a tensor for each name.
            tensors[f"optimiser.{kind}.{name}"] = value.clone() if value.dim() == 0 else value
    tensors["random"] = torch.get_rng_state()
    tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
    state = json.dumps({"identity": identity, **vars(progress)})
    with replacing(path) as temporary:
        save_file(tensors, temporary, {"state": state, "digest": digest(tensors, state)})
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())


def load(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, identity: dict[str, Any]
) -> Progress | None:
    """Put the state of the checkpoint into `model` and `optimiser`; None if there is no file.

    Raises ValueError, and changes nothing, if the file is damaged or another run's.
    """
    if not path.exists():
        return None
    state, tensors = _read(path)
    difference = _difference(state.pop("identity"), identity)
    if difference:
        raise ValueError(
            f"{path}: is the checkpoint of another run, {difference}; move it away to start anew"
        )
    parameters = trained(model)
    saved = {name.removeprefix("model.") for name in tensors if name.startswith("model.")}
    if saved != parameters.keys() or any(
        tensors[f"model.{name}"].shape != p.shape for name, p in parameters.items()
    ):
        raise ValueError(f"{path}: its tensors are not those of this model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"model.{name}"])
    _load_optimiser(parameters, optimiser, tensors)
    torch.set_rng_state(tensors["random"])
    return Progress(**state)


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training changes, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def digest(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """SHA-256 of `text` and of names, types, shapes and bits of the tensors, as hexadecimal."""
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        sha.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def check_finite(model: nn.Module, step: int) -> None:
    """FloatingPointError if a weight after `step` steps is not finite."""
    for name, parameter in trained(model).items():
        if not torch.isfinite(parameter.detach()).all():
            raise FloatingPointError(f"{name} is not finite after step {step}")


def _load_optimiser(
    parameters: dict[str, nn.Parameter],
    optimiser: torch.optim.Optimizer,
    tensors: dict[str, Tensor],
) -> None:
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, kind, name = key.split(".", 2)
            parameter = parameters[name]
            # A copy: tensors that come from the file may share memory with its map.
            optimiser.state[parameter][kind] = value.to(parameter.device, copy=True)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    damaged = f"{path}: is damaged and cannot be resumed from; move it away to start anew"
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{damaged} ({error})") from None
    if metadata.get("digest") != digest(tensors, metadata.get("state", "")):
        raise ValueError(damaged)
    return json.loads(metadata["state"]), tensors


def _difference(theirs: Any, ours: Any, key: str = "") -> str:
    """The first setting in which two identities differ, in words; empty if they do not."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted({*theirs, *ours}):
            inner = _difference(theirs.get(name), ours.get(name), f"{key}.{name}".lstrip("."))
            if inner:
                return inner
        return ""
    # Through JSON, as the file's side went: tuples are lists there.
    same = json.dumps(theirs) == json.dumps(ours)
    return "" if same else f"{key} is {theirs!r} there and {ours!r} here"
