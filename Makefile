# Two commands are all a newcomer needs: `make run` and `make test`. Both set up .venv first when it is not up to date.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PY     := .venv/bin/python
CONFIG ?= configs/canary.yaml
ARGS   ?= --duration 60
TESTS  ?= tests
PYTEST ?=
# Tests of live nodes wait more than they compute: more workers than cores, and the long ones first (tests/conftest.py).
WORKERS ?= 4
# What one of them compiled serves the others, and every node that tests start: PYTHONDONTWRITEBYTECODE costs minutes.
# Tests of one `xdist_group` share what takes long to make, in one worker.
RUN_TESTS = PYTHONDONTWRITEBYTECODE= $(PY) -m pytest $(TESTS) -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
# A trader's money depends on these: at least 95 % of their lines and branches are tested.
GUARDED := nautilus_quant/safety/*,nautilus_quant/gating/*,nautilus_quant/host/*

.PHONY: help setup run test check coverage bench clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## create or refresh .venv (finds a Python 3.12-3.14; PYTHON=/path/to/python to choose one)
	@scripts/setup.sh

run: setup  ## watch a node trade for a minute on the embedded market (CONFIG=file ARGS="--duration 600")
	@$(PY) -m nautilus_quant.live $(CONFIG) $(ARGS)
	@printf '\nThat was: python -m nautilus_quant.live $(CONFIG) $(ARGS)\n'
	@printf 'Run on until Ctrl+C, from where it left off:  make run ARGS=\n'

test: setup  ## run every test
	@$(RUN_TESTS) $(PYTEST)

check: setup  ## lint, format, types, docstrings and the quick tests (under two minutes)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(RUN_TESTS) -q -m "not slow" $(PYTEST)

coverage: setup  ## run every test, and fail below 95 % of lines and branches in safety, gating and host
	@$(RUN_TESTS) -q --cov --cov-report= $(PYTEST)
	@$(PY) -m coverage report --include='$(GUARDED)' --fail-under=95

bench: setup  ## measure every figure against its budget (BENCH_JSON=file for machine-readable output)
	@$(PY) -m benchmarks

clean:  ## remove caches and build products; state in var/ and .venv stay
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage .coverage.* *.egg-info
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
