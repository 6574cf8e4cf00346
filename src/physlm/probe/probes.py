"""The probes: for every task a low-rank update of the embedding, a norm and a linear layer.

Shapes: K task, B example, P place read in it, T token, C d_model, V vocabulary, M most classes.
All tasks go through the frozen model in one batch of K B rows, each row with the update of its own
task; nothing is shared between tasks, so each is trained as it would be alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.model.transformer import Block, Transformer
from physlm.probe.config import ProbeConfig
from physlm.probe.examples import Examples, Task
from physlm.probe.last_block import states_at
from physlm.random import torch_generator

# torch's defaults for LayerNorm and BatchNorm1d.
EPS, MOMENTUM = 1e-5, 0.1


class ProbeSet(nn.Module):
    """The probes of all tasks on one frozen model; see `probes_of`.

    The running statistics of the batch norm are parameters that never get a gradient, because
    checkpoints have parameters alone.
    """

    def __init__(
        self, frozen: "Frozen | Stored", tasks: tuple[Task, ...], config: ProbeConfig
    ) -> None:
        super().__init__()
        self.frozen, self.tasks = frozen, tasks
        n_tasks, d, most = len(tasks), frozen.d_model, max(task.n_classes for task in tasks)
        self.over_batch = config.kind == "q"
        if config.rank_embed:
            self.embed_tokens = nn.Parameter(
                torch.zeros(n_tasks, frozen.d_vocab, config.rank_embed)
            )
            self.embed_out = nn.Parameter(torch.empty(n_tasks, config.rank_embed, d))
        else:
            self.embed_tokens = self.embed_out = None
        # Norms have one dimension, so that the optimiser does not let them decay.
        self.norm_weight = nn.Parameter(torch.ones(n_tasks * d))
        self.norm_bias = nn.Parameter(torch.zeros(n_tasks * d))
        if self.over_batch:
            self.running_mean = nn.Parameter(torch.zeros(n_tasks * d))
            self.running_var = nn.Parameter(torch.ones(n_tasks * d))
        self.head_weight = nn.Parameter(torch.zeros(n_tasks, d, most))
        self.head_bias = nn.Parameter(torch.zeros(n_tasks, most))
        absent = torch.zeros(n_tasks, 1, most)
        for k, task in enumerate(tasks):
            absent[k, :, task.n_classes :] = -torch.inf
        self.register_buffer("absent", absent, persistent=False)
        self._init(config.seed, config.embed_std or 1 / max(config.rank_embed, 1))

    def _init(self, seed: int, embed_std: float) -> None:
        """Initial values; those of a task have generators named by the task."""
        with torch.no_grad():
            for k, task in enumerate(self.tasks):
                name = ("probe", task.name, task.attribute)
                bound = self.head_weight.shape[1] ** -0.5
                head = self.head_weight[k, :, : task.n_classes]
                head.copy_(
                    torch.empty(head.shape).uniform_(
                        -bound, bound, generator=torch_generator(seed, *name, "head")
                    )
                )
                if self.embed_out is not None:
                    generator = torch_generator(seed, *name, "embed")
                    self.embed_out[k].normal_(0.0, embed_std, generator=generator)

    def forward(self, numbers_B: Tensor) -> Tensor:
        """Logits [K, B, P, M] of examples by their numbers; -inf beyond a task's own classes."""
        states_KBPC = self.frozen(numbers_B, self.embed_tokens, self.embed_out)
        n_tasks, d = len(self.tasks), states_KBPC.shape[-1]
        shape = (n_tasks, *states_KBPC.shape[1:3], -1)
        norm = self._over_batch if self.over_batch else self._over_layer
        normed_KNC = norm(states_KBPC.expand(*shape).reshape(n_tasks, -1, d))
        logits_KNM = torch.baddbmm(self.head_bias[:, None], normed_KNC, self.head_weight)
        return (logits_KNM + cast(Tensor, self.absent)).view(shape)

    def _over_layer(self, x_KNC: Tensor) -> Tensor:
        shape = (len(x_KNC), 1, -1)
        normal = F.layer_norm(x_KNC, x_KNC.shape[-1:], eps=EPS)
        return normal * self.norm_weight.view(shape) + self.norm_bias.view(shape)

    def _over_batch(self, x_KNC: Tensor) -> Tensor:
        n_tasks, n, d = x_KNC.shape
        x = F.batch_norm(
            x_KNC.transpose(0, 1).reshape(n, -1),
            self.running_mean.detach(),
            self.running_var.detach(),
            self.norm_weight,
            self.norm_bias,
            self.training,
            MOMENTUM,
            EPS,
        )
        return x.view(n, n_tasks, d).transpose(0, 1)

    def train(self, mode: bool = True) -> "ProbeSet":
        """As torch's, but the frozen model always works as it does when it is examined."""
        super().train(mode)
        self.frozen.eval()
        return self


class Frozen(nn.Module):
    """The model, frozen, and the rows that it reads; calling it gives the states that are probed.

    Tokens after the last place that is read are left out for a causal model, to which they make no
    difference, and the last block works where it is read. ends_only: the update is for EOS alone,
    with which every row begins.
    """

    tokens: Tensor
    lengths: Tensor
    places: Tensor

    def __init__(self, model: Transformer, examples: Examples, ends_only: bool = False) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        self.d_model, self.d_vocab = model.config.d_model, model.config.d_vocab
        self.causal = bool(model.config.causal)
        self.only = int(examples.tokens[0, 0]) if ends_only else None
        n = int(examples.places.max()) + 1 if self.causal else examples.tokens.shape[1]
        self.n_ctx = n
        arrays = {"tokens": examples.tokens[:, :n], "lengths": examples.lengths}
        for name, array in {**arrays, "places": examples.places}.items():
            tensor = torch.from_numpy(np.ascontiguousarray(array))
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, numbers_B: Tensor, in_KVR: Tensor | None, out_KRC: Tensor | None) -> Tensor:
        """States [K, B, P, C] after the last block; [1, B, P, C] without an update."""
        tokens_BT, places_BP = self.tokens[numbers_B], self.places[numbers_B]
        n_tasks, (n, length) = 1 if in_KVR is None else len(in_KVR), tokens_BT.shape
        mask = None
        if not self.causal:
            mask = torch.arange(length, device=tokens_BT.device) < self.lengths[numbers_B, None]
            mask = mask.repeat(n_tasks, 1)
        update_NC = None
        if in_KVR is not None and out_KRC is not None:
            first = torch.arange(n_tasks, device=tokens_BT.device)[:, None] * self.d_vocab
            rows = F.embedding(tokens_BT.reshape(1, -1) + first, in_KVR.flatten(0, 1))
            if self.only is not None:
                rows = rows * (tokens_BT == self.only).view(1, -1, 1)
            update_NC = torch.bmm(rows, out_KRC).flatten(0, 1)
        tokens_NT, places_NP = tokens_BT.repeat(n_tasks, 1), places_BP.repeat(n_tasks, 1)
        run = self.model._begin(tokens_NT, mask, None)
        with _added(self.model.embed, update_NC):
            x_NC = self.model._embed(tokens_NT, run)
        for block in self.model.blocks[:-1]:
            x_NC = block(x_NC, run)
        states_RC = states_at(cast(Block, self.model.blocks[-1]), x_NC, run, places_NP)
        return states_RC.view(n_tasks, n, -1, self.d_model)


class Stored(nn.Module):
    """The states of all examples [n, P, C], which change no more without an update."""

    states: Tensor

    def __init__(self, states: Tensor, n_ctx: int) -> None:
        super().__init__()
        self.register_buffer("states", states, persistent=False)
        self.d_model, self.d_vocab, self.n_ctx = states.shape[-1], 0, n_ctx

    def forward(self, numbers_B: Tensor, in_KVR: None, out_KRC: None) -> Tensor:
        """States [1, B, P, C], the same for all tasks."""
        return self.states[numbers_B][None]


def probes_of(model: Transformer, examples: Examples, config: ProbeConfig) -> ProbeSet:
    """New probes of `model`, which is frozen; with rank_embed 0 it is run here, once."""
    frozen: Frozen | Stored = Frozen(model, examples, config.updated == "ends")
    if not config.rank_embed:
        frozen = stored(frozen, config.batch_size)
    return ProbeSet(frozen, examples.tasks, config)


def stored(frozen: Frozen, batch_size: int) -> Stored:
    """The states of every example, `batch_size` examples at a time."""
    frozen.to(device()).eval()
    numbers = torch.arange(len(frozen.tokens), device=frozen.tokens.device)
    with torch.no_grad():
        parts = [frozen(part, None, None)[0] for part in numbers.split(batch_size)]
    return Stored(torch.cat(parts), frozen.n_ctx)


def device() -> torch.device:
    """The device that training will use."""
    return torch.accelerator.current_accelerator() or torch.device("cpu")


@contextmanager
def _added(embed: nn.Embedding, update_NC: Tensor | None) -> Iterator[None]:
    """Let `embed` give its rows with the update added, while the context lasts."""
    if update_NC is None:
        yield
        return

    def add(module: nn.Module, given: tuple[Tensor, ...], rows_NC: Tensor) -> Tensor:
        return rows_NC + update_NC

    handle = embed.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()
