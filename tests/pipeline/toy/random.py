"""Toy: nothing."""
