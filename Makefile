# The project's commands: `make help` lists them.
#
# This file exports no variable on purpose. make passes PORT, DATABASE_URL, THROTTLE and ENVIRONMENT
# on by itself, from the shell and from `make run PORT=9000`. An `export PORT` would also pass on a
# variable that is not set, as an empty string.

PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test test-stress test-all drill drill-short bench bench-growth pictures lint format lock clean audit sbom mutants hops clients

# A stamp says that these requirements are installed for this Python. Its name has their checksum,
# so that neither a clone's file times nor a change of branch mislead. It is made last, so that half
# an installation does not count.
VERSION := $(shell $(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null)
CHECKSUM = $(shell { echo $(VERSION); cat $(1); } | cksum | cut -d ' ' -f 1)
RUNTIME := .venv/.runtime-$(call CHECKSUM,requirements.txt)
DEV := .venv/.dev-$(call CHECKSUM,requirements.txt requirements-dev.txt)

BIN := .venv/bin
PYTEST := $(BIN)/python -u -m pytest
# It says loudly, at the end of a run, that the tests in a browser found none.
NO_BROWSER := $(BIN)/python -m tests.browser.chromium
# One worker for each core, four at most. Each has a database of its own. conftest.py orders the files.
WORKERS := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
RUNS := 5
# Static checks need neither the developer's settings nor a database file.
CHECKS := env ENVIRONMENT=demo DEBUG= THROTTLE= DATABASE_URL=sqlite://:memory: CACHE_URL=locmemcache://
# uv compares without a network, and says "Would make no changes" if two are the same.
UV := $(BIN)/uv pip
DRY := --dry-run --offline --python $(BIN)/python
CHOSEN := -r requirements.in -r requirements-dev.in
PRODUCTION = env ENVIRONMENT=production DEBUG= THROTTLE= CACHE_URL= NUM_PROXIES=1 TRUSTED_PROXIES= LINK_URL= \
	ALLOWED_HOSTS=clinic.example DATABASE_URL=postgres://nobody@127.0.0.1:1/none \
	EMAIL_URL=smtp+tls://127.0.0.1:1 DEFAULT_FROM_EMAIL=clinic@clinic.example \
	SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')"

APPS := extensions accounts doctor patient appointment
# bandit warns of each reason at a place where it found nothing. The rest of its output counts.
BANDIT = bash -c '$(BIN)/bandit --quiet --configfile pyproject.toml --recursive manage.py \
	$(APPS) config deploy benchmarks tools 2> >(grep -v "but no failed test" >&2)'

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: $(RUNTIME)  ## serve the clinic with demo data on port 8000 (PORT=, DATABASE_URL=, THROTTLE=off)
	@exec $(BIN)/python manage.py serve

# Each test runs once: on PostgreSQL, and also on SQLite if the database has a part in its claim
# (tests/database.py). The workers share the files of tests between them. pytest exits with 5 if ARGS
# select no test on a database. Pages at other widths and in the dark are left to `make test-all`.
test: $(DEV)  ## run every test once, on PostgreSQL or on both databases (ARGS= goes to pytest)
	@failed=; began=$$SECONDS; \
	run() { name=$$1; shift; status=0; "$$@" || status=$$?; \
		case $$status in 0) none=;; 5) none="$$none $$name";; *) failed="$$failed $$name";; esac; }; \
	echo "=== Tests on PostgreSQL"; \
	run PostgreSQL $(PYTEST) --db=postgres -m "not widths" $(WORKERS) $(ARGS); \
	echo "=== Tests on SQLite: those in whose claim the database has a part"; \
	run SQLite $(PYTEST) --db=sqlite -m "(both_databases or only_on) and not widths" $(WORKERS) $(ARGS); \
	echo "=== $$((SECONDS - began)) s"; \
	$(NO_BROWSER); \
	test "$$none" != " PostgreSQL SQLite" || { echo "No test was selected."; exit 1; }; \
	test -z "$$failed" || { echo "FAILED on$$failed"; exit 1; }; \
	echo "All tests passed$${none:+ (none was selected on$$none)}."

# The busy loops end with this shell, even when it is killed.
test-stress: $(DEV)  ## run `make test` five times while two endless loops keep two cores busy (RUNS=5)
	@failed=; loops=; \
	for loop in 1 2; do (while kill -0 $$$$; do :; done) 2>/dev/null & loops="$$loops $$!"; done; \
	trap 'kill $$loops' EXIT; trap 'exit 130' INT TERM; \
	for run in $$(seq $(RUNS)); do \
		echo "=== Run $$run of $(RUNS), with two endless loops beside it"; began=$$SECONDS; \
		$(MAKE) --no-print-directory test && verdict=passed || verdict=FAILED; \
		times="$$times"$$'\n'"run $$run: $$verdict in $$((SECONDS - began)) s"; \
		test $$verdict = passed || failed=yes; \
	done; \
	echo "=== Runs with two endless loops beside them$$times"; \
	test -z "$$failed"

# All tests run on both databases side by side, a core each. Each line starts with its database.
test-all: $(DEV)  ## run every test on both databases, with coverage (ARGS= goes to pytest)
	@rm -f .coverage .coverage.*; failed=; \
	run() { $(BIN)/python -u -m coverage run --parallel-mode -m pytest --db=$$1 $(ARGS) 2>&1 \
		| sed -u "s/^/$$1 | /"; }; \
	echo "=== All tests on PostgreSQL and on SQLite, side by side"; \
	run postgres & postgres=$$!; \
	run sqlite || failed="$$failed sqlite"; \
	wait $$postgres || failed="$$failed postgres"; \
	echo "=== Branch coverage"; \
	$(BIN)/python -m coverage combine --quiet; \
	$(BIN)/python -m coverage report || failed="$$failed coverage"; \
	$(NO_BROWSER); \
	test -z "$$failed" || { echo "FAILED:$$failed"; exit 1; }; \
	echo "All tests passed on PostgreSQL and on SQLite."

# Drills kill, break, flood, wait or measure (tests/drills).
DRILLS := $(PYTEST) -o python_files='drill_*.py' tests/drills

drill: $(DEV)  ## run the drills at full size on both databases: an hour (ARGS="--scale=0.1 -k kills")
	@failed=; \
	for db in sqlite postgres; do \
		echo "=== Drills on $$db, 90 minutes at most"; \
		timeout --foreground 5400 $(DRILLS) --db=$$db $(ARGS) || failed="$$failed $$db"; \
	done; \
	test -z "$$failed" || { echo "FAILED:$$failed"; exit 1; }; \
	echo "All drills passed on SQLite and on PostgreSQL."

# The database has no part in what these drills claim.
ON_SQLITE_ALONE := drill_refused_mail.py drill_slow_clients.py
drill-short: $(DEV)  ## run every drill once at small size, both databases at once: 10 minutes at most
	@failed=; began=$$SECONDS; \
	run() { timeout --foreground 590 $(DRILLS) --db=$$1 --scale=0.05 $$2 $(ARGS) 2>&1 | sed -u "s/^/$$1 | /"; }; \
	echo "=== Drills at a twentieth of their size on PostgreSQL and on SQLite, side by side"; \
	run postgres "$(ON_SQLITE_ALONE:%=--ignore=tests/drills/%)" & postgres=$$!; \
	run sqlite || failed="$$failed sqlite"; \
	wait $$postgres || failed="$$failed postgres"; \
	echo "=== $$((SECONDS - began)) s"; \
	test -z "$$failed" || { echo "FAILED:$$failed"; exit 1; }; \
	echo "All drills passed on SQLite and on PostgreSQL."

# Its own PostgreSQL and servers on 127.0.0.1, in temporary folders that go away at the end. An
# interrupted run leaves nothing.
bench: $(DEV)  ## measure calls beside yardsticks: 15 minutes, needs wrk (ARGS="--rows noop,book --rounds 3")
	@$(BIN)/python -u -m benchmarks --publish $(ARGS)

# Half a million and 10 million visits, 5 audit events each, side by side: hours, and 40 GB of disk.
GROWTH := --appointments 10000000 --small 500000 --doctors 400 --audit-events 5 --against "" --minutes 0 --requests 100000

bench-growth: $(DEV)  ## measure what grows with the data: a drill of hours (ARGS="--appointments 1000000")
	@$(BIN)/python -u -m benchmarks --publish $(GROWTH) $(ARGS)

# The pictures of the docs, of the demo's clinic on a day that never changes.
pictures: $(DEV)  ## remake docs/pictures/ in the browser (CHROMIUM=)
	@BROWSER=required $(PYTEST) --db=sqlite -o python_files=pictures.py tests/browser/pictures.py $(ARGS)

lint: $(DEV)  ## check style, types, imports, migrations, deployment, the OpenAPI schema and dependencies
	@failed=; \
	step() { name=$$1; shift; echo "=== $$name"; "$$@" || failed="$$failed, $$name"; }; \
	no_change() { printed=$$("$$@" 2>&1); echo "$$printed"; grep -q "Would make no changes" <<<"$$printed"; }; \
	step "installed as locked" no_change $(UV) sync --require-hashes $(DRY) requirements-dev.txt; \
	step "locked as chosen" no_change $(UV) install --no-deps $(DRY) $(CHOSEN); \
	step "conflicts" $(UV) check --python $(BIN)/python; \
	step "ruff check" $(BIN)/python -m ruff check .; \
	step "ruff format" $(BIN)/python -m ruff format --check .; \
	step "mypy" $(CHECKS) $(BIN)/python -m mypy; \
	step "translations" $(BIN)/python -m tools.translations check; \
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

audit: $(DEV)  ## look for known vulnerabilities of the locked packages
	@git log -1 --format="The lock is of %cs, %cr." -- requirements-dev.txt 2>/dev/null \
		|| echo "The age of the lock is unknown: there is no git history here."
	@AUDIT_SECONDS=120 $(BIN)/python -m tools.audit

# Node.js, npm and Java are needed for this target alone; it says so where one is missing.
clients: $(DEV)  ## generate clients of the API by four generators, and let three of them book
	@$(BIN)/python -m tests.clients

hops: $(DEV)  ## trace the calls of the API and count the files that a reader opens to follow each
	@$(BIN)/python -m tools.hops $(ARGS)

# The packages of production, installed in a second environment: their versions and licenses.
sbom: $(DEV)  ## write the bill of materials (CycloneDX) to var/sbom.json
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python var/sbom
	@$(UV) install --quiet --python var/sbom --require-hashes -r requirements.txt
	@$(BIN)/cyclonedx-py environment var/sbom --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file var/sbom.json
	@rm -rf var/sbom; echo "var/sbom.json written"

# This takes a night on one core. mutmut keeps its results in mutants/. ARGS select a part:
# ARGS="doctor.models.booking_rules.*"
mutants: $(DEV)  ## change the code that guards, and see a test fail for each change (ARGS=)
	@nice -n 19 $(BIN)/mutmut run --max-children 1 $(ARGS); $(BIN)/mutmut results

# The packages of requirements*.in, with all that they need, for every platform. A locked release
# stays, unless `make lock ARGS=--upgrade` or `ARGS="--upgrade-package django"` replaces it.
LOCK = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--no-emit-package pip --custom-compile-command "make lock" $(ARGS)

lock: $(DEV)  ## lock what requirements*.in ask for, with hashes (ARGS=--upgrade takes newer ones)
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	@$(LOCK) requirements-clients.in --output-file requirements-clients.txt

clean:  ## remove .venv and caches; the data in var/ stays
	rm -rf .venv mutants .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
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
