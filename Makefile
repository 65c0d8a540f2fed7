# What one does with this project. `make` alone lists it.
#
# A bare Debian 12 needs only: git make python3 python3-venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

# one answer wherever it runs: no prompt, no note about newer pips, no user site-packages
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PYTHONNOUSERSITE := 1

.DEFAULT_GOAL := help
.PHONY: help install demo demo-cluster chaos test check format lint types layers migrations lab bench demo-real clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## The virtual environment, from the hashed lock

demo: $(READY) ## A simulated host is broken and healed before your eyes; needs nothing but this
	@$(BIN)/sre-agent demo

# one worker more than there are cores: some tests wait for hosts, servers and clocks; in the order of
# the folders: the long ones come first, and the quick ones of tests/unit fill up at the end
test: $(READY) ## The whole test suite
	@sh tests/prepare.sh
	$(BIN)/python -m pytest -n $$(($$(nproc) + 1)) --dist loadfile --no-loadscope-reorder --durations=25 --durations-min=5

check: format lint types layers migrations ## Format, lint, strict types, layers, migrations

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy app tests benchmarks start_server.py test_sre_agent.py ssh_config.py

layers: $(READY)
	$(BIN)/lint-imports

migrations: $(READY) # on both databases: upgrade from nothing, then no difference to the models
	@sh tests/prepare.sh
	@mkdir -p var
	@rm -f var/check.sqlite*
	DATABASE_URL=sqlite+aiosqlite:///./var/check.sqlite sh tests/migrations.sh
	@if ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1; \
	then $(BIN)/python -m tests.postgres sh tests/migrations.sh; \
	else echo "PostgreSQL: left out, no server here (sudo apt-get install postgresql)"; fi

lab: $(READY) ## Every scenario on real hosts (root on Debian)
	$(BIN)/sre-agent lab run

bench: $(READY) ## The benchmarks: some minutes on a machine that does nothing else
	@if [ -d benchmarks ]; then $(BIN)/python -m pytest benchmarks; \
	else echo "There are no benchmarks yet."; fi

# PostgreSQL with three workers and one server, then SQLite with one process; each seed another storm
CHAOS ?= both
chaos: $(READY) ## Processes killed at random, and nothing lost, doubled or out of order
	$(BIN)/python -m tests.chaos $(CHAOS)

demo-cluster: $(READY) ## Two servers and three workers on PostgreSQL heal a storm of simulated hosts
	@$(BIN)/python -m tests.cluster

demo-real: $(READY) ## A real host with a real nginx is broken and healed (root on Debian)
	@$(BIN)/sre-agent demo-real

clean: ## Remove the virtual environment and what demos left
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# Made again only when the lock or the project's own metadata change.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
	    echo "Python 3.11 or newer is needed, and $(PYTHON) is missing or older. On Debian 12:"; \
	    echo "  sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	    echo "Python cannot make virtual environments here. On Debian 12:"; \
	    echo "  sudo apt-get install python3-venv"; exit 1; }
	@echo "Installing the Python packages of requirements.lock into $(VENV) (a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)
