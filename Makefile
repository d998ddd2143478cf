# What CI runs and what people type; a target longer than three lines is a file in script/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo dev test lint types layers check cover format torture bench live clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/.run: pyproject.toml script/venv
	@PYTHON="$(PYTHON)" script/venv $(VENV)

$(VENV)/.dev: $(VENV)/.run
	@PYTHON="$(PYTHON)" script/venv $(VENV) dev

demo: $(VENV)/.run ## validate, plan, apply and plan again against the sandbox, on a fresh machine
	@script/demo $(BIN)/deployer

dev: $(VENV)/.dev ## the environment with everything that tests need

test: check ## lint, types, layers and all tests
	@$(BIN)/pytest -q -n auto --dist worksteal

check: lint types layers ## what holds the code in shape, without tests

lint: $(VENV)/.dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

layers: $(VENV)/.dev
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

cover: $(VENV)/.dev ## tests with coverage
	@$(BIN)/pytest -q -n auto --cov --cov-report=term-missing:skip-covered

torture: $(VENV)/.dev ## the long fault and volume tests
	@$(BIN)/pytest -q -n auto -m torture

bench: $(VENV)/.dev ## measure, into build/bench.md and bench.json; BENCH=short is what CI runs
	@script/bench $(BIN)/python

live: $(VENV)/.dev ## the end-to-end tests against a real Kibana: KIBANA_URL, KIBANA_API_KEY
	@$(BIN)/pytest -q -m live

clean: ## remove what was built; keeps .deployer
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
