# Needs nothing but Python >= 3.11 and make; everything else is installed into .venv from hash-locked files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input

.PHONY: help up test lint format bench lock clean

help:
	@echo "make up     start Kafka, PostgreSQL and the four services; Ctrl-C stops them"
	@echo "make test   run all tests on a real Kafka and a real PostgreSQL"
	@echo "make lint   formatting, lints, types, import contracts"
	@echo "make bench  run the benchmarks, results in bench/results/"
	@echo "make lock   resolve the dependencies anew"
	@echo "make clean  remove the environment and the state of this checkout"

up: $(VENV)/.runtime
	@exec $(BIN)/nuxari-security up

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -q $(TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	@$(BIN)/python -m bench

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "needs Python >= 3.11; name one with make PYTHON=..." >&2; exit 1; }
	@echo "making the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make an environment: install its venv module" >&2; exit 1; }

$(VENV)/.runtime: requirements.lock requirements-java.lock pyproject.toml schemas/pyproject.toml | $(VENV)/bin/python
	@echo "installing the dependencies"
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@deploy/has-java || { echo "no Java 17 or later on PATH: installing one into $(VENV)"; $(PIP) install --require-hashes --no-deps -r requirements-java.lock; }
	@$(PIP) install --no-deps --no-build-isolation -e ./schemas -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "installing what the tests need"
	@$(PIP) install --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-package nuxari-events --no-emit-package nuxari-security

lock:
	$(LOCK) pyproject.toml deploy/build-requirements.in --extra embedded -o requirements.lock
	$(LOCK) pyproject.toml --extra java -c requirements.lock -o /tmp/nuxari-java.lock
	$(PYTHON) deploy/only_new.py requirements.lock /tmp/nuxari-java.lock > requirements-java.lock
	$(LOCK) pyproject.toml --extra embedded --extra dev -c requirements.lock -o /tmp/nuxari-dev.lock
	$(PYTHON) deploy/only_new.py requirements.lock /tmp/nuxari-dev.lock > requirements-dev.lock

clean:
	rm -rf $(VENV) .nuxari .pytest_cache .mypy_cache .ruff_cache .hypothesis build
