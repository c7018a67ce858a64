# Every target sets up what it needs: a virtual environment in .venv, from lock files with hashes.
PYTHON ?= python3
ENV ?=
ID ?=

BIN := .venv/bin
LOCKS := requirements/build.lock requirements/all.lock
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade

.DEFAULT_GOAL := help
.PHONY: help render check prove plan apply test browser soak lint format benchmark lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

render: .venv/ready ## Render every environment (or ENV=name) and the modules
	@$(BIN)/finbase render $(ENV)

check: .venv/ready ## Plan every environment (or ENV=name) offline and run the features on it
	@$(BIN)/finbase check $(ENV)

prove: .venv/ready ## Put each failure back (or ID=F04a) and see it caught
	@$(BIN)/finbase prove $(ID)

plan: .venv/ready ## Plan ENV=name on its real account, and save and sum up the plan
	@$(BIN)/finbase plan $(ENV)

apply: .venv/ready ## Check the saved plan of ENV=name, and apply that very plan
	@$(BIN)/finbase apply $(ENV)

test: .venv/ready ## Run all tests, those with real Terraform included
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

browser: .venv/ready ## Look at reports in Chromium, which has to be installed
	@$(BIN)/python -m pytest --browser tests/test_html_in_browser.py

soak: .venv/ready ## Run the long campaigns (SOAK_SEED=number draws other cases)
	@$(BIN)/python -m pytest --soak --numprocesses 2 tests/test_interruption.py tests/test_drawn.py tests/rotation

lint: .venv/ready ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --strict templates/modules/secret/rotation

format: .venv/ready ## Put the Python code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

benchmark: .venv/ready ## Measure the budgets side by side with their floors
	@$(BIN)/python -m benchmarks

lock: .venv/ready ## Resolve the dependencies anew, with hashes
	@$(UV_COMPILE) pyproject.toml --extra rehearsal --group build --group dev --group docs --output-file requirements/all.lock
	@$(UV_COMPILE) --group build --constraint requirements/all.lock --output-file requirements/build.lock

clean: ## Remove the virtual environment and all caches
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

.venv/ready: $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'finbase needs Python 3.11 or later; name one with make PYTHON=…' >&2; exit 2; }
	@echo 'Setting up .venv (once) …'
	@$(PYTHON) -m venv --clear .venv
	@$(PIP_INSTALL) --require-hashes --requirement requirements/build.lock
	@$(PIP_INSTALL) --require-hashes --requirement requirements/all.lock
	@$(PIP_INSTALL) --no-deps --editable .
	@touch $@
