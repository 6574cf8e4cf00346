from typing import Any

COSTS: dict[str, Any] = {}
Cost = Source = Any
