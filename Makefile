# `make demo` and `make test` set everything up on a fresh Debian 12 or Ubuntu 24.04 machine with a Rust toolchain.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

WEB := crates/stakeout-server/web
CLIENTS := crates/stakeout/tests/clients
RECIPE := crates/imagery-diff/training
MADE := fixtures/made
VENV := target/clients-venv
LINT_VENV := target/lint-venv
RUFF := ruff==0.17.6
FEATURES := crates/stakeout/benches/features
BENCH_VENV := target/bench-venv
BENCHES := crates/stakeout/benches
TILES_BENCH := $(BENCHES)/tiles
TILES_VENV := target/tiles-venv
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

.PHONY: help demo test test-clients lint fuzz fixture packages packages-clients packages-bench web bench bench-features bench-tiles bench-ingest clean-made

help: ## list what make can do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: packages $(WEB)/dist/app.js ## find structures in a rendered pair of scenes, then serve them for review
	cargo build --release --locked --bin stakeout --bin make-fixture
	fixtures/demo.sh target/release $(MADE)

test: packages $(WEB)/dist/app.js ## run the tests
	cd $(WEB) && npm test
ifdef NEXTEST
	cargo nextest run --workspace --locked
else
	cargo test --workspace --locked
endif
	cargo test --workspace --locked --doc

test-clients: packages packages-clients $(WEB)/dist/app.js $(VENV)/.ready $(CLIENTS)/browser/node_modules/.ready ## judge with a browser, QGIS and Python clients
	cargo build --locked --bin stakeout --bin make-fixture --features stakeout/ort
	cd $(RECIPE) && $(CURDIR)/$(VENV)/bin/python -m unittest -q tests.test_samples tests.test_sharpness tests.test_registered
	STAKEOUT_BIN=$(CURDIR)/target/debug $(VENV)/bin/pytest -q $(CLIENTS)

lint: packages $(WEB)/dist/app.js $(LINT_VENV)/.ready ## formatting and lints of Rust and Python, warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(LINT_VENV)/bin/ruff format --check --quiet
	$(LINT_VENV)/bin/ruff check --quiet

bench: packages ## benches of every stage, then of the whole detection
	cargo bench --workspace --locked

bench-features: packages $(WEB)/dist/app.js $(BENCH_VENV)/.ready ## the feature service beside tipg and pygeoapi on PostGIS (Debian 12; a few minutes)
	cargo build --release --locked --bin stakeout --example fill_annotations
	$(BENCH_VENV)/bin/python $(FEATURES)/bench.py

fuzz: packages ## change headers of each format at random, FUZZ_S seconds each (60); then FUZZ_CASES filters, geometries and placements (20000)
	crates/raster-io/fuzz/run.sh $${FUZZ_S:-60}
	PROPTEST_CASES=$${FUZZ_CASES:-20000} cargo test --workspace --locked --test hostile
	PROPTEST_CASES=$${FUZZ_CASES:-20000} cargo test --workspace --locked --lib placing

bench-tiles: packages $(WEB)/dist/app.js $(TILES_VENV)/.ready ## tiles beside TiTiler; the table goes to docs/performance.md
	cargo build --release --locked --bin stakeout --bin make-fixture --bin fetch-all
	PYTHONPATH=$(BENCHES) $(TILES_VENV)/bin/python $(TILES_BENCH)/measure.py target/release docs/performance.md

bench-ingest: packages $(WEB)/dist/app.js ## memory and time of a scene of 30,000 px (INGEST_SIDE) from upload to tiles; takes some 10 GB of disk for a while
	cargo build --release --locked --bin stakeout --bin make-large
	PYTHONPATH=$(BENCHES) /usr/bin/python3 $(BENCHES)/ingest/measure.py target/release docs/performance.md --side $${INGEST_SIDE:-30000}

fixture: packages ## write the rendered pair and its truth to fixtures/made
	cargo run --release --locked --bin make-fixture -- $(MADE)

packages:
	@.ci/install .ci/packages $$(command -v node >/dev/null || echo nodejs) $$(command -v npm >/dev/null || echo npm)

packages-clients:
	@.ci/install .ci/packages-clients

packages-bench:
	@.ci/install .ci/packages-bench

web: $(WEB)/dist/app.js ## bundle the page

$(WEB)/node_modules/.ready: $(WEB)/package-lock.json | packages
	cd $(WEB) && npm ci --no-audit --no-fund --silent
	touch $@

$(WEB)/dist/app.js: $(WEB)/node_modules/.ready $(shell find $(WEB)/src -type f 2>/dev/null)
	cd $(WEB) && npm run --silent build

$(CLIENTS)/browser/node_modules/.ready: $(CLIENTS)/browser/package-lock.json | packages
	cd $(CLIENTS)/browser && npm ci --no-audit --no-fund --silent
	touch $@

$(VENV)/.ready: $(CLIENTS)/requirements.txt $(CLIENTS)/requirements-files.txt | packages-clients
	/usr/bin/python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(CLIENTS)/requirements-files.txt
	touch $@

$(LINT_VENV)/.ready: Makefile | packages
	@.ci/install .ci/packages python3-venv
	/usr/bin/python3 -m venv $(LINT_VENV)
	$(LINT_VENV)/bin/pip install --quiet --disable-pip-version-check $(RUFF)
	touch $@

$(BENCH_VENV)/.ready: $(FEATURES)/requirements.txt | packages-bench
	/usr/bin/python3 -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(TILES_VENV)/.ready: $(TILES_BENCH)/requirements.txt | packages
	@.ci/install .ci/packages python3-venv
	/usr/bin/python3 -m venv $(TILES_VENV)
	$(TILES_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean-made: ## remove what the demo wrote
	rm -rf $(MADE)
