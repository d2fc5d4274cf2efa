# signfold's commands. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
CORES ?= all
BIN := .venv/bin
TORCH := torch==2.13.0
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
# The first Python that runs and is 3.11 or 3.12. Give another: make setup PYTHON=/path/to/python
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$python && break; done)

.PHONY: help setup demo live test test-slurm torture bench-keypoints bench-training bench-imputation bench-live bench-scale config mutation lint lock

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-15s %s\n", $$1, $$2}'

setup: .venv/ready ## make the environment in .venv

.venv/ready: envs/requirements.lock pyproject.toml
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then \
		echo "signfold needs Python 3.11 or 3.12; found: $${PYTHON:-$$(python3 --version 2>&1)}." \
			"Install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@echo "setting up .venv with $$($(PYTHON) --version)"
	@"$(PYTHON)" -m venv --clear .venv
	@$(PIP) --no-deps -r envs/requirements.lock
	@$(PIP) $(TORCH) -c envs/requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## render synthetic signers, run the whole workflow on them, say where the report is
	@$(BIN)/snakemake --cores $(CORES) results/demo/report.html

live: demo ## the demo, and then its signs before the web cam: a local page
	@$(BIN)/signfold serve results/demo

test: setup ## run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

test-slurm: setup ## run the demo, and much that goes wrong, on a SLURM of one node (needs slurm-wlm and munge)
	@$(BIN)/python -m pytest tests/slurm/on_slurm.py

torture: setup ## inject faults into the workflow and say which it held (ten minutes; make torture FAULTS="--faults 100 --seed 1")
	@$(BIN)/python tests/torture/run.py $(FAULTS)

bench-keypoints: setup ## measure extraction beside the models alone and the plain way (half an hour)
	@$(BIN)/python benchmarks/keypoints.py 2>/dev/null

bench-training: setup ## measure the networks beside a plain one
	@$(BIN)/python benchmarks/training.py

bench-imputation: setup ## measure imputed joints against the true ones of rendered clips
	@$(BIN)/python benchmarks/imputation.py

bench-live: setup ## measure the live page's stages, and its answers beside the files' (of the demo, in ten minutes; fewer: VIDEOS="results/demo/videos/*_1.mp4")
	@$(BIN)/python benchmarks/live.py results/demo $(VIDEOS)

bench-scale: setup ## measure plans, jobs and files of 1,000 to 40,000 stand-in videos, and tables of 40,000 clips
	@$(BIN)/python benchmarks/scale.py

config: setup ## make config/schema.yaml and the tables of config/README.md anew
	@$(BIN)/python -m signfold.config.document

mutation: setup ## whether the tests of PACKAGE notice 100 random mutants (make mutation PACKAGE=folds)
	@for package in $(or $(PACKAGE),tensors folds evaluation training); do $(BIN)/python benchmarks/mutation.py $$package || exit; done

lint: setup ## ruff, snakefmt, snakemake --lint, mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/snakemake --lint
	@$(BIN)/mypy

lock: ## make envs/requirements.lock and envs/signfold.yaml anew (needs uv)
	@{ echo "# Made by 'make lock' from requirements.in; installed without resolution: pip install --no-deps -r requirements.lock"; \
		{ uv pip compile -q --python-version 3.11 --python-platform linux --no-annotate --no-header envs/requirements.in; \
		echo "mediapipe==0.10.21"; echo "pose-format==0.15.0"; } | sort; } > envs/requirements.lock.new
	@mv envs/requirements.lock.new envs/requirements.lock
	@$(MAKE) envs/signfold.yaml

envs/signfold.yaml: envs/requirements.lock Makefile
	@{ echo "# Made by 'make envs/signfold.yaml' of requirements.lock, for 'snakemake --sdm conda'. mediapipe and pose-format follow in"; \
		echo "# signfold.post-deploy.sh, without resolution. See README.md: never tried, conda could not be reached."; \
		echo "channels: [conda-forge, nodefaults]"; echo "dependencies:"; echo "  - python=3.11"; echo "  - pip"; echo "  - pip:"; \
		{ grep -v -e '^#' -e '^mediapipe' -e '^pose-format' $<; echo "$(TORCH)"; } | sed 's/^/      - /'; } > $@
