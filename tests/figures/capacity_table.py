"""Hand-made runs for the tests of the capacity figure and its claims (never shown as results)."""

from typing import Any

import pandas as pd


def runs(
    ratios: dict[tuple[int, int, int], list[float]],
    d_model: int = 32,
    n_layers: int = 2,
    lr_peak: float = 0.001,
) -> pd.DataFrame:
    """A table of runs: {(exposures, n_people, n_params): [R of each seed]}."""
    rows: list[dict[str, Any]] = []
    for (exposures, n_people, n_params), values in ratios.items():
        for seed, ratio in enumerate(values):
            bits = 43.0 * n_people
            rows.append(
                {
                    "world": "biod",
                    "arch": "gpt2_rot",
                    "n_people": n_people,
                    "exposures_nominal": exposures,
                    "exposures": float(exposures),
                    "n_layers": n_layers,
                    "d_model": d_model + n_params % 7,
                    "lr_peak": lr_peak,
                    "n_params": n_params,
                    "seed": seed,
                    "steps": 10,
                    "loss_name_nats": 7.0,
                    "loss_value_nats": 1.0,
                    "loss_first_chunk_nats": 0.2,
                    "value_accuracy": 0.5,
                    "learned_bits": ratio * n_params,
                    "max_learned_bits": bits,
                    "total_bits": bits + 1,
                    "bits_per_param": ratio,
                    "max_bits_per_param": bits / n_params,
                }
            )
    return pd.DataFrame(rows)
