# Everything a newcomer needs: `make demo`, `make test`. Both make their own .venv.
PYTHON ?= python3
BIN := .venv/bin
CUSTOMERS ?= 2000
SERVE ?= 1
# Every process that is started compiles what it imports where this is set: twice as long for each command, server and worker.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test soak both sdks spark lint types bench lock clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: .venv/ready ## make .venv with the pinned packages

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

demo: .venv/ready ## the made-up retailer: load, resolve, one customer's 360, then serve (SERVE=0: without)
	$(BIN)/steelthread demo demo --customers $(CUSTOMERS) $(if $(filter 0,$(SERVE)),--no-serve,--serve)

test: .venv/ready ## all tests, by two processes: the tests wait half of their time
	$(BIN)/python -m pytest -m "not soak" -n 2 --dist worksteal

soak: .venv/ready ## the laws with the full counts, on both servers
	$(BIN)/python -m pytest -m "soak" --servers both --timeout 7200

both: .venv/ready ## all tests on both PostgreSQL servers, the embedded one and Debian's: `test` runs a sixth on the second
	$(BIN)/python -m pytest -m "not soak" -n 2 --dist worksteal --servers both

sdks: ## the SDKs of Node and browsers, and AsyncAPI's schema, so that their tests run (they need Node and Debian's chromium)
	npm ci --prefix tests/live/sdks --silent --fetch-retries 1 --fetch-timeout 30000

spark: .venv/ready ## Spark, so that its tests run (they need Java 17, too)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-spark.lock

lint: .venv/ready ## ruff and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: .venv/ready ## mypy --strict
	$(BIN)/mypy

bench: .venv/ready ## the figures of the README
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/read.py
	$(BIN)/python benchmarks/live.py
	$(BIN)/python benchmarks/overload.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/model.py
	$(BIN)/python benchmarks/privacy.py
	$(BIN)/python benchmarks/erasure.py
	$(BIN)/python benchmarks/gates.py
	$(BIN)/python benchmarks/withdrawals.py
	$(BIN)/python benchmarks/shop_year.py
	$(BIN)/python benchmarks/identity/table.py
	$(BIN)/python benchmarks/identity/organisations.py
	$(BIN)/python benchmarks/identity/through.py demo 21 10000
	$(BIN)/python benchmarks/identity/through.py households 21 1500 0.3
	$(BIN)/python benchmarks/identity/through.py historical
	$(BIN)/python benchmarks/identity/through.py febrl3
	$(BIN)/python benchmarks/identity/through.py febrl4
	$(BIN)/python benchmarks/identity/candidates.py
	$(BIN)/python benchmarks/identity/scale.py 10000 100000 historical 1000000
	$(BIN)/python benchmarks/identity/incremental.py

lock: ## renew requirements.lock and requirements-spark.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra dev pyproject.toml -o requirements.lock
	grep -o '"pyspark>[^"]*"' pyproject.toml | tr -d '"' | $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 - -o requirements-spark.lock

clean: ## remove .venv and the demo
	rm -rf .venv demo
