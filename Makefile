# make figures/capacity.pdf   the environment, then the figure from scratch
# make test | check | smoke   the tests; linters and types; every rule at the smoke tier
PYTHON ?= python3
VENV ?= .venv
CORES ?= all
EXTRAS ?= dev
FROM ?= scratch
export PATH := $(abspath $(VENV))/bin:$(PATH)
export PYTHONUNBUFFERED := 1

.PHONY: env test check smoke FORCE
.DEFAULT_GOAL := figures/capacity.pdf

env: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	touch $@

figures/%: env FORCE
	snakemake --cores $(CORES) --config from=$(FROM) -- $@

# a file of tests to a worker: what a file sets up, it sets up once
test: env
	pytest --numprocesses $(CORES:all=logical) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

check: env
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	basedpyright

smoke: env
	snakemake --cores $(CORES) --config tier=smoke -- all
