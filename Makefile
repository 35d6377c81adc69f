# Everything runs in environments of its own, made from the pinned requirements: Python >= 3.11 and make are enough.
PYTHON ?= python3
VENV := .venv
SAM_VENV := .venv-sam
SITE_VENV := .venv-site
BIN := $(VENV)/bin
SAM := $(CURDIR)/$(SAM_VENV)/bin/sam
# One environment for each tool of the gates: what one of them needs must not decide the versions of another.
GATES := .venv-gates
NODE := $(CURDIR)/$(GATES)/node/bin
WORKFLOWS := $(wildcard .github/workflows/*.y*ml)
SBOM := dist/sbom.json
# The version whose digest stands in website/diagrams.py.
MERMAID := mermaid@11.17.2
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
.PHONY: help test quick gates checkov cdk-nag bandit pip-audit zizmor licences planted-defects cdk-example sbom site references demo lint types contracts unit format build validate local-invoke local-invoke-check deploy expanded distributions bench bench-coldstart bench-storm campaign mutations mutants fuzz requirements clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Side by side: what checks the code needs one core, and is done before the tests are.
test: $(VENV)/ready $(SAM_VENV)/ready ## everything: lint, strict types, import contracts, all tests
	@$(MAKE) --no-print-directory --jobs=4 lint types contracts unit

quick: lint types contracts ## lint, types and the tests that tell most, within a minute
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal -k "not 48_hours and not hangs" $(QUICK)

# Two at a time: checkov and cdk-nag need most of a minute between them, and the rest is done meanwhile.
gates: $(VENV)/ready $(SAM_VENV)/ready ## security and validity: template, code, dependencies, workflows, licences; brings its own Node
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=target \
	  checkov cdk-nag validate bandit pip-audit zizmor licences planted-defects cdk-example

checkov: $(VENV)/ready $(GATES)/checkov/ready ## the expanded template with every switch on, and the examples
	@$(BIN)/python -m gates.check_template checkov $(GATES)/checkov/bin/checkov
	@$(GATES)/checkov/bin/checkov --directory examples --framework cloudformation terraform --skip-download --compact --quiet
	@echo "checkov: nothing found in examples"

cdk-nag: $(VENV)/ready $(GATES)/cdk-nag ## the same: the packs AwsSolutions and Serverless
	@$(BIN)/python -m gates.check_template cdk_nag $(NODE)/node

bandit: $(GATES)/bandit/ready ## the code that runs in the function, on instances and on operators' machines
	@$(GATES)/bandit/bin/bandit --quiet --configfile pyproject.toml --recursive src
	@echo "bandit: nothing found"

pip-audit: $(VENV)/ready $(GATES)/pip-audit/ready ## known vulnerabilities of what the function carries; says if it cannot ask
	@$(BIN)/python -m gates.dependencies vulnerabilities $(GATES)/pip-audit/bin/pip-audit requirements/runtime.txt

zizmor: $(if $(WORKFLOWS),$(GATES)/zizmor/ready) ## the workflows, where there are some
	@$(if $(WORKFLOWS),$(GATES)/zizmor/bin/zizmor --offline --quiet $(WORKFLOWS),echo "zizmor: there are no workflows")

licences: $(VENV)/ready sbom ## the licence of each package that the function carries
	@$(BIN)/python -m gates.dependencies licences $(SBOM)

planted-defects: $(VENV)/ready $(GATES)/checkov/ready $(GATES)/cdk-nag $(GATES)/bandit/ready $(GATES)/pip-audit/ready ## each of these tools finds one
	@GATES_FOLDER=$(GATES) $(BIN)/python -m pytest -q -n 0 tests/gates/test_planted_defects.py

cdk-example: $(VENV)/ready $(GATES)/cdk-nag ## examples/cdk, synthesised and deployed into a simulated Region
	@GATES_FOLDER=$(GATES) $(BIN)/python -m pytest -q -n 0 tests/examples/test_cdk.py

sbom: $(GATES)/cyclonedx-bom/ready $(GATES)/function ## dist/sbom.json: what the function carries, as CycloneDX
	@mkdir -p $(dir $(SBOM))
	@$(GATES)/cyclonedx-bom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file $(SBOM) $(GATES)/function/bin/python

site: $(SITE_VENV)/ready $(SITE_VENV)/mermaid.min.js ## the documentation site in build/site; a broken link or a page without a place in it fails
	@# With --quiet it counts no warnings, and none fails.
	@NO_MKDOCS_2_WARNING=1 $(SITE_VENV)/bin/mkdocs build --strict
	@echo "build/site/index.html"

references: $(VENV)/ready ## write the pages of the site that are made from the template, the code and measurements
	@$(BIN)/python -m website.references

demo: $(VENV)/ready ## drain one instance of a simulated group, live
	@$(BIN)/python -m asg_lifecycle_simulator.demo --page build/demo-story.html

lint: $(VENV)/ready ## ruff: rules and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

types: $(VENV)/ready ## mypy, strict
	@$(BIN)/mypy --no-error-summary src asg_lifecycle_simulator benchmarks gates release tests website

contracts: $(VENV)/ready ## which module may import which
	@$(BIN)/lint-imports --no-logo > $(VENV)/contracts.log || { cat $(VENV)/contracts.log; exit 1; }

unit: $(VENV)/ready $(SAM_VENV)/ready ## the tests alone; PYTEST_ARGS="-k heartbeat" for some of them
	@$(BIN)/python -m pytest -q -n 4 --dist worksteal $(PYTEST_ARGS)

format: $(VENV)/ready ## put the code into shape
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

build: $(SAM_VENV)/ready ## package the function; needs Python 3.13
	@$(SAM) build

validate: $(SAM_VENV)/ready ## lint the template
	@$(SAM) validate --lint --region us-west-2

local-invoke: build ## run the packaged function once with events/terminate.json; needs Docker
	@$(SAM) local invoke LifecycleActionFunction -e events/terminate.json

local-invoke-check: build $(VENV)/ready ## the same against the simulator: drained, then CONTINUE; PULL=no for the images there are
	@$(BIN)/python -m tests.runtime.local_invoke_check $(if $(filter no,$(PULL)),--skip-pull-image)

deploy: build ## deploy the application; needs AWS
	@$(SAM) deploy --guided

expanded: build $(VENV)/ready ## build/expanded.yaml without a transform, and its code: for StackSets
	@rm -f build/expanded.yaml build/asg-lifecycle-*.zip
	@$(BIN)/python -m release.expanded_template .aws-sam/build/LifecycleActionFunction build

distributions: expanded sbom ## dist/: what a release brings, with checksums
	@rm -rf dist/release && mkdir -p dist/release
	@$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist/release
	@cp $(SBOM) build/expanded.yaml build/asg-lifecycle-*.zip dist/release/
	@rm -f dist/release/.gitignore
	@cd dist/release && sha256sum -- * > SHA256SUMS && cat SHA256SUMS

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
	  $(COMPILE) --upgrade --output-file sam.txt sam.in && \
	  $(COMPILE) --upgrade --output-file site.txt site.in && \
	  for each in gates/*.in; do $(COMPILE) --upgrade --output-file "$${each%.in}.txt" "$$each" || exit 1; done

clean: ## remove everything that was made
	@rm -rf $(VENV) $(SAM_VENV) $(SITE_VENV) $(GATES) gates/cdk_nag/node_modules build/site dist .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

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

$(SITE_VENV)/ready: requirements/site.txt
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@echo "making $(SITE_VENV) ..."
	@rm -rf $(SITE_VENV)
	@$(PYTHON) -m venv $(SITE_VENV)
	@$(SITE_VENV)/bin/pip install --quiet --quiet --no-deps --require-hashes --requirement requirements/site.txt
	@touch $@

# What draws the diagrams: without it the pages would load it from elsewhere.
$(SITE_VENV)/mermaid.min.js: website/diagrams.py $(SITE_VENV)/ready $(GATES)/node/ready
	@cd $(SITE_VENV) && PATH="$(NODE):$$PATH" npm pack --silent $(MERMAID) >/dev/null || { \
	  echo "the site needs $(MERMAID) from npm's registry" >&2; exit 1; }
	@$(SITE_VENV)/bin/python -m website.diagrams $(SITE_VENV)/$(subst @,-,$(MERMAID)).tgz $@

$(GATES)/%/ready: requirements/gates/%.txt
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@echo "making $(@D) ..."
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --quiet --no-deps --require-hashes --requirement $<
	@touch $@

# What the function's package is made of, and nothing else: no pip, either.
$(GATES)/function: requirements/runtime.txt $(GATES)/cyclonedx-bom/ready
	@echo "making $@ ..."
	@rm -rf $@
	@$(PYTHON) -m venv --without-pip $@
	@$(GATES)/cyclonedx-bom/bin/pip --python $@/bin/python install --quiet --quiet --no-deps --require-hashes --requirement $<
	@touch $@

$(GATES)/cdk-nag: gates/cdk_nag/package-lock.json $(GATES)/node/ready
	@echo "making $@ ..."
	@cd gates/cdk_nag && PATH="$(NODE):$$PATH" npm ci --silent || { \
	  echo "cdk-nag needs its packages from npm's registry: npm ci in gates/cdk_nag says what is in the way" >&2; exit 1; }
	@touch $@
