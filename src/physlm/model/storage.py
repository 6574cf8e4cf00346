"""A trained model on disk: model.safetensors and model.json."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from physlm.config import build
from physlm.files import read_json, replacing, write_json
from physlm.model.config import ModelConfig, count_parameters
from physlm.model.transformer import Transformer


def save_model(folder: str | os.PathLike[str], model: Transformer, **facts: Any) -> None:
    """Write the weights, and beside them the configuration, n_params, arch and `facts`."""
    target = Path(folder)
    weights = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    with replacing(target / "model.safetensors") as temporary:
        save_file(weights, temporary)
    info = {
        "arch": model.config.arch,
        "n_params": count_parameters(model.config),
        "config": dataclasses.asdict(model.config),
        **facts,
    }
    write_json(target / "model.json", info)


def load_model(
    folder: str | os.PathLike[str], device: str | torch.device = "cpu"
) -> tuple[Transformer, dict[str, Any]]:
    """The model and what model.json says of it; ValueError if the files do not fit together."""
    source = Path(folder)
    info = read_json(source / "model.json")
    model = Transformer(build(ModelConfig, info["config"], str(source / "model.json")))
    try:
        weights = load_file(source / "model.safetensors")
        model.load_state_dict(weights)
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{source / 'model.safetensors'}: does not fit ({reason})") from None
    return model.to(device).eval(), info
