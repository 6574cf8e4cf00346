"""The MLP and its mixture of experts.

Shapes: N rows, C d_model, E experts, P places of an expert, U n_up d_mlp.
"""

import math

import torch
from torch import Tensor, nn

from physlm.model.cache import Pass
from physlm.model.canon import Canon
from physlm.model.config import ModelConfig
from physlm.model.functions import ACTIVATIONS, HIDDEN


class Mlp(nn.Module):
    """Up, a hidden function, down; a Canon layer (D) may stand before the activation."""

    def __init__(self, config: ModelConfig, index: int) -> None:
        super().__init__()
        self.name = f"blocks.{index}.mlp.hidden"
        self.hidden = HIDDEN[config.mlp or ""]
        self.activation = ACTIVATIONS[config.activation or ""]
        d_mlp, biases = config.d_mlp or 0, bool(config.biases)
        d_up = config.n_up * d_mlp
        self.up = nn.Linear(config.d_model, d_up, bias=biases)
        self.down = nn.Linear(d_mlp, config.d_model, bias=biases)
        self.canon = (
            Canon(d_up, config.canon_kernel, config.canon_residual) if "D" in config.canon else None
        )

    def forward(self, x_NC: Tensor, run: Pass) -> Tensor:
        """The stream [N, C] to what is added to it."""
        up = self.up(x_NC)
        if self.canon is not None:
            up = self.canon(up, run)
        hidden = self.hidden(up, self.activation)
        run.keep(self.name, hidden)
        return self.down(hidden)


class Experts(nn.Module):
    """A mixture of experts: each token goes through the top_k of its router's choice.

    An expert has places for capacity_factor top_k N / n_experts tokens, taken by early positions
    first, so that no later token changes what an earlier one gets (rows of a batch do compete; the
    released mixtures give places in the order of the rows). A token without a place adds nothing.
    Weights of the choices are the router's probabilities (Part 3.3, section 9; GShard).
    """

    def __init__(self, config: ModelConfig, index: int) -> None:
        super().__init__()
        self.n_experts, self.top_k = config.n_experts, config.top_k
        self.factors = (config.eval_capacity_factor, config.capacity_factor)
        self.balance_weight = config.balance_weight
        self.hidden = HIDDEN[config.mlp or ""]
        self.activation = ACTIVATIONS[config.activation or ""]
        d, d_mlp, n = config.d_model, config.d_mlp or 0, config.n_experts
        self.router = nn.Linear(d, n, bias=False)
        self.up = nn.Parameter(torch.zeros(n, d, config.n_up * d_mlp))
        self.down = nn.Parameter(torch.zeros(n, d_mlp, d))
        biases = bool(config.biases)
        self.up_bias = nn.Parameter(torch.zeros(n, config.n_up * d_mlp)) if biases else None
        self.down_bias = nn.Parameter(torch.zeros(n, d)) if biases else None
        self.balance: Tensor | None = None

    def forward(self, x_NC: Tensor, run: Pass) -> Tensor:
        """The stream [N, C] to what is added to it; leaves `balance` for the loss."""
        probability_NE = self.router(x_NC).float().softmax(-1)
        weight, expert = probability_NE.topk(self.top_k, -1)
        self.balance = self._balance(probability_NE, expert[:, 0]) if self.training else None
        places, kept, n_places = self._places(expert, run)
        # One place more than there are: where tokens without a place go.
        room = x_NC.new_zeros(self.n_experts * n_places + 1, x_NC.shape[-1])
        room = room.index_copy(0, places, x_NC.repeat_interleave(self.top_k, 0))
        done = self._run(room[:-1].view(self.n_experts, n_places, -1)).flatten(0, 1)
        chosen = done[places.clamp(max=len(done) - 1)]
        scale = (weight.flatten() * kept).to(done.dtype)
        return (chosen * scale[:, None]).view(len(x_NC), self.top_k, -1).sum(1)

    def _run(self, x_EPC: Tensor) -> Tensor:
        up = torch.bmm(x_EPC, self.up.to(x_EPC.dtype))
        if self.up_bias is not None:
            up = up + self.up_bias[:, None]
        out = torch.bmm(self.hidden(up, self.activation), self.down.to(x_EPC.dtype))
        return out if self.down_bias is None else out + self.down_bias[:, None]

    def _places(self, expert_NK: Tensor, run: Pass) -> tuple[Tensor, Tensor, int]:
        """The place of each choice [N K] (the last for none), whether it has one, places each."""
        n_choices = expert_NK.numel()
        factor = self.factors[self.training]
        n_places = math.ceil(factor * n_choices / self.n_experts) if factor else n_choices
        n_places = min(n_places, n_choices)
        # First choices before second ones, positions before rows.
        order = torch.arange(n_choices, device=expert_NK.device)
        order = order.view(run.n_rows, -1, self.top_k).permute(2, 1, 0).flatten()
        queue = expert_NK.flatten()[order]
        taken = torch.zeros(n_choices, self.n_experts, dtype=torch.int32, device=queue.device)
        before = taken.scatter_(1, queue[:, None], 1).cumsum(0).gather(1, queue[:, None])[:, 0] - 1
        rank = torch.empty_like(before).index_copy_(0, order, before)
        kept = rank < n_places
        none = self.n_experts * n_places
        return (expert_NK.flatten() * n_places + rank).masked_fill(~kept, none), kept, n_places

    def _balance(self, probability_NE: Tensor, first_N: Tensor) -> Tensor:
        """E sum_e (share of tokens whose first choice is e) (mean probability of e): 1 if even."""
        share = torch.bincount(first_N, minlength=self.n_experts) / len(first_N)
        return self.n_experts * (share * probability_NE.mean(0)).sum()


def balance_loss(model: nn.Module) -> Tensor | float:
    """The weighted load-balancing losses of the last pass in training; 0.0 without mixtures."""
    experts = [m for m in model.modules() if isinstance(m, Experts) and m.balance is not None]
    return sum((m.balance_weight * m.balance for m in experts if m.balance is not None), 0.0)
