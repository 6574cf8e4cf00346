"""Probing: what a frozen model's hidden states tell of a person's attributes, linearly.

Allen-Zhu and Li, Part 3.1 Sections 5 and 6 (P-probing and Q-probing); docs/probing.md.
"""
