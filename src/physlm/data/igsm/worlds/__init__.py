"""Worlds of problems to train on: a module each, with `Config` and `Source` (data.problems)."""
