# make demo · make test · make test-slurm · make lint: each sets up .venv by itself
PYTHON ?= python3
CORES ?= 2
CONFIG ?= config/demo.yaml
BIN := .venv/bin
# keep each job on its own core
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-slurm test-sevennet lint lock install
.DEFAULT_GOAL := demo

install: .venv/installed

.venv/installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' 2>/dev/null || \
		{ echo "falsemetal needs Python 3.11 or later: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable ".[workflow,d3,trajectory,test,lint,slurm]"
	touch $@

demo: install
	@BIN=$(BIN) tools/run --cores $(CORES) --configfile $(CONFIG)

test: install
	$(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile

# through profiles/slurm on a Slurm of one node that lives as long as the test; needs Debian and root
test-slurm: install
	tools/one-node-slurm $(BIN)/python -m pytest tests/workflow/test_slurm.py

# a foundation model in an environment of its own, as its packages and mace-torch's do not agree
test-sevennet: install .venv-sevennet/installed
	SEVENNET_PYTHON=.venv-sevennet/bin/python $(BIN)/python -m pytest tests/verdict/test_packages.py

.venv-sevennet/installed:
	$(PYTHON) -m venv .venv-sevennet
	.venv-sevennet/bin/python -m pip install --quiet sevenn==0.13.0
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --configfile config/smoke.yaml --lint

# pins for a fresh environment; CUDA's packages follow torch where there is a GPU
lock: install
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' | grep -vi '^nvidia\|^triton' > requirements.lock
