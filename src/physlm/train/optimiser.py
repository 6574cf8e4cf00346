"""AdamW and the learning-rate schedule."""

import math

import torch
from torch import nn

from physlm.train.config import OptimiserConfig, ScheduleConfig


def learning_rate(step: int, n_steps: int, lr_peak: float, schedule: ScheduleConfig) -> float:
    """The learning rate of update `step` (from 0) of `n_steps`.

    The peak is reached at the last update of the warm-up, final_ratio of it at the last of all.
    """
    warmup = schedule.warmup_steps
    if step < warmup:
        return lr_peak * (step + 1) / warmup
    progress = (step + 1 - warmup) / max(1, n_steps - warmup)
    if schedule.kind == "constant":
        return lr_peak
    left = 1 - progress if schedule.kind == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return lr_peak * (schedule.final_ratio + (1 - schedule.final_ratio) * left)


def make_optimiser(model: nn.Module, config: OptimiserConfig) -> torch.optim.AdamW:
    """Fused AdamW over the trainable parameters of `model`.

    Weight decay leaves out norms and biases (every tensor with one dimension). Embeddings decay
    like other matrices: they are also the output layer where tied, and the papers name no
    exception.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.lr_peak,
        betas=(config.betas[0], config.betas[1]),
        eps=config.eps,
        fused=True,
    )
