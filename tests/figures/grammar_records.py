"""Hand-made records of models of grammars for the tests of Part 1 (never shown as results)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WORLD: dict[str, Any] = {"grammar": "cfg3f", "root": 16, "n_levels": 5}


def facts(arch: str, seed: int, steps: int = 1000, **more: Any) -> dict[str, Any]:
    """What every record says of its model."""
    shape = {"n_layers": 2, "n_heads": 2, "d_model": 32, "n_ctx": 64, "n_params": 50_000}
    run = {"seed": seed, "steps": steps, "texts": 9000, "tokens": 400_000}
    return {"arch": arch, **WORLD, **shape, **run, "final_loss_nats": 0.8, **more}


def folder(root: Path, record: Mapping[str, Any], file: str, **names: Any) -> str:
    """A run folder named by what tells it from others, with its record."""
    variables = {"grammar": record["grammar"], "root": record["root"], "arch": record["arch"]}
    variables |= {"steps": record["steps"], "seed": record["seed"], **names}
    path = root / ",".join(f"{key}={value}" for key, value in variables.items())
    path.mkdir(parents=True)
    (path / file).write_text(json.dumps(record))
    return str(path)


def generation(
    arch: str, seed: int = 0, accuracy: float = 0.95, kl: float = 0.001, **more: Any
) -> dict[str, Any]:
    """evaluate.json of the measure generation, with cuts of 0 and of 30 %."""
    known = facts(arch, seed, **more)
    counts = [*(1, 9, 120, 190, 198)[: known["n_levels"] - 1], 200]
    cuts = [
        {"cut": cut, "n": 200, "accuracy": value, "unfinished": 0.01, "wrong_finished": 0.02}
        for cut, value in ((0, accuracy), (0.3, min(1.0, accuracy + 0.02)))
    ]
    return {
        "measure": "generation",
        **known,
        "measure_seed": 0,
        "cuts": cuts,
        "seen_in_training": 0.0,
        "entropy": {
            "model_bits": 45.0,
            "model_error_bits": 0.4,
            "truth_bits": 44.0,
            "truth_error_bits": 0.3,
        },
        "divergence": {
            "n_strings": 50,
            "n_rows": 2000,
            "kl_nats": kl,
            "gap_nats": kl + 0.0001,
            "exact_nats": 0.742,
        },
        "distinct": {
            "n": 200,
            "model": [c * (0.9 if c > 9 else 1) for c in counts],
            "truth": counts,
        },
    }


def tree_probe(
    arch: str,
    seed: int = 0,
    reach: int | None = None,
    control: str = "none",
    accuracy: float = 0.95,
    ceiling: float | None = 0.97,
    **more: Any,
) -> dict[str, Any]:
    """tree_probe.json; accuracy falls by 0.01 for every step towards the root."""
    known = facts(arch, seed, **more)
    results = [
        {
            "question": question,
            "depth": depth,
            "n": 1000,
            "accuracy": accuracy - 0.01 * (known["n_levels"] - 2 - depth),
            "majority": 0.4 if question == "symbol" else 0.8,
            "ceiling": ceiling,
            "n_classes": 3 if question == "symbol" else 2,
        }
        for question in ("symbol", "boundary")
        for depth in range(1, known["n_levels"] - 1)
    ]
    probe = {"probe_seed": 0, "control": control, "reach": reach, "layer": None}
    probe |= {"n_heads_probe": 8, "d_position": 64, "n_steps_probe": 500}
    return {**known, **probe, "results": results}


def attention(arch: str, seed: int = 0, scale: float = 1.0, **more: Any) -> dict[str, Any]:
    """evaluate.json of the measure attention: peaks at ends, and falls with the constituents."""
    known = facts(arch, seed, **more)
    layers, depths = range(known["n_layers"]), range(1, known["n_levels"] - 1)
    excess: list[dict[str, Any]] = []
    for layer in layers:
        for depth in depths:
            for shift in (-2, -1, 0, 1, 2):
                value = scale * (0.006 if shift == 0 else -0.001) * (1 + 0.1 * layer)
                record = {"kind": "end", "depth": depth, "shift": shift, "layer": layer}
                excess.append({**record, "n_pairs": 5000, "excess": value})
            for apart in (1, 2, 3, 4):
                value = scale * 0.02 / apart**2
                record = {"kind": "adjacent", "depth": depth, "apart": apart, "layer": layer}
                excess.append({**record, "n_pairs": 900, "excess": value})
            for other in depths:
                for shift in (-1, 0, 1):
                    for shift_key in (-1, 0, 1):
                        value = scale * (0.004 if shift == shift_key == 0 else -0.0005)
                        record = {"kind": "end_to_end", "depth": depth, "depth_key": other}
                        record |= {"shift": shift, "shift_key": shift_key, "layer": layer}
                        excess.append({**record, "n_pairs": 700, "excess": value})
    far = [[[0.2 / (p + 1 + head) for p in range(40)] for head in range(2)] for _ in layers]
    start = {"measure": "attention", **known, "measure_seed": 0, "n": 100}
    return {**start, "by_distance": far, "excess": excess}


def robustness(
    seed: int = 0,
    share: float = 0.0,
    kind: str | None = None,
    corrupted: float = 0.3,
    arch: str = "gpt2_rot",
    **more: Any,
) -> dict[str, Any]:
    """evaluate.json of the measure robustness, at two temperatures; worse at the higher one."""
    results = [
        {
            "given": given,
            "temperature": temperature,
            "n": 200,
            "accuracy": value * (1 if temperature < 1 else 0.5),
            "unfinished": 0.0,
        }
        for temperature in (0.1, 1.0)
        for given, value in (("nothing", 0.98), ("clean", 0.97), ("corrupted", corrupted))
    ]
    trained = {"perturbation": kind, "perturbed_share": share}
    trained["perturbed_rate"] = None if kind is None else 0.15
    test = {"cut": 12, "rate": 0.15, "tokens_changed": 0.15, "prefixes_changed": 0.86}
    known = facts(arch, seed, **({"grammar": "cfg3b"} | more))
    start = {"measure": "robustness", **known, "measure_seed": 0}
    return {**start, **trained, **test, "results": results}


def bags(
    arch: str = "gpt2_rot", seed: int = 0, within: float = 0.6, nearest: float = 0.9, **more: Any
) -> dict[str, Any]:
    """evaluate.json of the measure bags."""
    likeness = {"n_observable": 30, "n_shared": 0, "cosine_within": within}
    likeness |= {"cosine_across": -0.1, "nearest_shares": nearest, "chance_shares": 0.31}
    return {"measure": "bags", **facts(arch, seed, **more), **likeness}
