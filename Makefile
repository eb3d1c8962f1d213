# Vitals: everything starts here. `make help` lists the commands.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3.11
ifeq (, $(shell command -v $(PYTHON) 2>/dev/null))
PYTHON := python3
endif
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATA ?= ../shared/realdata
VITALS_HOME ?= $(CURDIR)/.vitals
export VITALS_HOME
export DAGSTER_DISABLE_TELEMETRY := yes
export GX_ANALYTICS_ENABLED := false
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo next-day dev real test lint types docs lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

# pip when uv is absent: the lock carries hashes and no host, so either installs the same bytes.
$(STAMP): requirements.lock pyproject.toml setup.py
	@echo "▸ setting up $(VENV) (once; the lock file pins every package by hash)"
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "Vitals needs Python 3.11, found %d.%d: install it or call make with PYTHON=/path/to/python3.11" % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	if command -v uv >/dev/null 2>&1; then
	  uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	else
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	fi
	touch $(STAMP)

setup: $(STAMP) ## create the private virtual environment

demo: $(STAMP) ## run the main job on the embedded sandbox company and show what was published
	@$(BIN)/vitals demo

next-day: $(STAMP) ## the demo again, then a day passes and only what changed is read
	@$(BIN)/vitals demo --next-day

dev: $(STAMP) ## open Dagster's UI (http://127.0.0.1:3000) on the demo's instance, with the sandbox running
	@$(BIN)/vitals dev

real: $(STAMP) ## run the chain over real exports: make real DATA=../shared/realdata
	@$(BIN)/vitals real --data "$(DATA)"

test: $(STAMP) ## style, types, import directions, then all tests
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

lint: $(STAMP) ## style and formatting
	@$(BIN)/ruff check . --fix
	$(BIN)/ruff format .

types: $(STAMP) ## static types
	@$(BIN)/mypy

docs: $(STAMP) ## build the documentation into .vitals/docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	echo "▸ .vitals/docs/index.html; its search needs a server: python3 -m http.server --bind 127.0.0.1 -d .vitals/docs"

lock: ## resolve requirements.lock anew (needs uv)
	@uv pip compile pyproject.toml --extra dev --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 -o requirements.lock

clean: ## remove the demo's data, keep the environment
	@rm -rf .vitals .pytest_cache .mypy_cache .ruff_cache .hypothesis
