def weight(d_model: int, lr_peak: float) -> float:
    return d_model * lr_peak
