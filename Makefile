# The environment is made by plain `python -m venv` and pip with the versions of constraints.txt.
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
PYTEST_OPTIONS ?=

.PHONY: help install demo test test-slow lint wheel-test bench docs constraints clean

help:
	@echo "make demo         install, simulate two small tracks, process and study them, print found against true"
	@echo "make test         every test that is not slow"
	@echo "make test-slow    the slow tests"
	@echo "make lint         ruff, mypy, import contracts"
	@echo "make wheel-test   build the wheel, install it elsewhere, test what was installed"
	@echo "make bench        benchmarks"
	@echo "make docs         write the generated reference pages again"
	@echo "make constraints  resolve constraints.txt again (needs uv)"
	@echo "make clean        remove what these targets made"

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@python=$$(PYTHON="$(PYTHON)" tools/find_python) || exit 1; \
	echo "$$python -m venv $(VENV)"; "$$python" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: install
	rm -rf $(DEMO)
	$(BIN)/subside demo $(DEMO) --scene heze

test: install
	$(BIN)/python -m pytest -q -m "not slow" $(PYTEST_OPTIONS)

test-slow: install
	$(BIN)/python -m pytest -q -m slow $(PYTEST_OPTIONS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src/subside
	$(BIN)/lint-imports

wheel-test: install
	tools/test_wheel $(BIN)/python

bench: install
	$(BIN)/python -m pytest -q -p no:xdist benchmarks/bench_*.py $(PYTEST_OPTIONS)

docs: install
	$(BIN)/python tools/generate_docs.py

constraints:
	@command -v uv >/dev/null || { echo "make constraints needs uv: pip install uv" >&2; exit 1; }
	@{ head -1 constraints.txt; uv pip compile pyproject.toml --extra test --extra download --universal --python-version 3.11 \
	  --no-emit-index-url --no-header --no-annotate --quiet; } > .constraints.new
	mv .constraints.new constraints.txt

clean:
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .benchmarks .hypothesis
	find src tests benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +
