# The verbs of the house. Each is one `house` command; `make` alone prints them.

VENV ?= .venv
PYTHON ?= $(shell .ci/python)
HOUSE = $(VENV)/bin/house

NEEDS_PYTHON = @test -n "$(PYTHON)" || { echo "House needs Python 3.11 or newer, and finds none; PYTHON=... names one."; \
	exit 1; }
NEWER = find daemons supervisord.conf pyproject.toml -name __pycache__ -prune -o -type f -newer $(VENV)/installed -print
NEWER_NOTICE = @test -z "$$($(NEWER))" || \
	echo "The project has changed since $(VENV) was set up; \`make upgrade\` installs it."
NOTICE = @test ! pyproject.toml -nt $(VENV)/installed || \
	echo "pyproject.toml has changed since $(VENV) was set up; \`make upgrade\` installs what it lists now."

# Several processes read the tests, so the first one keeps what it has compiled, whatever the environment says.
test test-long: export PYTHONDONTWRITEBYTECODE =
# The processes that these verbs start run the project, not the copy of it that is installed.
bench bench-full pictures: export PYTHONPATH = $(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help up press mirror logs status restart reload down upgrade extra test test-long test-all check bench bench-full pictures clean

help:  ## Print the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

up: | $(VENV)/installed  ## Start the house, and wait until every device is ready; of several hosts: make up HOST=kitchen
	@test -z "$(EDITABLE)" || test ! -e $(VENV)/wheel || .ci/venv "$(PYTHON)" "$(VENV)"
	$(if $(wildcard $(VENV)/wheel),$(NEWER_NOTICE),$(NOTICE))
	@$(HOUSE) $(if $(HOST),--host $(HOST)) up

press: | environment  ## Press the bathroom light; breakfast is made
	@$(HOUSE) send bathroom_light press

mirror: | environment  ## Show the house live, until Ctrl-C
	@$(HOUSE) mirror

logs: | environment  ## Follow all logs, or one: make logs DEVICE=toaster
	@$(HOUSE) logs $(DEVICE)

status: | environment  ## Show every device once
	@$(HOUSE) status

restart: | environment  ## Restart a device: make restart DEVICE=toaster
	@$(HOUSE) restart $(or $(DEVICE),$(error say which one: make restart DEVICE=toaster))

reload: | environment  ## Apply an edited config/house.toml; only what changed is touched
	@$(HOUSE) reload

down: | environment  ## End the house
	@$(HOUSE) down

upgrade:  ## Fetch the newest version, check it, and restart the house with it; goes back if it does not run
	$(NEEDS_PYTHON)
	@if test -z "$(EDITABLE)" && test -e $(VENV)/wheel && test -e "$${HOUSE_RUN:-run}/house.toml" && \
		$(HOUSE) upgrade --help >/dev/null 2>&1; then \
		PYTHON="$(PYTHON)" $(HOUSE) upgrade $(if $(NO_FETCH),--no-fetch); \
	else \
		.ci/venv "$(PYTHON)" "$(VENV)" && echo "$(VENV) is up to date."; \
	fi

extra: | environment  ## Install what a driver needs: make extra EXTRA=kasa
	@.ci/venv "$(PYTHON)" "$(VENV)" $(or $(EXTRA),$(error say which one: make extra EXTRA=mqtt, templates, kasa, esphome, gpio, discover, holidays or calendar))

test: | $(VENV)/installed-test  ## Run the tests
	$(NOTICE)
	@.ci/debian chromium chromium "the tests in a browser are left out"
	@.ci/debian mosquitto mosquitto "the tests with a real broker are left out"
	@.ci/debian ip iproute2 "the tests with several hosts are left out"
	@.ci/debian systemd-analyze systemd "the unit is not checked by systemd"
	$(VENV)/bin/python -m pytest -n 5 --dist loadgroup $(TESTS)

test-long: | $(VENV)/installed-test  ## Run the tests that take longer than `make test` may
	$(NOTICE)
	@.ci/debian firefox-esr firefox-esr "the tests in Firefox are left out"
	$(VENV)/bin/python -m pytest -n 4 --dist loadgroup -m long --timeout 900 $(TESTS)
	$(VENV)/bin/python -m pytest -n 4 --search 12 --timeout 900 $(TESTS)

test-all:  ## Run all tests on every CPython from 3.11 on that is found
	@.ci/each-python $(MAKE) test

check: | $(VENV)/installed-check  ## Lint, and check the types
	$(NOTICE)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

bench: peers  ## Measure the house beside its peers in some minutes; writes docs/benchmarks.md
	$(VENV)/bin/python -m bench --document

bench-full: peers  ## More of everything, and what takes long, an hour's soak too: some two hours
	$(VENV)/bin/python -m bench --full --document

.PHONY: peers
peers: | $(VENV)/installed-bench
	@.ci/debian mosquitto mosquitto "it is not measured"
	@.ci/debian redis-server redis-server "it is not measured"
	@.ci/debian nats-server nats-server "it is not measured"
	@.ci/debian chromium chromium "no pixels are measured"

pictures: | $(VENV)/installed-test  ## Take the README's pictures anew, from a real page
	@.ci/debian chromium chromium "there are no pictures"
	$(VENV)/bin/python -m docs.pictures

clean:  ## Remove what was set up; the configuration and the house's run directory stay
	rm -rf .venv .venv.* .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Nothing is installed but here, on first use, by `make upgrade` and `make extra`: a changed pyproject.toml alone
# changes nothing. An environment that a running house uses is never changed: a new one takes its place.
.PHONY: environment
environment:
	@test -e $(VENV)/installed || { echo "House is not set up in $(VENV) yet; \`make up\` does this once."; exit 1; }

$(VENV)/installed:
	$(NEEDS_PYTHON)
	@echo "Setting up $(VENV); this is done once."
	@.ci/venv "$(PYTHON)" "$(VENV)"

$(VENV)/installed-%: | $(VENV)/installed
	@echo "Installing what \`make $*\` needs; this is done once."
	@.ci/venv "$(PYTHON)" "$(VENV)" test,$*
	@touch $@
