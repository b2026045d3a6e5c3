# What people do with this repository. `make` alone explains it.
# Needed: Python 3.11 to 3.13 with its venv module, make, git. Everything else comes from requirements.lock.
# ARGS goes to the program that a target runs:  make demo ARGS="--help"   make test ARGS="-k broker"

SHELL := /bin/sh
BIN := .venv/bin
INSTALLED := .venv/installed
ARGS ?=
# Requests that `conformance` tries of each operation and kind.
EXAMPLES ?= 10
# Seconds for which `faults` goes on on each way to run, and the stories of broken readers that it tries.
FAULTS_S ?= 300
LUCK ?= 30
# The tests in three processes, a file at a time and in their order: many of them wait more than they work, and the files with
# the fewest tests, which xdist would put last, are the longest ones.
SPREAD ?= -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo run test test-full faults conformance check format lock generated migrations pictures bench bench-peers clean

help: ## say what there is
	@echo "OpenFlightHub. Start with: make demo"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
	    printf '  make %-12s %s\n' "$$name" "$$text"; done

install: $(INSTALLED) ## make .venv and install what requirements.lock names (others do it when needed)

$(INSTALLED): requirements.lock pyproject.toml scripts/venv.sh
	@sh scripts/venv.sh .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## everything at once, with a simulated fleet
	$(BIN)/ofh demo $(ARGS)

run: install ## the hub, embedded, on its ordinary ports
	$(BIN)/ofh serve $(ARGS)

test: install ## the tests; what needs a program that is not installed is skipped and says so
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

test-full: install ## the tests, where a missing PostgreSQL, Redis, Mosquitto, Node or Chromium is a failure
	CI=true $(BIN)/python -m pytest $(SPREAD) $(ARGS)

faults: install ## under load: kill, stop, hold and fill up the hub and its servers; FAULTS_S=60 is quicker, ARGS="--help" says more
	$(BIN)/python -m tests.faults --seconds $(FAULTS_S) $(ARGS)
	LUCK_SEEDS="$$(seq -s ' ' $(LUCK))" $(BIN)/python -m pytest -q tests/integration/graphql_api/test_fleet_luck.py

conformance: install ## the contracts of compat against a running hub; EXAMPLES=200 looks longer
	CONFORMANCE_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest compat $(ARGS)

check: install ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/mypy --strict --explicit-package-bases tests/support tests/faults scripts compat/conformance

format: install ## bring the code into the form that `check` wants
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## write both lock files anew from pyproject.toml; newer versions only with ARGS=--upgrade
	@sh scripts/lock.sh $(ARGS)

generated: install ## docs/settings.md and schema.graphql anew from the code, the served contracts from compat
	$(BIN)/ofh settings > docs/settings.md
	$(BIN)/ofh schema > schema.graphql
	$(BIN)/python scripts/bundle_contracts.py

migrations: install ## a migration from the changes of the models: make migrations NAME=what_changed
	@test -n "$(NAME)" || { echo "Say what changes: make migrations NAME=what_changed" >&2; exit 2; }
	$(BIN)/python scripts/make_migration.py "$(NAME)"

pictures: install ## the dashboard's pictures in docs/images anew, with Chromium and Node; a quarter of an hour
	@cd compat/clients/dashboard && npm ci --no-audit --no-fund
	$(BIN)/python scripts/dashboard_pictures.py $(ARGS)

bench-peers: ## the servers that bench/live.py sets beside the hub, from npm into bench/peers
	@cd bench/peers && npm ci --no-audit --no-fund

bench: install ## the benchmarks; each prints a table
	@for program in bench/[a-z]*.py; do echo "== $$program"; $(BIN)/python "$$program" $(ARGS) || exit 1; done

clean: ## remove what the targets above made; ofh-data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
