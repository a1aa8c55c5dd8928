# Two commands do everything on a fresh machine: `make demo` and `make check`.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo check format lint types test slow clean

demo: .venv/.core
	$(BIN)/polyrec demo

check: lint types test

lint: .venv/.dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks

types: .venv/.dev
	$(BIN)/mypy

test: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" --durations 10

slow: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

format: .venv/.dev
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

# torch is pinned and installed first: a bare requirement may pull gigabytes of CUDA.
.venv/.core: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) torch==2.13.0
	$(PIP) -e .
	touch $@

.venv/.dev: .venv/.core
	$(PIP) -e ".[dev]"
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache build
