# Everything happens in a virtual environment of the project's own; nothing is installed globally.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-live conformance lint check bench bench-tokens soak readme lock clean

demo: $(VENV)/ready  ## watch an MCP client refund a payment in the simulator
	@$(BIN)/stripe-mcp demo

test: $(VENV)/ready  ## run all tests
	$(BIN)/pytest

test-live: $(VENV)/ready  ## compare the simulator with Stripe's test mode (STRIPE_SECRET_KEY=sk_test_...)
	$(BIN)/pytest tests/live -m live --against https://api.stripe.com

conformance: $(VENV)/ready  ## run the official conformance suite of MCP (needs node)
	$(BIN)/python -m tests.conformance

lint: $(VENV)/ready  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint  ## lint, types, coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=100

bench: $(VENV)/ready  ## compare start and calls with a bare server, safety with none, the simulator with its client
	$(BIN)/python -m benchmarks.against_bare_server
	$(BIN)/python -m benchmarks.remote
	$(BIN)/python -m benchmarks.safety
	$(BIN)/python -m benchmarks.simulator

bench-tokens: $(VENV)/ready  ## count the tokens of tools and answers (needs node and gpt-tokenizer)
	$(BIN)/python -m benchmarks.tokens

soak: $(VENV)/ready  ## ten minutes of load on three replicas, with faults (needs nginx and PostgreSQL)
	$(BIN)/python -m benchmarks.soak

readme: $(VENV)/ready  ## write the tables of tools and tokens into README.md
	$(BIN)/python -m tests.readme_table

lock:  ## pin all dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-emit-index-url --no-header pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stripe-mcp needs Python 3.11 or newer")'
	@echo "Setting up $(VENV), once; this takes a minute ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
