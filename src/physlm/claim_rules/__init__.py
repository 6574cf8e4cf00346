"""The rules of the claims, one module per part: a table of runs -> Evidence."""
