# The project's commands: `make help` lists them.
#
# Nothing is exported here on purpose. make hands PORT, DATABASE_URL, THROTTLE and ENVIRONMENT to
# the commands by itself, whether they come from the shell or as in `make run PORT=9000`, while an
# `export PORT` would also pass on what nobody set, as an empty string.

PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test drill lint format lock clean audit sbom mutants

# A stamp says that these requirements are installed for this Python. It bears their checksum in
# its name, so that neither a clone's file times nor a change of branch mislead, and is made last,
# so that half an installation does not count.
VERSION := $(shell $(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null)
CHECKSUM = $(shell { echo $(VERSION); cat $(1); } | cksum | cut -d ' ' -f 1)
RUNTIME := .venv/.runtime-$(call CHECKSUM,requirements.txt)
DEV := .venv/.dev-$(call CHECKSUM,requirements.txt requirements-dev.txt)

BIN := .venv/bin
SHARE = $(if $(ARGS),,--share)
# Static checks need neither the developer's settings nor a database file.
CHECKS := env ENVIRONMENT=demo DEBUG= THROTTLE= DATABASE_URL=sqlite://:memory: CACHE_URL=locmemcache://
PRODUCTION = env ENVIRONMENT=production DEBUG= THROTTLE= CACHE_URL= NUM_PROXIES= \
	ALLOWED_HOSTS=clinic.example DATABASE_URL=postgres://nobody@127.0.0.1:1/none \
	EMAIL_URL=smtp+tls://127.0.0.1:1 DEFAULT_FROM_EMAIL=clinic@clinic.example \
	SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')"

APPS := extensions accounts doctor patient appointment
# It warns of each reason given where it found nothing after all; the rest of what it says counts.
BANDIT = bash -c '$(BIN)/bandit --quiet --configfile pyproject.toml --recursive manage.py \
	$(APPS) config deploy benchmarks tools 2> >(grep -v "but no failed test" >&2)'

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: $(RUNTIME)  ## serve the clinic with demo data on port 8000 (PORT=, DATABASE_URL=, THROTTLE=off)
	@exec $(BIN)/python manage.py serve

# Both databases at once, a core each; every line says whose it is. Thousands of calls whose answers
# are made above the database are shared out between them (tests/database.py); with ARGS all are made
# on both. The tests of the four apps, on SQLite, measure the apps' coverage: it costs time, and no
# server has a part in that run.
test: $(DEV)  ## run all tests on SQLite and on PostgreSQL, with coverage (ARGS= goes to pytest)
	@rm -f .coverage .coverage.*; failed=; told=$$(mktemp); trap 'rm -f "$$told"' EXIT; \
	echo "=== Tests on SQLite and on PostgreSQL, side by side"; \
	run() { name=$$1; shift; $(BIN)/python -u -m "$$@" --db=$$name $(ARGS) 2>&1 \
		| sed -u "s/^/$$name | /" | tee -a "$$told"; }; \
	run postgres pytest $(SHARE) & postgres=$$!; \
	if test -n '$(ARGS)'; then \
		run sqlite coverage run -m pytest || failed="$$failed sqlite"; \
	else \
		run sqlite coverage run -m pytest $(APPS) || failed="$$failed sqlite"; \
		run sqlite pytest $(SHARE) config tests || failed="$$failed sqlite"; \
	fi; \
	wait $$postgres || failed="$$failed postgres"; \
	echo "=== Branch coverage"; \
	$(BIN)/python -m coverage report || failed="$$failed coverage"; \
	test -z "$$failed" || { grep -E '^[a-z]+ \| (FAILED|ERROR) ' "$$told"; echo "FAILED:$$failed"; exit 1; }; \
	echo "All tests passed on SQLite and on PostgreSQL."

# The same tests as small ones in `make test`, at full size: minutes, not seconds.
drill: $(DEV)  ## run the long drills on SQLite and on PostgreSQL (ARGS= goes to pytest: --scale=0.1)
	@failed=; \
	for db in sqlite postgres; do \
		echo "=== Drills on $$db"; \
		timeout 3600 $(BIN)/python -u -m pytest -o python_files='drill_*.py' tests/drills --db=$$db $(ARGS) \
			|| failed="$$failed $$db"; \
	done; \
	test -z "$$failed" || { echo "FAILED:$$failed"; exit 1; }; \
	echo "All drills passed on SQLite and on PostgreSQL."

lint: $(DEV)  ## check style, types, imports, migrations, deployment, the OpenAPI schema and supply
	@failed=; \
	step() { name=$$1; shift; echo "=== $$name"; "$$@" || failed="$$failed, $$name"; }; \
	step "lock" $(BIN)/python -m tools.lock; \
	step "ruff check" $(BIN)/python -m ruff check .; \
	step "ruff format" $(BIN)/python -m ruff format --check .; \
	step "mypy" $(CHECKS) $(BIN)/python -m mypy; \
	step "import contracts" $(BIN)/python $(BIN)/lint-imports --no-logo; \
	step "migrations" $(CHECKS) $(BIN)/python manage.py makemigrations --check --dry-run; \
	step "migration linter" env DEBUG= CACHE_URL= $(BIN)/python -m tests.lint_migrations; \
	step "check --deploy" $(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING; \
	step "OpenAPI schema" $(CHECKS) $(BIN)/python manage.py spectacular \
		--validate --fail-on-warn --file /dev/null; \
	step "bandit" $(BANDIT); \
	step "audit" $(BIN)/python -m tools.audit; \
	test -z "$$failed" || { echo "FAILED: $${failed#, }"; exit 1; }; \
	echo "All checks passed."

format: $(DEV)  ## format the code and repair what ruff can repair
	@$(BIN)/python -m ruff check --fix --exit-zero --quiet .
	@$(BIN)/python -m ruff format .

audit: $(DEV)  ## compare what is installed with the lock, and the lock with known vulnerabilities
	@AUDIT_SECONDS=120 $(BIN)/python -m tools.audit

sbom: $(DEV)  ## write the bill of materials (CycloneDX) to var/sbom.json
	@$(BIN)/python -m tools.sbom

# An hour of one core; a second run tests what changed, and what survived.
mutants: $(DEV)  ## change the code that guards, and see a test fail for each change
	@nice -n 19 $(BIN)/python -m tools.mutants

# The files that requirements*.in ask for, with all that they need, for every platform. What is locked
# already stays, unless `make lock ARGS=--upgrade` or `ARGS="--upgrade-package django"` says otherwise.
LOCK = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-package pip --custom-compile-command "make lock" $(ARGS)

lock: $(DEV)  ## lock what requirements*.in ask for, with hashes (ARGS=--upgrade takes newer ones)
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	@$(BIN)/python -m tools.lock

clean:  ## remove .venv and caches; the data in var/ stays
	rm -rf .venv .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The virtual environment ---

$(RUNTIME): FILE := requirements.txt
$(RUNTIME): STAMPS := $(RUNTIME)
$(DEV): FILE := requirements-dev.txt
$(DEV): STAMPS := $(RUNTIME) $(DEV)

$(RUNTIME) $(DEV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed and $(PYTHON) is not; name one: make PYTHON=python3.11" >&2; \
		exit 1; }
	@$(BIN)/python -c 'import pip, sys; sys.exit(sys.version.split()[0] != "$(VERSION)")' 2>/dev/null || { \
		echo "Making .venv with Python $(VERSION)"; \
		$(PYTHON) -m venv --clear .venv || { \
			echo "Python's venv module is incomplete; on Debian: apt install python3-venv" >&2; \
			exit 1; }; }
	@rm -f .venv/.runtime-* .venv/.dev-*
	@echo "Installing $(FILE) into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
		--require-hashes -r $(FILE)
	@touch $(STAMPS)
