"""Layered context-free grammars (Part 1): rules, samples, trees and exact distributions."""
