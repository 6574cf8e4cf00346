"""The probes against models without hooks, torch's layers and a logistic regression."""

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.data.corpus import Corpus
from physlm.model.transformer import Transformer
from physlm.probe.config import ProbeConfig
from physlm.probe.examples import Examples, Task, examples
from physlm.probe.probes import Frozen, ProbeSet, Stored, probes_of
from physlm.probe.training import Draws, hits, loss_of
from physlm.train.checkpoints import digest
from physlm.train.loop import train
from tests.probe import toy


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return toy.corpus(tmp_path_factory.mktemp("corpus"))


def fit(
    probes: ProbeSet, given: Examples, config: ProbeConfig, scratch: Path, loss: Any = None
) -> ProbeSet:
    """The probes trained on all examples."""
    numbers = np.arange(len(given.person))
    draws = Draws(numbers, config.batch_size, probes.frozen.n_ctx, config.seed)
    loss = loss or loss_of(given, numbers)
    train(probes, loss, draws, config.n_steps, config, {}, scratch)
    return probes


def plain_states(model: Transformer, given: Examples, number: int) -> Tensor:
    """States [P, C] of one example, read without padding, hooks or other rows."""
    found: dict[str, Tensor] = {}
    row = torch.from_numpy(given.tokens[number, : given.lengths[number]])
    with torch.no_grad():
        model(row[None], found)
    return found[f"blocks.{model.config.n_layers - 1}.resid_post"][0, given.places[number]]


@pytest.mark.parametrize(
    "settings",
    [
        *({"arch": arch} for arch in ("gpt2_rot", "gpt2", "gbert", "bert", "llama", "deberta")),
        {"canon": "ABCD"},
        {"mlp": "moe", "n_experts": 4, "eval_capacity_factor": 0.0},
        {"mlp": "none"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
@pytest.mark.parametrize("kind", ["p", "q"])
@pytest.mark.parametrize("ends_only", [False, True])
def test_states_are_those_of_a_model_whose_embedding_has_the_update(
    opened: Corpus, settings: dict[str, Any], kind: str, ends_only: bool
) -> None:
    given, model = examples(opened, toy.config(kind=kind)), toy.model(opened, **settings)
    frozen = Frozen(copy.deepcopy(model), given, ends_only)
    rng = torch.Generator().manual_seed(0)
    v, d = model.config.d_vocab, model.config.d_model
    into, out = torch.randn(3, v, 2, generator=rng), torch.randn(3, 2, d, generator=rng)
    numbers = torch.tensor([0, 7, 33, 8])
    plain, updated = frozen(numbers, None, None), frozen(numbers, into, out)
    assert plain.shape == (1, 4, given.places.shape[1], d)
    assert updated.shape == (3, *plain.shape[1:])
    for k in range(3):
        other = copy.deepcopy(model)
        with torch.no_grad():
            update = into[k] @ out[k]
            rows = [opened.manifest["eos"]] if ends_only else list(range(v))
            other.embed.weight[rows] += update[rows]
        for i, number in enumerate(numbers.tolist()):
            assert torch.allclose(updated[k, i], plain_states(other, given, number), atol=1e-4)
            assert torch.allclose(plain[0, i], plain_states(model, given, number), atol=1e-4)
    assert not torch.allclose(updated[0], updated[1], atol=1e-3)


@pytest.mark.parametrize("kind", ["p", "q"])
def test_the_last_block_works_where_it_is_read_alone(opened: Corpus, kind: str) -> None:
    given, model = examples(opened, toy.config(kind=kind)), toy.model(opened)
    rows: list[int] = []
    blocks: Any = model.blocks
    for block in blocks:
        block.mlp.up.register_forward_hook(lambda layer, given, out: rows.append(len(out)))
    frozen, n_places = Frozen(model, given), given.places.shape[1]
    frozen(torch.arange(7), None, None)
    assert rows == [7 * frozen.n_ctx, 7 * n_places]


@pytest.mark.parametrize("kind", ["p", "q"])
@pytest.mark.parametrize("rank", [0, 2])
def test_the_model_is_left_as_it_was(opened: Corpus, tmp_path: Path, kind: str, rank: int) -> None:
    config = toy.config(kind=kind, rank_embed=rank)
    given, model = examples(opened, config), toy.model(opened)
    before, states = digest(dict(model.named_parameters())), plain_states(model, given, 3)
    fit(probes_of(model, given, config), given, config, tmp_path)
    assert digest(dict(model.named_parameters())) == before
    assert torch.equal(plain_states(model, given, 3), states)


def test_the_model_works_as_when_it_is_examined(opened: Corpus) -> None:
    # Experts have fewer places in training.
    model = toy.model(opened, mlp="moe", n_experts=4, capacity_factor=1.0, n_layers=1)
    config = toy.config(tasks=["first"])
    numbers, tokens = torch.arange(9), torch.from_numpy(examples(opened, config).tokens[:9])
    examined = model(tokens)
    assert not torch.allclose(model.train()(tokens), examined, atol=1e-3)
    probes = probes_of(model, examples(opened, config), config)
    with torch.no_grad():
        assert torch.equal(probes.train()(numbers), probes.eval()(numbers))


@pytest.mark.parametrize("kind", ["p", "q"])
@pytest.mark.parametrize("rank", [0, 3])
def test_tasks_side_by_side_are_tasks_alone(
    opened: Corpus, tmp_path: Path, kind: str, rank: int
) -> None:
    config = toy.config(kind=kind, rank_embed=rank, n_steps=25)
    given = examples(opened, config)
    together = fit(probes_of(toy.model(opened), given, config), given, config, tmp_path / "all")
    whole, right = dict(together.named_parameters()), hits(together, given, 16)
    for k in (0, 4, 9):
        one = dataclasses.replace(
            given,
            tasks=given.tasks[k : k + 1],
            scored=given.scored[:, :, k : k + 1],
            labels=given.labels[:, k : k + 1],
        )
        alone = fit(probes_of(toy.model(opened), one, config), one, config, tmp_path / str(k))
        compared = 0
        for name, parameter in alone.named_parameters():
            if not parameter.requires_grad:
                continue
            ours = whole[name].view(len(given.tasks), -1)[k].detach()
            if name.startswith("head"):
                # The other tasks' classes are in one tensor with the task's own.
                ours = whole[name][k][..., : given.tasks[k].n_classes].detach()
            assert torch.allclose(ours.reshape(-1), parameter.detach().reshape(-1), atol=1e-5)
            compared += 1
        assert compared == 4 + 2 * (kind == "q") + 2 * (rank > 0)
        assert (hits(alone, one, 16)[..., 0] != right[..., k]).mean() < 0.01


@pytest.mark.parametrize("kind", ["p", "q"])
def test_without_an_update_states_may_be_stored(opened: Corpus, tmp_path: Path, kind: str) -> None:
    config = toy.config(kind=kind, rank_embed=0, n_steps=30)
    given = examples(opened, config)
    fast = probes_of(toy.model(opened), given, config)
    assert isinstance(fast.frozen, Stored)
    slow = ProbeSet(Frozen(toy.model(opened), given), given.tasks, config)
    fit(fast, given, config, tmp_path / "fast")
    fit(slow, given, config, tmp_path / "slow")
    slower = dict(slow.named_parameters())
    for name, parameter in fast.named_parameters():
        assert torch.allclose(parameter, slower[name], atol=1e-4), name


@pytest.mark.parametrize("kind", ["p", "q"])
def test_logits_are_those_of_torchs_layers(opened: Corpus, tmp_path: Path, kind: str) -> None:
    config = toy.config(kind=kind, tasks=["first"], n_steps=20)
    given = examples(opened, config)
    probes = fit(probes_of(toy.model(opened), given, config), given, config, tmp_path).eval()
    numbers = torch.arange(5)
    states = probes.frozen(numbers, probes.embed_tokens, probes.embed_out)
    logits = probes(numbers)
    d, n_tasks = states.shape[-1], len(given.tasks)
    parameters = {
        name: p.detach().view(n_tasks, -1)
        for name, p in probes.named_parameters()
        if p.requires_grad
    }
    for k, task in enumerate(given.tasks):
        norm: Any = nn.BatchNorm1d(d) if kind == "q" else nn.LayerNorm(d)
        norm.weight.data, norm.bias.data = parameters["norm_weight"][k], parameters["norm_bias"][k]
        if kind == "q":
            norm.running_mean.copy_(parameters["running_mean"][k])
            norm.running_var.copy_(parameters["running_var"][k])
        head = nn.Linear(d, task.n_classes)
        head.weight.data = probes.head_weight[k, :, : task.n_classes].detach().T
        head.bias.data = parameters["head_bias"][k, : task.n_classes]
        expected = head(norm.eval()(states[k].flatten(0, 1))).view(5, -1, task.n_classes)
        assert torch.allclose(logits[k, ..., : task.n_classes], expected, atol=1e-4)
        assert torch.isneginf(logits[k, ..., task.n_classes :]).all()


def test_the_batch_norm_keeps_torchs_running_statistics(opened: Corpus, tmp_path: Path) -> None:
    config = toy.config(kind="q", tasks=["first"], rank_embed=0, n_steps=30, batch_size=7)
    given = examples(opened, config)
    probes = probes_of(toy.model(opened), given, config)
    states = probes.frozen(torch.arange(40), None, None)[0, :, 0]
    seen: list[Tensor] = []
    loss = loss_of(given, np.arange(40))

    def noted(model: nn.Module, batch: Tensor) -> Tensor:
        seen.append(batch[:, 0].clone())
        return loss(model, batch)

    fit(probes, given, config, tmp_path, noted)
    norm = nn.BatchNorm1d(states.shape[1])
    for numbers in seen:
        norm(states[numbers])
    assert len(seen) == 30
    for k in range(6):
        ours = probes.running_mean.view(6, -1)[k], probes.running_var.view(6, -1)[k]
        assert torch.allclose(ours[0], norm.running_mean, atol=1e-6)  # type: ignore[arg-type]
        assert torch.allclose(ours[1], norm.running_var, atol=1e-6)  # type: ignore[arg-type]
    # A person's logits do not depend on who else is looked at.
    probes.eval()
    alone, among = probes(torch.tensor([4])), probes(torch.arange(40))
    assert torch.allclose(alone[:, 0], among[:, 4], atol=1e-5)
    probes.train()
    assert not torch.allclose(probes(torch.arange(4))[:, 3], among[:, 3], atol=1e-2)


def made_up(states: Tensor, labels: np.ndarray, n_classes: int) -> tuple[Stored, Examples]:
    """States [n, C] with labels [n] as examples of one place and one task."""
    n = len(labels)
    given = Examples(
        tasks=(Task("first", "major", n_classes),),
        tokens=np.zeros((n, 1), np.int64),
        lengths=np.ones(n, np.int64),
        places=np.zeros((n, 1), np.int64),
        scored=np.ones((n, 1, 1), bool),
        labels=labels[:, None],
        person=np.arange(n),
    )
    return Stored(states[:, None], 1), given


@pytest.mark.parametrize("kind", ["p", "q"])
def test_a_label_that_is_linear_in_the_states_is_read(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=300)
    noise = rng.normal(size=(300, 12)).astype(np.float32)
    states = torch.from_numpy(0.1 * noise + noise[:5][labels])
    stored, given = made_up(states, labels, 5)
    config = toy.config(kind=kind, rank_embed=0, n_steps=300, batch_size=50)
    probes = ProbeSet(stored, given.tasks, config)
    train(
        probes,
        loss_of(given, np.arange(150)),
        Draws(np.arange(150), 50, 1, 0),
        config.n_steps,
        config,
        {},
        tmp_path,
    )
    assert hits(probes, given, 64)[150:].mean() > 0.99


def test_a_p_probe_is_a_logistic_regression_on_normed_states(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(4, size=800)
    centres = rng.normal(size=(4, 8))
    states = torch.from_numpy((centres[labels] + 1.5 * rng.normal(size=(800, 8))).astype("f4"))
    stored, given = made_up(states, labels, 4)
    config = toy.config(
        rank_embed=0,
        n_steps=1500,
        batch_size=400,
        optimiser={"lr_peak": 0.02, "eps": 1e-6, "weight_decay": 0.0},
    )
    probes, seen = ProbeSet(stored, given.tasks, config), np.arange(400)
    loss = loss_of(given, seen)
    train(probes, loss, Draws(seen, 400, 1, 0), config.n_steps, config, {}, tmp_path)
    probes.eval()
    ours = loss(probes, torch.from_numpy(seen)[:, None]).item()

    x = states.double() - states.double().mean(1, keepdim=True)
    x = x / (x.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()
    y, weight, bias = torch.from_numpy(labels), torch.zeros(8, 4).double(), torch.zeros(4).double()
    weight.requires_grad_()
    bias.requires_grad_()
    lbfgs = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        lbfgs.zero_grad()
        value = F.cross_entropy(x[:400] @ weight + bias, y[:400])
        value.backward()
        return value

    lbfgs.step(closure)
    best = closure().item()
    assert ours == pytest.approx(best, abs=1e-3)
    expected = (x @ weight + bias).argmax(1) == y
    right = torch.from_numpy(hits(probes, given, 100)[:, 0, 0])
    assert 0.5 < expected[400:].float().mean() < 0.95
    assert abs(right[400:].float().mean() - expected[400:].float().mean()) < 0.01
    assert (right != expected).float().mean() < 0.01
