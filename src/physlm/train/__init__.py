"""The one training loop, its optimiser, schedule, checkpoints and metrics."""
