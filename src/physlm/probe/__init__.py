"""Probing: what a frozen model's hidden states tell of a person's attributes, linearly.

Allen-Zhu and Li, Part 3.1: P-probing (Figure 5) and Q-probing (Figure 7); docs/probing.md.
"""
