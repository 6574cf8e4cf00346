"""The schedule at its corners, and AdamW against the stock one."""

import copy

import pytest
import torch

from physlm.config import ConfigError, build
from physlm.random import torch_generator
from physlm.train.config import OptimiserConfig, PretrainConfig, ScheduleConfig
from physlm.train.optimiser import AdamW, learning_rate, make_optimiser
from tests.train import toy


@pytest.mark.parametrize(("kind", "middle"), [("cosine", 0.55), ("linear", 0.55), ("constant", 1)])
def test_schedule_at_start_peak_middle_and_end(kind: str, middle: float) -> None:
    schedule = build(ScheduleConfig, {"kind": kind, "warmup_steps": 10, "final_ratio": 0.1})
    rates = [learning_rate(step, 110, 2.0, schedule) for step in range(110)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == pytest.approx(2.0)
    assert rates[59] == pytest.approx(2 * middle)
    assert rates[-1] == pytest.approx(2.0 if kind == "constant" else 0.2)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_no_warm_up_starts_near_the_peak() -> None:
    schedule = ScheduleConfig(kind="linear", warmup_steps=0, final_ratio=0.0)
    assert learning_rate(0, 10, 1.0, schedule) == pytest.approx(0.9)
    assert learning_rate(9, 10, 1.0, schedule) == pytest.approx(0.0)


def networks(n: int) -> list[torch.nn.Module]:
    made = []
    for _ in range(n):
        model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.LayerNorm(7))
        with torch.no_grad():
            for i, parameter in enumerate(model.parameters()):
                parameter.copy_(torch.randn(parameter.shape, generator=torch_generator(0, i)))
        made.append(model)
    return made


def backward(model: torch.nn.Module, step: int) -> None:
    x = torch.randn(3, 5, generator=torch_generator(1, step))
    model(x).pow(2).sum().backward()


def test_the_lean_step_is_the_stock_step_bit_for_bit() -> None:
    ours, stock = networks(2)
    config = OptimiserConfig(lr_peak=0.01, weight_decay=0.1)
    lean = make_optimiser(ours, config)
    matrices = [p for p in stock.parameters() if p.dim() == 2]
    vectors = [p for p in stock.parameters() if p.dim() == 1]
    reference = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=0.01,
        betas=(0.9, 0.98),
        eps=1e-8,
        fused=True,
    )
    for step in range(12):
        for model, optimiser in ((ours, lean), (stock, reference)):
            backward(model, step)
            if step == 5:  # a parameter without gradient takes the stock way
                next(model.parameters()).grad = None
            for group in optimiser.param_groups:
                group["lr"] = 0.01 / (step + 1)
            optimiser.step()
            optimiser.zero_grad()
        for a, b in zip(ours.parameters(), stock.parameters(), strict=True):
            assert torch.equal(a, b)
        if step == 8:
            lean.load_state_dict(copy.deepcopy(reference.state_dict()))
    counters = {s["step"].item() for s in lean.state.values()}
    assert counters == {s["step"].item() for s in reference.state.values()}


def test_decay_leaves_out_norms_and_biases() -> None:
    model = networks(1)[0]
    optimiser = make_optimiser(model, OptimiserConfig(lr_peak=1.0, weight_decay=0.3))
    assert isinstance(optimiser, AdamW)
    decays = {id(p): g["weight_decay"] for g in optimiser.param_groups for p in g["params"]}
    expected = [0.3, 0.0, 0.0, 0.0]
    assert [decays[id(p)] for p in model.parameters()] == expected


def test_decay_leaves_out_the_biases_of_experts_too() -> None:
    model = {"arch": "gpt2_rot", "n_layers": 1, "d_model": 8, "n_heads": 2, "mlp": "moe"}
    mixture = toy.fresh(toy.config(model=model | {"n_experts": 2}))
    optimiser = make_optimiser(mixture, OptimiserConfig(lr_peak=1.0, weight_decay=0.3))
    decays = {id(p): g["weight_decay"] for g in optimiser.param_groups for p in g["params"]}
    for name, parameter in mixture.named_parameters():
        matrix = "norm" not in name and "bias" not in name
        assert decays[id(parameter)] == (0.3 if matrix else 0.0), name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimiser": {"lr_peak": -1}}, "optimiser.lr_peak=-1.0: must be above 0"),
        ({"optimiser": {}}, "optimiser.lr_peak: missing"),
        ({"optimiser": {"lr_peak": 1, "betas": [0.9]}}, "optimiser.betas=[0.9]: must be two"),
        ({"schedule": {"kind": "step"}}, "schedule.kind='step': must be one of cosine, linear"),
        ({"schedule": {"final_ratio": 2}}, "schedule.final_ratio=2.0: must be from 0 to 1"),
        ({"stream": {"n_ctx": 8}}, "stream.batch_size=None: must be given, or batch_tokens"),
        (
            {"stream": {"n_ctx": 8, "batch_size": 2, "batch_tokens": 16}},
            "stream.batch_tokens=16: must be left out beside batch_size=2",
        ),
        (
            {"stream": {"n_ctx": 8, "batch_tokens": 20}},
            "stream.batch_tokens=20: must be a multiple of n_ctx=8",
        ),
        ({"stream": {"n_ctx": 8, "batch_tokens": 0}}, "stream.batch_tokens=0: must be a multiple"),
        ({"stream": {"n_ctx": 8, "batch_size": 0}}, "stream.batch_size=0: must be at least 1"),
        ({"precision": "fp64"}, "precision='fp64': must be one of fp32, bf16, fp16"),
        ({"micro_batch_size": 0}, "micro_batch_size=0: must be at least 1"),
        ({"exposures": -1}, "exposures=-1.0: must be 0 or more"),
        ({"lr": 1}, "lr=1: unknown key"),
    ],
)
def test_bad_settings_are_one_clear_line(values: dict, message: str) -> None:
    good = {
        "seed": 0,
        "model": {"n_layers": 1, "d_model": 8, "n_heads": 1},
        "stream": {"n_ctx": 8, "batch_size": 2},
        "exposures": 3,
        "optimiser": {"lr_peak": 0.1},
    }
    with pytest.raises(ConfigError) as error:
        build(PretrainConfig, good | values)
    assert message in str(error.value)
