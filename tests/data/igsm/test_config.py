"""Settings of iGSM: presets, and one clear line for what cannot be."""

import subprocess
import sys
from typing import Any

import pytest

from physlm.config import ConfigError, build
from physlm.data.igsm.config import Config


def test_presets_are_the_published_sets() -> None:
    med, hard = Config(preset="med"), Config(preset="hard")
    assert (med.op_max, med.ip_max, med.modulus, med.layers) == (15, 20, 23, (2, 3, 4))
    assert (hard.op_max, hard.ip_max, hard.items, hard.most_parts) == (21, 28, (2, 3, 4), 4)
    assert (med.train_bins, med.split, med.empty, med.n_names) == (17, "solution", True, None)


@pytest.mark.parametrize("preset", ["med", "hard", "tiny", "micro"])
def test_settings_left_out_have_the_values_of_the_preset(preset: Any) -> None:
    config = Config(preset=preset)
    values = {key: value for key, value in vars(config).items() if value is not None}
    assert set(vars(config)) - set(values) <= {"n_names"}
    assert build(Config, values) == config, "told or left out, it is the same"
    assert build(Config, {"preset": preset, "op_max": 3, "layers": [2]}).layers == (2,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "large"}, "preset='large': must be one of med, hard, tiny, micro"),
        ({"preset": "med", "op_max": 0}, "op_max=0: must be at least 1"),
        ({"preset": "med", "modulus": 1}, "modulus=1: must be at least 2"),
        ({"preset": "med", "most_parts": 0}, "most_parts=0: must be at least 1"),
        ({"preset": "med", "train_bins": 23}, "train_bins=23: must be from 1 to 22"),
        ({"preset": "med", "layers": [3, 2]}, "must be one or more ascending numbers from 2"),
        ({"preset": "med", "layers": []}, "must be one or more ascending numbers from 2"),
        ({"preset": "med", "items": [0, 1]}, "must be one or more ascending numbers from 1"),
        ({"preset": "med", "layers": [5], "ip_max": 40}, r"layers=\(5,\): must be at most 4"),
        ({"preset": "med", "items": [21], "ip_max": 90}, r"items=\(21,\): must be at most 20"),
        ({"preset": "med", "n_names": 8}, "n_names=8: must be null in english"),
        ({"preset": "tiny", "n_names": 2}, "n_names=2: must be at least 3"),
        ({"preset": "micro", "n_names": 9}, r"layers=\(2, 3\): must be at most 2, there are 26"),
        ({"preset": "med", "ip_max": 11}, "ip_max=11: must be at least 12 with layers"),
        ({"preset": "med", "ip_max": 1, "layers": [2], "items": [1]}, "must be at least 2 with"),
        ({"preset": "med", "ip_max": 10**20}, f"ip_max={10**20}: must be at most 1000000"),
        ({"preset": "med", "modulus": 10**6 + 1}, "modulus=1000001: must be at most 1000000"),
        ({"preset": "med", "order": "pqs"}, "order='pqs': must be one of pq, qp"),
        ({"preset": "med", "op_maximum": 3}, "did you mean op_max"),
    ],
    ids=str,
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Config, settings)


def test_settings_do_not_load_the_compiler() -> None:
    code = """
import sys
from physlm.data.igsm.worlds import igsm, plan
igsm.Source(igsm.Config(preset="micro")).vocabulary
plan.Config()
assert "numba" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
