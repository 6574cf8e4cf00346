"""AdamW and the learning-rate schedule."""

import math
from typing import Any

import torch
from torch import Tensor, nn

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


def make_optimiser(model: nn.Module, config: OptimiserConfig) -> "AdamW":
    """Fused AdamW over the trainable parameters of `model`.

    Weight decay leaves out norms and biases: every tensor with one dimension, and the biases that a
    mixture keeps for all its experts together. Embeddings decay like other matrices: they are also
    the output layer where tied, and the papers name no exception.
    """
    decayed, kept = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            (kept if p.dim() < 2 or name.endswith("bias") else decayed).append(p)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    return AdamW(
        [group for group in groups if group["params"]],
        lr=config.lr_peak,
        betas=(config.betas[0], config.betas[1]),
        eps=config.eps,
        fused=True,
    )


class AdamW(torch.optim.AdamW):
    """torch.optim.AdamW, fused, with less Python around the kernel.

    For a model of two small layers the stock step spends four fifths of its time on finding its
    tensors again and on a step counter for each of them. Here the lists are kept and a group has
    one counter. The numbers are the same (a test), and whatever is out of the ordinary (a loss
    scaler, a parameter without gradient) goes the stock way.
    """

    _lists: list[list[list[Tensor]]] | None = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update the parameters from their gradients."""
        scaled = getattr(self, "grad_scale", None) is not None
        gradients = [[p.grad for p in group["params"]] for group in self.param_groups]
        if closure is not None or scaled or any(g is None for gs in gradients for g in gs):
            self._forget()
            return super().step(closure)
        if self._lists is None:
            self._lists = [self._collect(group["params"]) for group in self.param_groups]
        for group, lists, grads in zip(self.param_groups, self._lists, gradients, strict=True):
            parameters, means, squares, steps, counters = lists
            for counter in counters:
                counter += 1
            torch._fused_adamw_(  # type: ignore[reportPrivateImportUsage]
                parameters,
                grads,
                means,
                squares,
                [],
                steps,
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )
        return None

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients, or set them to zero."""
        if not set_to_none:
            super().zero_grad(set_to_none=False)
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def load_state_dict(self, state_dict: Any) -> None:
        """Take over the state of another optimiser."""
        self._lists = None
        super().load_state_dict(state_dict)

    def _forget(self) -> None:
        """Give every parameter a counter of its own again, as the stock step expects."""
        if self._lists is not None:
            self._lists = None
            for state in self.state.values():
                state["step"] = state["step"].clone()

    def _collect(self, parameters: list[Tensor]) -> list[list[Tensor]]:
        """Parameters, moments, a step counter for each, and the counters without repetition."""
        for p in parameters:
            if not self.state[p]:
                self.state[p] = {
                    "step": torch.zeros((), dtype=torch.float32, device=p.device),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        states = [self.state[p] for p in parameters]
        if len({state["step"].item() for state in states}) == 1:
            for state in states:
                state["step"] = states[0]["step"]
        steps = [state["step"] for state in states]
        counters = list({id(step): step for step in steps}.values())
        means, squares = [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states]
        return [parameters, means, squares, steps, counters]
