# `make train` trains the recipe digits, `make test` runs the tests, `make check` the linters, types and import rules.
# Each makes its environment first. `make PYTHON=python3.12 VENV=.venv312 test` takes another Python.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: train study test check install format clean

train: $(STAMP)
	$(BIN)/spikeloom train digits

# What sparsity costs: hours in full. `make study ARGS="--data nmnist_small --seeds 0"` does a part, and goes on where it
# was stopped; `make study ARGS=--help` lists what can be selected.
study: $(STAMP)
	$(BIN)/python -m studies.accuracy $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -q

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=src:. $(BIN)/mypy --strict -p studies.accuracy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

install: $(STAMP)

# The stamp is written last, so that an installation cut short is done again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "spikeloom needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
