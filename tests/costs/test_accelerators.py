"""Times by hand, peaks, and what is refused."""

from dataclasses import replace

import pytest

from physlm.config import ConfigError
from physlm.costs import accelerators
from physlm.costs.accelerators import ACCELERATORS, Accelerator, find
from physlm.costs.steps import Cost

COST = Cost(
    tokens=1, kept_bytes=0, flops=6e15, n_calls=1000, n_layers=3, d_model=96, precision="bf16"
)


def test_time_of_flops_alone() -> None:
    # 6e15 / (0.5 x 300e12) = 40 s.
    card = Accelerator("card", 0.5, {"bf16": 300e12})
    assert card.seconds(COST) == pytest.approx(40)


def test_overhead_and_narrowness() -> None:
    card = Accelerator("card", 0.5, {"bf16": 300e12}, half_width=96, overhead_s=0.01)
    # Width 96 reaches half; 1000 updates cost 0.01 s for each of 3 layers and one, a third of that
    # if forward only.
    assert card.seconds(replace(COST, backward=True)) == pytest.approx(80 + 1000 * 0.01 * 4)
    assert card.seconds(COST) == pytest.approx(80 + 1000 * 0.01 * 4 / 3)
    assert card.seconds(replace(COST, n_calls=0, flops=0.0)) == 0


def test_the_peak_of_this_machine_is_a_product_of_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(accelerators, "MEASURE_S", 0.05)
    accelerators.measured_rate.cache_clear()
    threads = torch.get_num_threads()
    rate = ACCELERATORS["cpu"].rate("fp32", 1)
    accelerators.measured_rate.cache_clear()
    assert torch.get_num_threads() == threads
    assert 1e9 < rate < 1e13


@pytest.mark.parametrize(
    ("name", "utilisation", "words"),
    [
        ("h10", None, ["on='h10'", "one of cpu, v100, a100, h100"]),
        ("h100", 0.0, ["utilisation=0.0", "above 0 and at most 1"]),
        ("cpu", 1.01, ["utilisation=1.01", "above 0 and at most 1"]),
        ("h100", float("nan"), ["utilisation=nan"]),
    ],
)
def test_refused(name: str, utilisation: float | None, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        find(name, utilisation)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(("name", "precision"), [("v100", "bf16"), ("cpu", "fp16")])
def test_a_precision_it_has_not(name: str, precision: str) -> None:
    with pytest.raises(ConfigError, match=f"on='{name}': has no {precision}"):
        find(name).seconds(replace(COST, precision=precision))
