"""One module per kind of job: python -m physlm.steps.<step> <spec>."""
