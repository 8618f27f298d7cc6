# Everything a newcomer, a build server or a reviewer runs. Each target does its own set-up; a second run is quick,
# because what was installed is remembered in stamp files beside it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= python3
ARGS ?=
TESTS ?= tests
VENV := .venv
COHORT := build/cohort-150-2026-11-15

PIP := -m pip install --quiet --disable-pip-version-check --no-input
NODE := tests/real/node/node_modules
FSH := scripts/fsh/node_modules

.PHONY: help
help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo '  ARGS=… is handed on, as in: make demo ARGS=--once    TESTS=… narrows make test'

.PHONY: setup
setup: .programs ## Install all that the tests need (into this folder)
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/.stamp $(COHORT)/.stamp $(NODE)/.stamp $(FSH)/.stamp

.PHONY: test
test: setup check ## Install what is missing, check the code, run every test, and change every rule (see mutants)
	$(VENV)/bin/python -m pytest -n auto --dist loadfile $(TESTS) $(ARGS)
	$(if $(filter tests,$(TESTS)),$(VENV)/bin/second-read rules test --mutate)

.PHONY: lint
lint: $(VENV)/.stamp check ## Check style, types and the direction of imports

.PHONY: check
check: | $(VENV)/.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

.PHONY: demo
demo: .venv-demo/.stamp ## Start the service, sign real orders at it, show each card or silence
	.venv-demo/bin/second-read demo $(ARGS)

.PHONY: bench
bench: .venv-bench/.stamp .venv-healthchain/.stamp ## Measure the hot path against a bare route and a peer (needs wrk)
	@scripts/need wrk=wrk
	.venv-bench/bin/python benchmarks/hot_path.py --peer .venv-healthchain/bin/python $(ARGS)

.PHONY: generated
generated: $(VENV)/.stamp ## Write anew what is generated from rules and settings: schemas, pages, FHIR resources
	$(VENV)/bin/second-read rules schema
	$(VENV)/bin/second-read fhir export
	$(VENV)/bin/second-read docs
	$(VENV)/bin/python -m cds_service.workbench.rule_page > docs/rule-file.md
	$(VENV)/bin/python -m cds_service.config > docs/settings.md

DIR ?= ../shared/corpora
.PHONY: accuracy
accuracy: $(VENV)/.stamp ## Score the reader on every corpus of a folder (DIR=…)
	$(VENV)/bin/python benchmarks/accuracy.py $(DIR)

.PHONY: mutants
mutants: $(VENV)/.stamp ## Change every rule a little, one line at a time: does a test notice?
	$(VENV)/bin/second-read rules test --mutate $(ARGS)

.PHONY: bench-rules
bench-rules: $(VENV)/.stamp ## Measure how deciding grows with the number of rules
	$(VENV)/bin/python benchmarks/rules.py

.PHONY: lock
lock: .venv-tools/.stamp ## Pin what the service needs, with hashes, into requirements.lock
	.venv-tools/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --extra postgresql pyproject.toml --output-file requirements.lock

.PHONY: sbom
sbom: .venv-tools/.stamp ## Write what the service is made of, as CycloneDX, into build/
	mkdir -p build
	.venv-tools/bin/cyclonedx-py requirements --of JSON --output-reproducible --output-file build/sbom.cdx.json requirements.lock

.PHONY: clean
clean: ## Remove all that was installed or built here
	rm -rf $(VENV) .venv-demo .venv-bench .venv-healthchain .venv-clinosim .venv-tools build dist $(NODE) $(FSH) .demo
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find cds_service tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets stand on -------------------------------------------------------------------------------------

.PHONY: .python
.python:
	@scripts/need --python $(PYTHON)

.PHONY: .programs
.programs: .python
	@scripts/need chromium=chromium npm=npm /usr/sbin/nginx=nginx \
	  '/usr/lib/postgresql/*/bin/initdb=postgresql' Orthanc=orthanc \
	  /usr/share/orthanc/plugins/libOrthancDicomWeb.so=orthanc-dicomweb

$(VENV)/.stamp: pyproject.toml | .python
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) --editable '.[test,dev]'
	touch $@

# The demo and the benchmark run what a hospital runs: the service without its test parts.
.venv-demo/.stamp .venv-bench/.stamp: pyproject.toml | .python
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) --editable .
	touch $@

# Parts whose own dependencies would meet ours stay in an environment of their own.
.venv-healthchain/.stamp: benchmarks/requirements-peer.txt | .python
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) --requirement $<
	touch $@

.venv-tools/.stamp: scripts/requirements-tools.txt | .python
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) --requirement $<
	touch $@

.venv-clinosim/.stamp: tests/quiet/requirements.txt | .python
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) --requirement $<
	touch $@

.PHONY: cohort
cohort: $(COHORT)/.stamp ## Generate the background cohort of the quiet tests
$(COHORT)/.stamp: .venv-clinosim/.stamp
	rm -rf $(@D) && mkdir -p $(@D)
	.venv-clinosim/bin/clinosim simulate --country US --population 150 --seed 42 --format fhir-r4 \
	  --start 2025-11-15 --end 2026-11-15 --output $(@D) > $(@D)/generation.log 2>&1 \
	  || { cat $(@D)/generation.log; exit 1; }
	touch $@

.PHONY: node
node: $(NODE)/.stamp ## Install the CDS client of another EHR, and the node it needs
$(NODE)/.stamp: tests/real/node/package-lock.json tests/real/node/package.json | .programs
	cd tests/real/node && npm ci --loglevel=error
	touch $@

.PHONY: profiles
profiles: $(FSH)/.stamp $(VENV)/.stamp ## Compile the FHIR profiles from their FSH sources
	$(VENV)/bin/python scripts/build_profiles.py
$(FSH)/.stamp: scripts/fsh/package-lock.json scripts/fsh/package.json | .programs
	cd scripts/fsh && npm ci --loglevel=error
	touch $@
