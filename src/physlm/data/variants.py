"""Variants of the biographies: how many texts a person has and what differs between them.

Allen-Zhu and Li, Part 3.1 Section 2.1 and Appendix A (single, multiM, permute, fullname) and
Part 3.3 Section 2.2 (bioS(N) fresh at each exposure, bioS^simple(N) one fixed text).
"""

import re
from dataclasses import dataclass

from physlm.config import ConfigError, require

# Other names of the variants, spelt out.
ALIASES = {"fresh": "multi-infinity+permute", "simple": "single+permute1"}

ALLOWED = (
    "single, multiM or multi-infinity, then +permute or +permuteP, then +fullname (each optional; "
    "M and P whole numbers from 1), or fresh or simple"
)


@dataclass(frozen=True)
class Variant:
    """What a person's set of texts looks like.

    wordings: template choices drawn per person, one set of six per wording; 0 means drawn anew at
    every exposure. permutations: random orders of the six sentences per wording, each drawn
    independently; 0 means one text in the canonical order. fullname: the full name is the subject
    of every sentence, otherwise of the first only.
    """

    wordings: int = 0
    permutations: int = 1
    fullname: bool = False

    def __post_init__(self) -> None:
        require(self.wordings >= 0, "wordings", self.wordings, "0 (fresh) or more")
        most = 1 if self.fresh else 1000
        ok = 0 <= self.permutations <= most
        require(ok, "permutations", self.permutations, f"between 0 and {most}")

    @property
    def fresh(self) -> bool:
        """Whether texts are drawn anew at every exposure."""
        return self.wordings == 0

    @property
    def entries_per_person(self) -> int:
        """Texts of each person in the fixed set (1 per exposure if fresh)."""
        return max(self.wordings, 1) * max(self.permutations, 1)


def parse(name: str) -> Variant:
    """The variant of a published name, e.g. "multi5+permute+fullname"; ConfigError if unknown."""
    spelt = "+".join([ALIASES.get(part, part) for part in name.split("+")])
    match = re.fullmatch(
        r"(single|multi(?P<m>[1-9]\d*|-infinity))(?P<order>\+permute(?P<p>[1-9]\d*)?)?"
        r"(?P<full>\+fullname)?",
        spelt,
    )
    if match is None:
        raise ConfigError(f"variant={name!r}: must be {ALLOWED}")
    wordings = {None: 1, "-infinity": 0}.get(match["m"])
    permutations = int(match["p"] or 1) if match["order"] else 0
    return Variant(
        int(match["m"]) if wordings is None else wordings, permutations, match["full"] is not None
    )
