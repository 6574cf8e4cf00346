"""What a job asks of the machine or the scheduler: `resources` of a step in params.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from physlm.config import build, require


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The resources of one job; they decide where it runs, never its result.

    gpu: devices on each node. nodes: machines. mem_mb: memory on each node. runtime: minutes after
    which a scheduler may end the job (locally nothing limits it).
    """

    gpu: int = 0
    nodes: int = 1
    mem_mb: int = 4000
    runtime: int = 240

    def __post_init__(self) -> None:
        require(self.gpu >= 0, "gpu", self.gpu, "0 or more")
        require(self.nodes >= 1, "nodes", self.nodes, "1 or more")
        require(self.nodes == 1 or self.gpu >= 1, "nodes", self.nodes, "1 for a job without gpu")
        require(self.mem_mb >= 1, "mem_mb", self.mem_mb, "1 or more")
        require(self.runtime >= 1, "runtime", self.runtime, "1 or more (minutes)")


def resources(values: Mapping[str, Any], distributed: bool, where: str) -> Resources:
    """The resources that `values` give; ConfigError, with `where` in front, for impossible ones.

    distributed: whether the step can run as several processes.
    """
    found = build(Resources, values, where)
    if not distributed:
        for key in ("gpu", "nodes"):
            allowed = "at most 1, this step is one process"
            require(getattr(found, key) <= 1, f"{where}.{key}", getattr(found, key), allowed)
    return found
