# `make train` trains the recipe digits, `make test` runs the tests, `make check` the linters, types and import rules.
# Each makes its environment first. `make PYTHON=python3.12 VENV=.venv312 test` takes another Python.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The benchmark's peers have an environment of their own, so that none of them touches ours.
PEERS_VENV ?= .venv-peers
PEERS_STAMP := $(PEERS_VENV)/.installed
PEERS_FILES := $(addprefix benchmarks/peers-,requirements.txt requirements-bare.txt constraints.txt)

.PHONY: train study bench bench-gpu bench-report bench-check test test-gpu check install format clean

train: $(STAMP)
	$(BIN)/spikeloom train digits

# What sparsity costs: hours in full. `make study ARGS="--data nmnist_small --seeds 0"` does a part, and goes on where it
# was stopped; `make study ARGS=--help` lists what can be selected.
study: $(STAMP)
	$(BIN)/python -m studies.accuracy $(ARGS)

# All cases that a promise hangs on, all peers: hours. `make bench CASE=paper-layers-b/nmnist/2/1.5 PEERS='ours_*,torch_*'
# QUICK=1` does a part in two minutes. DATA=DIR, with nmnist_small and fsdd/recordings in it, adds seconds to accuracy.
# NO_AMX=1 switches matrix units off, in rows of their own.
# `make bench ARGS=--list` lists cases and peers, ARGS=--help all options.
bench: $(STAMP) $(PEERS_STAMP)
	$(BIN)/python -m benchmarks.run --peers-python $(PEERS_VENV)/bin/python \
	  $(if $(CASE),--case '$(CASE)') $(if $(PEERS),--peers '$(PEERS)') $(if $(QUICK),--quick) \
	  $(if $(NO_AMX),--no-amx) $(ARGS)
	$(if $(CASE)$(PEERS)$(QUICK)$(NO_AMX)$(ARGS),,$(BIN)/python -m benchmarks.limits)
	$(if $(CASE)$(PEERS)$(QUICK)$(NO_AMX)$(ARGS),,$(if $(DATA),$(BIN)/python -m benchmarks.accuracy --data '$(DATA)'))
	$(if $(CASE)$(PEERS)$(QUICK)$(ARGS),,$(BIN)/python -m benchmarks.report)

# docs/benchmarks.md and its pictures, from the rows there are.
bench-report: $(STAMP)
	$(BIN)/python -m benchmarks.report $(ARGS)

# The table of a GPU in docs/benchmarks.md, on a machine with one: the most important cases first, each less than two
# minutes, those that have rows left out. GPU_PYTHON=python3 takes a Python that has torch for that GPU, and the peers,
# and builds no environment. `make bench-gpu ARGS='--minutes 9 --out DIR'` is for a machine that is lent; afterwards
# `python -m benchmarks.take DIR` puts its rows in their place.
bench-gpu: $(if $(GPU_PYTHON),,$(STAMP) $(PEERS_STAMP))
	PYTHONPATH=src:$$PYTHONPATH $(or $(GPU_PYTHON),$(BIN)/python) -m benchmarks.run --device cuda --skip-done \
	  --peers-python $(or $(GPU_PYTHON),$(PEERS_VENV)/bin/python) \
	  $(if $(CASE),--case '$(CASE)') $(if $(PEERS),--peers '$(PEERS)') $(ARGS)
	$(if $(GPU_PYTHON)$(CASE)$(PEERS)$(ARGS),,$(BIN)/python -m benchmarks.report)

# Under a minute: fails where ours lost more than 15 % against plain torch. ARGS=--update stores what is measured now.
bench-check: $(STAMP)
	$(BIN)/python -m benchmarks.check $(ARGS)

# As many processes as cores, at most four: each takes 2 GB, and kernels that two need at once are compiled twice.
# `make test WORKERS=0` runs the tests in one.
WORKERS ?= auto
test: $(STAMP)
	$(BIN)/python -m pytest -q --numprocesses $(WORKERS) --maxprocesses 4 --dist worksteal

# On a machine with a GPU, and a torch that can use it: what the CPU's tests run in Triton's interpreter, on the GPU.
test-gpu: $(STAMP)
	$(BIN)/python -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' \
	  || { echo "test-gpu: expected a GPU that torch can use, found none: make test runs these kernels without one" >&2; exit 1; }
	$(BIN)/python -m pytest -q tests/kernels/cuda

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=src:. $(BIN)/mypy --strict -p studies.accuracy
	MYPYPATH=src:. $(BIN)/mypy --strict -p benchmarks
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

$(PEERS_STAMP): $(PEERS_FILES)
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint benchmarks/peers-constraints.txt --requirement benchmarks/peers-requirements.txt
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --constraint benchmarks/peers-constraints.txt --requirement benchmarks/peers-requirements-bare.txt
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS_VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
