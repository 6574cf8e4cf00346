"""The synthetic worlds: people and biographies, bioD, and the corpora made of them."""
