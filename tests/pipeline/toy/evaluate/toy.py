def bits(weight: float, n_people: int) -> float:
    """Bits of a toy."""
    return round(weight * n_people, 6)
