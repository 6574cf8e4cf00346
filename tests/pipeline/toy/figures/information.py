from typing import Any

from physlm.evaluate.bits import EXACT


def table(inputs: dict[str, Any]) -> str:
    return "".join(f"{value}\n" for value in EXACT)
