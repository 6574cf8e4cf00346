from dataclasses import dataclass


@dataclass(frozen=True)
class ClaimsConfig:
    pass
