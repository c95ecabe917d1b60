# Two commands: `make demo` shows the product, `make test` proves it. Both start from Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := mome_node node mome_core dicom_io sr_templates
PYTEST := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest
PARALLEL := OMP_NUM_THREADS=1 $(PYTEST) -n auto --dist worksteal
SYSTEM := OMP_NUM_THREADS=1 $(PYTEST) -n auto --dist loadfile# servers wait for each other more than they compute
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

SHELL := /bin/bash

.PHONY: help demo test test-all unit lint notebook dist debian clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

demo: $(VENV)/installed ## one synthetic breast MRI study from scanner to PACS, results in demo-out/
	$(BIN)/mome-node demo --out demo-out

test: $(VENV)/installed-test debian ## linters, unit tests, and system tests with the real servers that can be had
	$(PARALLEL) -m "not system and not exhaustive"
	$(SYSTEM) -m "system and not exhaustive"

test-all: test ## everything: also every layout through every validator and viewer, and long fuzzing (two hours)
	$(PYTEST) -m exhaustive

unit: $(VENV)/installed-test ## the fast tests only, a process for each core
	$(PARALLEL) -m "not system and not slow and not exhaustive"

lint: $(VENV)/installed-test ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports

notebook: $(VENV)/installed-test ## docs/python.ipynb, run anew with the outputs of today
	cd tests/support && "$(CURDIR)/$(BIN)/python" notebook.py

dist: $(VENV)/installed ## wheel and source package in dist/
	$(PIP_INSTALL) build
	$(BIN)/python -m build --outdir dist .

debian: ## the servers and validators that system tests use, when this machine lets us install them
	@sh deploy/install-test-servers.sh

clean: ## remove what the commands above made
	rm -rf $(VENV) demo-out build dist *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "MOME Node needs Python 3.11 or later; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (about 1.5 GB, most of it torch; a minute or two) ..."
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP_INSTALL) --editable '.[test]'
	@touch $@
