"""How far a model's next-token distributions are from the exact ones (Part 1, Figure 4)."""

import numpy as np

from physlm.config import ConfigError

EPSILON = 1e-5


def divergence(exact: np.ndarray, model: np.ndarray) -> float:
    """KL divergence of the model's rows from the exact ones, mean over all rows, in nats.

    exact, model [..., V + 1]: distributions over the end of the string and the tokens, as
    `next_rows` gives them. As the published code has it (Part 1, Figure 4): both get 1e-5 added to
    every probability and are normalised again, within the logarithms alone, so the result is
    sum of p (ln p' - ln q') and is finite where the model has a 0; it can be slightly negative.
    ConfigError for rows of different shapes, no rows, or rows that are no distributions.
    """
    return float(divergences(exact, model).mean())


def divergences(exact: np.ndarray, model: np.ndarray) -> np.ndarray:
    """The divergence of every row, [...]; see `divergence`."""
    exact, model = _rows(exact, model)
    whole = 1 + EPSILON * exact.shape[-1]
    logs = np.log((exact + EPSILON) / whole) - np.log((model + EPSILON) / whole)
    return (exact * logs).sum(axis=-1)


def loss_gap(exact: np.ndarray, model: np.ndarray) -> float:
    """Cross-entropy of the model minus that of the exact rows, mean over all rows, in nats.

    The Kullback-Leibler divergence as it is defined, never negative: what the model's expected loss
    is above the least possible. inf if the model gives 0 to something possible. Shapes and errors
    as of `divergence`.
    """
    exact, model = _rows(exact, model)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(exact > 0, exact * (np.log(exact) - np.log(model)), 0.0)
    return float(terms.sum(axis=-1).mean())


def _rows(exact: np.ndarray, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    exact, model = np.asarray(exact, np.float64), np.asarray(model, np.float64)
    if exact.shape != model.shape or exact.ndim == 0 or exact.size == 0:
        raise ConfigError(
            f"model: shape {list(model.shape)}: must be that of the exact rows, "
            f"{list(exact.shape)}, and not empty"
        )
    for name, rows in (("exact", exact), ("model", model)):
        # A model's probabilities may be in single precision.
        if not ((rows >= 0).all() and np.allclose(rows.sum(axis=-1), 1, rtol=0, atol=1e-3)):
            raise ConfigError(f"{name}: rows must be probabilities with the sum 1")
    return exact, model
