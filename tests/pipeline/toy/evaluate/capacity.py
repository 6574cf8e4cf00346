from dataclasses import dataclass


@dataclass(frozen=True)
class MeasureConfig:
    threads: int = 1
    batch_size: int = 64
