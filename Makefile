# Everything runs in environments of its own, made from the pinned requirements: Python >= 3.11 and make are enough.
PYTHON ?= python3
VENV := .venv
SAM_VENV := .venv-sam
BIN := $(VENV)/bin
SAM := $(CURDIR)/$(SAM_VENV)/bin/sam
PYTEST_ARGS ?=
N ?= 1000
SEED ?= 1
SECONDS ?= 60
INSTANCES ?= 1000
PULL ?= yes
# What tells most in a minute: the model, the edges, the plans, and an action's way from its event to its end.
QUICK := tests/model tests/aws tests/plans tests/steps tests/execution/test_claim.py \
  tests/execution/test_decide.py tests/execution/test_drain.py \
  tests/execution/test_transitions.py tests/template/test_permissions.py
CHECK_PYTHON := import sys; sys.exit(sys.version_info < (3, 11) and \
  "asg-lifecycle needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0])
# The function's alone: an extra of the project brings the command line's along.
FUNCTION_REQUIREMENTS := import tomllib; \
  print(*tomllib.load(open("../pyproject.toml", "rb"))["project"]["optional-dependencies"]["function"], sep="\n")
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras

# Every process that a test starts would compile all of our modules again.
unexport PYTHONDONTWRITEBYTECODE
export SAM
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_PYTHON_VERSION_WARNING := 1

.DEFAULT_GOAL := help
.PHONY: help test quick demo lint types contracts unit format build validate local-invoke local-invoke-check deploy bench bench-coldstart bench-storm campaign mutations mutants fuzz requirements clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Side by side: what checks the code needs one core, and is done before the tests are.
test: $(VENV)/ready $(SAM_VENV)/ready ## everything: lint, strict types, import contracts, all tests
	@$(MAKE) --no-print-directory --jobs=4 lint types contracts unit

quick: lint types contracts ## lint, types and the tests that tell most, within a minute
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal -k "not 48_hours and not hangs" $(QUICK)

demo: $(VENV)/ready ## drain one instance of a simulated group, live
	@$(BIN)/python -m asg_lifecycle_simulator.demo --page build/demo-story.html

lint: $(VENV)/ready ## ruff: rules and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

types: $(VENV)/ready ## mypy, strict
	@$(BIN)/mypy --no-error-summary src asg_lifecycle_simulator benchmarks tests

contracts: $(VENV)/ready ## which module may import which
	@$(BIN)/lint-imports --no-logo > $(VENV)/contracts.log || { cat $(VENV)/contracts.log; exit 1; }

unit: $(VENV)/ready $(SAM_VENV)/ready ## the tests alone; PYTEST_ARGS="-k heartbeat" for some of them
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal $(PYTEST_ARGS)

format: $(VENV)/ready ## put the code into shape
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

build: $(SAM_VENV)/ready ## package the function; needs Python 3.13
	@$(SAM) build

validate: $(SAM_VENV)/ready ## lint the template
	@$(SAM) validate --lint

local-invoke: build ## run the packaged function once with events/terminate.json; needs Docker
	@$(SAM) local invoke LifecycleActionFunction -e events/terminate.json

local-invoke-check: build $(VENV)/ready ## the same against the simulator: drained, then CONTINUE; PULL=no for the images there are
	@$(BIN)/python -m tests.runtime.local_invoke_check $(if $(filter no,$(PULL)),--skip-pull-image)

deploy: build ## deploy the application; needs AWS
	@$(SAM) deploy --guided

bench: $(VENV)/ready ## cost and speed in one table, with plots in benchmarks/results; takes ten minutes
	@$(BIN)/python -m benchmarks.bench

bench-coldstart: $(VENV)/ready ## import and client construction against a bare durable handler
	@$(BIN)/python -m benchmarks.coldstart

bench-storm: $(VENV)/ready ## INSTANCES=1000 terminations within ten seconds against simulated API rate limits
	@$(BIN)/python -m benchmarks.storm --instances $(INSTANCES)

campaign: $(VENV)/ready ## N=1000 SEED=1: random scenarios and faults, judged by the simulator's own log
	@$(BIN)/python -m asg_lifecycle_simulator.campaign --runs $(N) --seed $(SEED)

mutations: $(VENV)/ready ## break the application on purpose, once for each mutation: the campaign has to notice
	@$(BIN)/python -m asg_lifecycle_simulator.campaign.mutations

mutants: $(VENV)/ready ## N=100 SEED=1: single changes of src/, drawn at random: the tests have to notice nine of ten
	@$(BIN)/python -m benchmarks.mutants --number $(if $(filter file,$(origin N)),100,$(N)) --seed $(SEED)

fuzz: $(VENV)/ready ## SECONDS=60 of random input for all that reads input
	@$(BIN)/python -m benchmarks.fuzz --seconds $(SECONDS)

requirements: $(VENV)/ready ## compile the pinned requirements anew, with the latest versions
	@cd requirements && PATH="$(CURDIR)/$(BIN):$$PATH" && \
	  python -c '$(FUNCTION_REQUIREMENTS)' | $(COMPILE) --upgrade --output-file runtime.txt - && \
	  $(COMPILE) --upgrade --output-file dev.txt --constraint runtime.txt \
	    --extra function --group ../pyproject.toml:dev ../pyproject.toml && \
	  $(COMPILE) --upgrade --output-file sam.txt sam.in

clean: ## remove everything that was made
	@rm -rf $(VENV) $(SAM_VENV) .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/ready: $(VENV)/installed pyproject.toml
	@$(BIN)/pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed: requirements/dev.txt
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@echo "making $(VENV) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --quiet --no-deps --require-hashes --requirement requirements/dev.txt
	@touch $@

$(SAM_VENV)/ready: requirements/sam.txt
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@echo "making $(SAM_VENV) ..."
	@rm -rf $(SAM_VENV)
	@$(PYTHON) -m venv $(SAM_VENV)
	@$(SAM_VENV)/bin/pip install --quiet --quiet --no-deps --require-hashes --requirement requirements/sam.txt
	@touch $@
