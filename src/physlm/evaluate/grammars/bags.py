"""Whether a model's embeddings tell which hidden terminals a token can come from.

Part 1, Result 10: tokens of one bag get like embeddings. Pairs of tokens are compared by cosine,
those that share a bag with those that share none.
"""

from pathlib import Path
from typing import Any

import numpy as np

from physlm.config import require
from physlm.evaluate.grammars.config import BagsMeasure
from physlm.evaluate.grammars.trained import load_trained


def measure(folder: Path, config: BagsMeasure) -> dict[str, Any]:
    """The content of evaluate.json (docs/grammars.md); ConfigError for a world without bags."""
    trained = load_trained(folder)
    emission = trained.source.emission
    require(emission is not None, "settings.bags", None, "given: without bags nothing is hidden")
    assert emission is not None
    weight = trained.model.embed.weight.detach().double().cpu().numpy()
    # EOS, and a masked model's mask token, are in no bag.
    settings = trained.source.config
    return {
        **trained.facts,
        "bags": settings.bags,
        "vocabulary": settings.vocabulary,
        "weights": settings.weights,
        **likeness(weight[1 : emission.shape[1]], emission[1:, 1:] > 0),
    }


def likeness(embeddings: np.ndarray, member: np.ndarray) -> dict[str, Any]:
    """embeddings [V, C]; member [T, V] bool, which bags a token is in (tokens of none are left
    out). nearest_shares: share of tokens whose most similar other token shares a bag with it;
    chance_shares: the same for another token at random.
    """
    used = member.any(0)
    rows, member = embeddings[used], member[:, used]
    rows = rows - rows.mean(0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = rows @ rows.T
    sharing = (member.T.astype(int) @ member.astype(int)) > 0
    other = ~np.eye(len(rows), dtype=bool)
    nearest = np.where(other, cosine, -np.inf).argmax(1)
    return {
        "n_observable": len(rows),
        "n_shared": int((member.sum(0) > 1).sum()),
        "cosine_within": float(cosine[sharing & other].mean()),
        "cosine_across": float(cosine[~sharing].mean()) if (~sharing).any() else None,
        "nearest_shares": float(sharing[np.arange(len(rows)), nearest].mean()),
        "chance_shares": float((sharing & other).sum() / other.sum()),
    }
