# What `cargo test` passes over because it needs software that a machine may not have: here it is installed, started
# and run. A service that is missing is a failure, never a skip.

PYTHON ?= python3
PEERS_VENV := target/peers-venv
PEERS_NEEDS := tests/peers/python/requirements.txt
PEERS_NODE := target/peers-node
PEERS_NODE_NEEDS := tests/peers/node/package.json tests/peers/node/package-lock.json
# A Supabase project on this machine: PostgreSQL, PostgREST and a gateway. tests/services/stand.py tells the rest.
STAND := $(PYTHON) -B tests/services/stand.py
STAND_VENV := target/stand/venv
STAND_NPM := target/stand/npm
STAND_NEEDS := tests/services/requirements.txt
STAND_NPM_NEEDS := tests/services/package.json tests/services/package-lock.json
DEBIAN_POSTGRES := /usr/lib/postgresql/15/bin/postgres

# $(call RUN_IGNORED,--test NAME…): the command that runs these test binaries, the ignored tests too.
RUN_IGNORED = $(if $(shell cargo nextest --version 2>/dev/null),\
	cargo nextest run --locked $(1) --run-ignored all,cargo test --locked $(1) -- --include-ignored)

# Looked for when it is needed: it may just have been installed.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
FIREFOX ?= $(shell command -v firefox-esr || command -v firefox)

.PHONY: test-services stand stand-installed python-fits chromium-fits firefox-fits
test-services: $(PEERS_VENV)/installed $(PEERS_NODE)/installed stand-installed $(DEBIAN_POSTGRES) chromium-fits firefox-fits ## Tests against other people's software, which it installs first (needs Python 3.11 and npm)
	@PEERS_PYTHON="$(CURDIR)/$(PEERS_VENV)/bin/python" PEERS_NODE="$(CURDIR)/$(PEERS_NODE)" \
		PEERS_CHROMIUM="$(CHROMIUM)" PEERS_FIREFOX="$(FIREFOX)" \
		$(STAND) -- $(call RUN_IGNORED,--test peers --test store)
	@$(STAND) --plain -- $(call RUN_IGNORED,--test store)

stand: stand-installed ## A Supabase project on this machine, until Ctrl-C (needs Python 3.11 and npm)
	@$(STAND)

stand-installed: $(STAND_VENV)/installed $(STAND_NPM)/installed

# Each is made anew when the pinned versions change, and after an attempt that broke off.
$(PEERS_VENV)/installed: $(PEERS_NEEDS) | python-fits
	@rm -rf $(PEERS_VENV)
	@$(PYTHON) -m venv $(PEERS_VENV)
	@$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $(PEERS_NEEDS) || { \
		echo 'test-services could not install $(PEERS_NEEDS): it needs a way to PyPI (pip takes PIP_INDEX_URL)' >&2; \
		exit 1; }
	@touch $@

$(STAND_VENV)/installed: $(STAND_NEEDS) | python-fits
	@rm -rf $(STAND_VENV)
	@$(PYTHON) -m venv $(STAND_VENV)
	@$(STAND_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement $(STAND_NEEDS) || { \
		echo 'the stand could not install $(STAND_NEEDS): it needs a way to PyPI (pip takes PIP_INDEX_URL)' >&2; \
		exit 1; }
	@touch $@

$(STAND_NPM)/installed: $(STAND_NPM_NEEDS)
$(PEERS_NODE)/installed: $(PEERS_NODE_NEEDS)
# What a package.json and its lock name, in the folder of the target.
$(STAND_NPM)/installed $(PEERS_NODE)/installed:
	@npm --version >/dev/null 2>&1 || { \
		echo 'test-services needs npm: on Debian and Ubuntu `apt install npm`' >&2; exit 1; }
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@npm ci --prefix $(@D) --silent --ignore-scripts --no-audit --no-fund || { \
		echo 'test-services could not install $<: it needs a way to the npm registry' >&2; \
		exit 1; }
	@touch $@

python-fits:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'test-services needs Python 3.11 or later: install it, or name one by `make … PYTHON=…`' >&2; \
		exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo 'test-services needs the venv module of Python: on Debian and Ubuntu `apt install python3-venv`' >&2; \
		exit 1; }

# The database without pgvector. Its package would start one by itself: it is told not to.
CREATE_CLUSTER := /etc/postgresql-common/createcluster.conf
$(DEBIAN_POSTGRES):
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
		echo 'test-services needs PostgreSQL 15: as root `apt-get install postgresql-15` (Debian 12)' >&2; exit 1; }
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql-common openssl
	@sed -ri 's/^#?(create_main_cluster) .*/\1 = false/' $(CREATE_CLUSTER)
	@DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql-15

chromium-fits:
	@test -n '$(CHROMIUM)' || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		{ apt-get install -y -qq chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; }; } } || { \
		echo 'test-services needs Chromium: as root `apt-get install chromium` (Debian), or name one by CHROMIUM=…' >&2; \
		exit 1; }

# Firefox lends a page no sound without a sound server.
firefox-fits:
	@test -n '$(FIREFOX)' && command -v pulseaudio >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends firefox-esr pulseaudio >/dev/null; }; } || { \
		echo 'test-services needs Firefox and PulseAudio: as root `apt-get install firefox-esr pulseaudio` (Debian)' >&2; \
		exit 1; }
