"""Hand-made folders of exams and probes for the tests of Part 3.1 (never shown as results)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from physlm.data.bios import ATTRIBUTES

MAJORITY: dict[str, float] = dict(zip(ATTRIBUTES, (0, 0.02, 0.02, 0.04, 0.02, 0.1), strict=True))


def folder(root: Path, variables: Mapping[str, Any], file: str, content: Mapping[str, Any]) -> str:
    """A run folder named by its variables, with one JSON in it."""
    path = root / ",".join(f"{key}={value}" for key, value in variables.items())
    path.mkdir(parents=True)
    (path / file).write_text(json.dumps(content))
    return str(path)


def evenly(share: float) -> dict[str, float]:
    """The same accuracy for every attribute."""
    return dict(zip(ATTRIBUTES, [share] * len(ATTRIBUTES), strict=True))


def score(by_attribute: Mapping[str, float], n: int = 100, first: float = 0.0) -> dict[str, Any]:
    """A summary as the exam step writes it; first tokens are right `first` more often."""
    rows = {}
    for attribute, value in by_attribute.items():
        token = min(1.0, value + first)
        rows[attribute] = {
            "n": n,
            "exact": round(n * value),
            "first_token": round(n * token),
            "accuracy": value,
            "first_token_accuracy": token,
        }
    mean = sum(by_attribute.values()) / len(by_attribute)
    tokens = sum(row["first_token_accuracy"] for row in rows.values()) / len(rows)
    return {"accuracy": mean, "first_token_accuracy": tokens, "by_attribute": rows}


def exam(
    root: Path,
    test: float | Mapping[str, float],
    train: float = 0.99,
    causal: bool = True,
    first: float = 0.0,
    **variables: Any,
) -> str:
    """exam.json of a run; `test` is the accuracy of every attribute, or by attribute."""
    tested = test if isinstance(test, Mapping) else evenly(test)
    content = {
        "world": "bios",
        "celebrities": 0,
        "arch": "gpt2_rot",
        "causal": causal,
        "n_layers": 3,
        "d_model": 64,
        "n_params": 200_000,
        "n_people": 200,
        **{k: v for k, v in variables.items() if k in ("variant", "seed", "celebrities", "arch")},
        "train": score(evenly(train)),
        "test": score(tested, first=first),
        "majority": score(MAJORITY),
        "chance": dict.fromkeys(ATTRIBUTES, 0.02) | {"birth_date": 0.0},
    }
    return folder(root, variables, "exam.json", content)


def memory(root: Path, value_accuracy: float = 0.995, **variables: Any) -> str:
    """measure.json of a model that read biographies."""
    content = {"seed": variables["seed"], "value_accuracy": value_accuracy, "n_params": 200_000}
    return folder(root, variables, "measure.json", content)


def probe(root: Path, kind: str, results: list[dict[str, Any]], **variables: Any) -> str:
    """probe.json of a run."""
    content = {
        "world": "bios",
        "kind": kind,
        "arch": "gpt2_rot",
        "n_params": 200_000,
        "n_people": 200,
        "rank_embed": 2,
        "n_steps": 1000,
        **{key: variables[key] for key in ("variant", "control", "seed")},
        "results": results,
    }
    return folder(root, variables, "probe.json", content)


def result(task: str, attribute: str, position: int, accuracy: float) -> dict[str, Any]:
    """One entry of a probe's results."""
    return {
        "task": task,
        "attribute": attribute,
        "position": position,
        "n": 100,
        "accuracy": accuracy,
        "train_accuracy": 1.0,
        "majority": 0.1,
        "n_classes": 20,
    }


# Mean test accuracy of finetuned and of mixed models, by variant.
LADDER = {
    "single": (0.10, 0.85),
    "single+fullname": (0.45, 0.86),
    "single+permute1": (0.06, 0.80),
    "single+permute5": (0.72, 0.90),
    "multi5": (0.40, 0.90),
    "multi5+permute": (0.95, 0.96),
}
NOISE = (-0.01, 0.0, 0.012, 0.003)
SLOPES = (0.3, 0.1, -0.05, -0.05, -0.15, -0.15)


def spread(mean: float, seed: int) -> dict[str, float]:
    """An accuracy per attribute about the mean, other for every seed."""
    shares = (mean + NOISE[seed] + slope * mean * (1 - mean) for slope in SLOPES)
    return dict(zip(ATTRIBUTES, (min(1.0, max(0.0, share)) for share in shares), strict=True))


def extraction_inputs(
    root: Path,
    variants: tuple[str, ...] = tuple(LADDER),
    n_seeds: int = 3,
    ratios: tuple[float, ...] = (0.2, 0.5, 0.8),
    repairs: bool = True,
) -> dict[str, list[str]]:
    """Every role of the extraction figure, as a small tier would have it."""
    roles: dict[str, list[str]] = {}

    def add(role: str, run: str) -> None:
        roles.setdefault(role, []).append(run)

    for seed in range(n_seeds):
        for variant in variants:
            base = {"world": "bios", "variant": variant, "n_people": 200, "exposures": 300}
            taught, mixed = LADDER[variant]
            add("memorised", memory(root / "m", 0.995, **base, seed=seed))
            ways = [("lora", 8, 64)]
            if repairs and variant == "single":
                ways += [("lora", 8, 0), ("lora", 2, 16), ("lora", 16, 64), ("full", 0, 0)]
            for method, qv, embed in ways:
                rank = {"method": method, "rank_qv": qv, "rank_embed": embed, "lr_finetune": 0.001}
                worse = 0.0 if (qv, embed) == (8, 64) else 0.02
                scores = spread(taught - worse, seed)
                add("finetuned", exam(root / "f", scores, **base, **rank, seed=seed))
            for ratio in ratios if variant in ("single", "multi5+permute") else ratios[-1:]:
                own = base | {"qa_ratio": ratio}
                lower = 0.6 * (0.8 - ratio) * (1 - taught)
                add("mixed", exam(root / "x", spread(mixed - lower, seed), **own, seed=seed))
                add("memorised_mixed", memory(root / "y", 0.99, **own, seed=seed))
    return roles


def p_runs(
    root: Path, variants: tuple[str, ...], n_seeds: int = 3, controls: bool = True
) -> list[str]:
    """P-probes: early in the augmented variants, late in the others."""
    runs = []
    for variant in variants:
        early = LADDER[variant][0]
        for seed in range(n_seeds):
            for control in ("none", "labels", "model") if controls else ("none",):
                results = []
                for a, attribute in enumerate(ATTRIBUTES):
                    last = len(ATTRIBUTES) if "permute" in variant else a + 1
                    for position in range(last):
                        value = early + (1 - early) * 0.1 * position
                        if position == a and "permute" not in variant:
                            value = 0.99
                        if control != "none":
                            value = 0.1
                        for task in ("first", "whole") if a else ("first",):
                            share = min(1.0, max(0.0, value + NOISE[seed]))
                            results.append(result(task, attribute, position, share))
                settings = {"variant": variant, "control": control, "seed": seed}
                runs.append(probe(root / "p", "p", results, **settings))
    return runs


def q_inputs(
    root: Path, variants: tuple[str, ...] = tuple(LADDER), n_seeds: int = 3, controls: bool = True
) -> dict[str, list[str]]:
    """Q-probes that follow the exams, and those exams."""
    runs = []
    for variant in variants:
        for seed in range(n_seeds):
            for control in ("none", "labels", "model") if controls else ("none",):
                results = []
                for attribute, value in spread(LADDER[variant][0], seed).items():
                    share = 0.1 if control != "none" else 0.05 + 0.9 * value
                    tasks = ("first",) if attribute == "birth_date" else ("first", "whole")
                    results += [result(task, attribute, 0, share) for task in tasks]
                settings = {"variant": variant, "control": control, "seed": seed}
                runs.append(probe(root / "q", "q", results, **settings))
    exams = extraction_inputs(root / "e", variants, n_seeds)["finetuned"]
    return {"runs": runs, "exams": exams}


def celebrity_inputs(
    root: Path,
    gains: Mapping[str, tuple[float, float]],
    n_seeds: int = 3,
) -> dict[str, list[str]]:
    """Exams of minorities {variant: (test without, test with celebrities)}."""
    roles: dict[str, list[str]] = {"exams": [], "memorised": []}
    for variant, means in gains.items():
        for celebrities, mean in zip((0, 100), means, strict=True):
            for seed in range(n_seeds):
                base = {"variant": variant, "celebrities": celebrities, "exposures": 300}
                own = base | {"seed": seed}
                roles["memorised"].append(memory(root / "m", **own))
                rank = {"method": "lora", "rank_qv": 8, "rank_embed": 64, "lr_finetune": 0.001}
                roles["exams"].append(
                    exam(root / "c", spread(mean, seed), **base, **rank, seed=seed)
                )
    return roles


def encoder_inputs(
    root: Path,
    means: Mapping[tuple[str, str, str], float],
    n_seeds: int = 3,
) -> dict[str, list[str]]:
    """Exams {(arch, arm, variant): mean test accuracy}; the role of an absent arm is absent."""
    roles: dict[str, list[str]] = {}
    for (arch, arm, variant), mean in means.items():
        for seed in range(n_seeds):
            own: dict[str, Any] = {"arch": arch, "variant": variant, "exposures": 300}
            if arm == "finetune":
                own |= {"method": "lora", "rank_qv": 8, "rank_embed": 64, "lr_finetune": 0.001}
            else:
                own |= {"qa_ratio": 0.8}
            run = exam(root / arm, spread(mean, seed), causal=arch != "gbert", **own, seed=seed)
            roles.setdefault("finetuned" if arm == "finetune" else "mixed", []).append(run)
    return roles
