# What `cargo test` passes over because it needs software that a machine may not have: here it is installed, started
# and run. A service that is missing is a failure, never a skip.

PYTHON ?= python3
PEERS_VENV := target/peers-venv
PEERS_NEEDS := tests/peers/python/requirements.txt
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: test-services
test-services: $(PEERS_VENV)/installed ## Tests against other people's software, which it installs first (needs Python 3.11 and Chromium)
	@test -n '$(CHROMIUM)' || { \
		echo 'test-services needs Chromium: on Debian `apt install chromium`, or name one by CHROMIUM=…' >&2; exit 1; }
	@if cargo nextest --version >/dev/null 2>&1; then run='nextest run --locked --test peers --run-ignored all'; \
	else run='test --locked --test peers -- --include-ignored'; fi; \
	PEERS_CHROMIUM="$(CHROMIUM)" PEERS_PYTHON="$(CURDIR)/$(PEERS_VENV)/bin/python" cargo $$run

# Made anew when the pinned versions change, and after an attempt that broke off.
$(PEERS_VENV)/installed: $(PEERS_NEEDS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'test-services needs Python 3.11 or later: install it, or name one by `make test-services PYTHON=…`' >&2; \
		exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo 'test-services needs the venv module of Python: on Debian and Ubuntu `apt install python3-venv`' >&2; \
		exit 1; }
	@rm -rf $(PEERS_VENV)
	@$(PYTHON) -m venv $(PEERS_VENV)
	@$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $(PEERS_NEEDS) || { \
		echo 'test-services could not install $(PEERS_NEEDS): it needs a way to PyPI (pip takes PIP_INDEX_URL)' >&2; \
		exit 1; }
	@touch $@
