# What a person does with this project. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help run check test chaos bench fmt lint doc audit

# cargo-nextest where it is installed, else cargo test; both end with their own summary.
RUN_TESTS = if cargo nextest --version >/dev/null 2>&1; \
	then cargo test --locked --doc --quiet && cargo nextest run --locked; \
	else cargo test --locked; fi

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# On one machine the phone is tried without a token: unless something is said of it, or the service has a PUBLIC_URL,
# here or in `.env`.
TRIAL = test -n "$$PUBLIC_URL" || case "$${HOST:-127.0.0.1}" in 127.*|localhost|::1) \
	grep -qsE '^[[:space:]]*(export[[:space:]]+)?(HOST|PUBLIC_URL|TWILIO_ALLOW_UNSIGNED)=' .env || \
	export TWILIO_ALLOW_UNSIGNED="$${TWILIO_ALLOW_UNSIGNED-true}";; esac

run: ## Build for release and serve on 127.0.0.1:7070
	@$(TRIAL); cargo run --release --locked

check: ## Check the settings, the persona files, the store and the model, without serving
	@cargo run --release --locked -- check

test: lint doc ## All checks that need nothing but Rust: format, clippy, docs, tests
	@$(RUN_TESTS)

# Of the same seed comes the same plan.
SEED ?= $(shell date +%s)
CALLS ?= 200
KILLS ?= 200

chaos: ## Strike scripted calls with a seeded plan of faults, and check what must hold (SEED=, CALLS=, KILLS=)
	@CHAOS_SEED=$(SEED) CHAOS_CALLS=$(CALLS) CHAOS_KILLS=$(KILLS) \
		cargo test --locked --test chaos -- --nocapture --test-threads 1

# What is said to it goes through, as in `make bench LOAD="--calls 500 --rounds 1"`; bench/README.md tells the rest.
LOAD = --starts

bench: ## Load the service with simulated calls, beside a minimal relay (LOAD="--help" shows how)
	@cargo build --release --locked --bin ai-realtime
	@cargo run --release --locked --example load -- $(LOAD)

fmt: ## Format the code
	@cargo fmt

lint: ## Check the format, then clippy on all targets
	@cargo fmt --check
	@cargo clippy --locked --all-targets -- -D warnings

doc: ## Build the documentation of the crate
	@RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

audit: ## Check licences and known vulnerabilities with cargo-deny (needs the network)
	@cargo deny --version >/dev/null 2>&1 || \
		{ echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	@cargo deny check

# test-services: the tests that need servers, and what starts those.
include services.mk
