"""Specs, locks, the cache, the verdicts and the audit: what ties Snakemake and DVC together."""
