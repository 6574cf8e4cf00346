def names(n_people: int, seed: int) -> list[str]:
    return [f"person {seed} {i}" for i in range(n_people)]
