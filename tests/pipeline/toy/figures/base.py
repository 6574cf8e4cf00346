from dataclasses import dataclass


@dataclass(frozen=True)
class FigureConfig:
    figure: str
    style: str = "paper"
