# Every habit is one word. PYTHON=/path/to/python3.12 chooses the interpreter for .venv.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3 python,$(if $(shell $(p) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null | grep True),$(p))) python3)
VENV := .venv
BIN := $(VENV)/bin
DEMO_HOME ?= cssim-data/demo
DEMO_PORT ?= 8501
JOBS ?= auto
ARGS ?=

.PHONY: help demo demo-reset test check bench crowd docs clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: $(VENV)/runtime.stamp ## build or open the demo project and start the app
	@CSSIM_HOME="$(DEMO_HOME)" CSSIM_PROJECT=demo $(BIN)/python -m cssim demo --serve --port $(DEMO_PORT) $(ARGS)

demo-reset: $(VENV)/runtime.stamp ## throw the demo project away; the next `make demo` builds it anew
	@CSSIM_HOME="$(DEMO_HOME)" CSSIM_PROJECT=demo $(BIN)/python -m cssim demo --reset

test: $(VENV)/dev.stamp ## run all tests; ARGS="-k name" passes options on to pytest
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --ignore tests/benchmarks --benchmark-disable $(ARGS)

check: $(VENV)/dev.stamp ## lint, formatting, types, architecture and docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -p no:cacheprovider --benchmark-disable $(wildcard tests/test_architecture.py) tests/test_docs.py

bench: $(VENV)/dev.stamp ## time what must be fast, as ratios, and write docs/performance.md
	@mkdir -p build
	@$(BIN)/python -m pytest -q tests/benchmarks --benchmark-only --benchmark-json build/benchmarks.json $(ARGS)
	@$(BIN)/python -m tests.benchmarks.table build/benchmarks.json docs/performance.md

crowd: $(VENV)/dev.stamp ## 20 people give 2,000 answers while the server is killed six times; says what was lost
	@$(BIN)/python -m tests.e2e.crowd $(ARGS)

docs: $(VENV)/dev.stamp ## write the tables of commands and settings into the docs
	@$(BIN)/python -m tests.doc_tables

clean: ## remove .venv and all caches; data in cssim-data stays
	@rm -rf $(VENV) build dist *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .benchmarks .hypothesis htmlcov
	@find cssim db tests pages -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "CS-Sim needs Python 3.11 or newer, but there is no $(PYTHON) here."; \
	  echo "Install it, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "CS-Sim needs Python 3.11 or newer, but $(PYTHON) is $$("$(PYTHON)" -V 2>&1)."; \
	  echo "Install a newer one and say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its module venv or ensurepip is missing."; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "making $(VENV) with $$("$(PYTHON)" -V)"
	@"$(PYTHON)" -m venv $(VENV)

define install
	@echo "installing $(1) (about two minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $(1) || { \
	  echo "pip could not install $(1); the lines above say why."; \
	  echo "Without a network, point pip at a folder of wheels: PIP_NO_INDEX=1 PIP_FIND_LINKS=/path make $(MAKECMDGOALS)"; \
	  exit 1; }
endef

# The stamps make the second run instant; they are older than a changed requirements file.
$(VENV)/runtime.stamp: requirements.txt | $(BIN)/python
	$(call install,requirements.txt)
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements-ray.txt requirements.txt | $(BIN)/python
	$(call install,requirements-dev.txt)
	@touch $(VENV)/runtime.stamp $@
