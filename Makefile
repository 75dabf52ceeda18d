# stormdb: `make run` shows it, `make test` checks it, `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help build run test unit rust fuzz sanitize tidy lint types layers bench bench-quick wheel wheel-check clean

# The first Python that runs and is new enough; a version manager's shim may exist without running.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := $(shell find crates -name '*.rs' -o -name Cargo.toml) Cargo.toml $(wildcard Cargo.lock)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.tools: Makefile
	@test -n "$(PYTHON)" || { echo "stormdb needs Python 3.11 or newer; hint: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

# One editable install builds the Rust crates in release mode and brings every dependency.
$(VENV)/.built: $(VENV)/.tools pyproject.toml $(RUST_SOURCES)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --group dev --reinstall-package stormdb --editable .
	@touch $@

build: $(VENV)/.built ## Make .venv with the stormdb command in it

# Exit code 5 is the report's own doubt: on a busy machine it is right, and no reason to fail.
run: build ## Load an embedded PostgreSQL with the quick-start plugin for 10 s
	$(BIN)/stormdb run quickstart --warm-up 2s --duration 10s || test $$? -eq 5

# Tests of real servers wait most of the time, so they run side by side. What fails in that crowd is
# run again by itself, in the open, and has to pass there. Exit code 1 is failed tests; any other end,
# Ctrl-C among them, is the end.
test: build rust ## Pass all tests: Rust, Python, real servers, every example of the docs
	$(BIN)/pytest --numprocesses auto --dist worksteal || { test $$? -eq 1 && \
		$(BIN)/pytest --last-failed --last-failed-no-failures none; }

unit: build ## Pass the quick tests only
	$(BIN)/pytest --numprocesses auto tests/unit

rust: ## Pass the Rust tests
	cargo test --workspace --quiet

# Needs `cargo install cargo-fuzz` and `rustup toolchain install nightly`. Seeds are kept in git; what
# else is found stays in fuzz/corpus, inputs that break something in fuzz/artifacts.
FUZZ_S ?= 60
FUZZ_TARGETS ?= $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))

fuzz: ## Feed each reader of bytes with damaged ones, for FUZZ_S seconds each
	@set -e; for target in $(FUZZ_TARGETS); do mkdir -p fuzz/corpus/$$target; \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_S) -max_len=16384 -timeout=10 -rss_limit_mb=512; done

# The only unsafe code is in the reactor. A target folder of its own: everything is built anew.
sanitize: ## Pass the tests of reactor and engine under AddressSanitizer (needs nightly)
	RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/sanitize cargo +nightly test --quiet \
		-p stormdb-reactor -p stormdb-engine --target $$(rustc -vV | sed -n 's/^host: //p')

tidy: lint types layers ## Check all that a machine can check of STYLE.md
	$(BIN)/python tools/tidy.py

lint: build
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings

types: build
	$(BIN)/mypy

layers: build
	$(BIN)/lint-imports

bench: build ## Measure against the peers, side by side
	$(BIN)/python bench/engine.py --json bench/results/engine.json
	$(BIN)/python bench/coroutine.py --json bench/results/coroutine.json
	$(BIN)/python bench/truth.py --json bench/results/truth.json
	$(BIN)/python bench/start.py --json bench/results/start.json

bench-quick: build ## See that the benchmarks work, in short runs
	$(BIN)/python bench/engine.py --quick
	$(BIN)/python bench/coroutine.py --quick
	$(BIN)/python bench/truth.py --quick
	$(BIN)/python bench/start.py --quick

wheel: build ## Build the wheel into dist/
	rm -rf dist
	$(BIN)/uv build --wheel --out-dir dist

# The wheel alone, in an empty environment and an empty folder, must run.
wheel-check: wheel
	$(BIN)/uv venv --quiet --clear dist/venv
	VIRTUAL_ENV=dist/venv $(BIN)/uv pip install dist/*.whl
	cd dist && { venv/bin/stormdb run quickstart --duration 3s --set warm_up=1s || test $$? -eq 5; }
	UV_TOOL_DIR=dist/tools UV_TOOL_BIN_DIR=dist/bin $(BIN)/uv tool install dist/*.whl
	dist/bin/stormdb --version

clean: ## Remove everything that the targets made
	rm -rf $(VENV) target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
