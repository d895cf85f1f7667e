# Two commands are all a newcomer needs: `make run` and `make test`. Both set up .venv first when it is not up to date.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PY     := .venv/bin/python
CONFIG ?= configs/canary.yaml
ARGS   ?= --duration 60
TESTS  ?= tests
PYTEST ?=

.PHONY: help setup run test check bench clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## create or refresh .venv (finds a Python 3.12-3.14; PYTHON=/path/to/python to choose one)
	@scripts/setup.sh

run: setup  ## watch a node trade for a minute on the embedded market (CONFIG=file ARGS="--duration 600")
	@$(PY) -m nautilus_quant.live $(CONFIG) $(ARGS)
	@printf '\nThat was: python -m nautilus_quant.live $(CONFIG) $(ARGS)\n'
	@printf 'Run on until Ctrl+C, from where it left off:  make run ARGS=\n'

test: setup  ## run every test
	@$(PY) -m pytest $(TESTS) $(PYTEST)

check: setup  ## lint, format, types, docstrings and the quick tests (under two minutes)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m pytest $(TESTS) -q -m "not slow" $(PYTEST)

bench: setup  ## measure every figure against its budget (BENCH_JSON=file for machine-readable output)
	@$(PY) -m benchmarks

clean:  ## remove caches and build products; state in var/ and .venv stay
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage .coverage.* *.egg-info
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
