from dataclasses import dataclass, field

from physlm.config import require


@dataclass(frozen=True)
class DataConfig:
    world: str
    seed: int
    n_people: int
    settings: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.n_people > 0, "n_people", self.n_people, "1 or more")
