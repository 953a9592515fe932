# Two commands to begin with: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
MEDICINE := $(addprefix tests/,clinical spec cards fhir_mappings pk patients safety check)
AROUND := $(addprefix tests/,service project fuzz)
LAWS := tests/clinical/test_laws_of_the_advice.py tests/safety/test_laws_of_never.py

.DEFAULT_GOAL := help
.PHONY: help setup demo test nightly fuzz mutation check lint types imports integration examples hapi bench load soak gallery figures docs lock clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.installed ## build .venv with the pinned run-time packages

.venv/.installed: requirements/run.txt pyproject.toml
	@echo "Setting up .venv (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer needed: make PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.developer: .venv/.installed requirements/dev.txt
	@echo "Adding the packages that tests and checks need (once) ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

demo: .venv/.installed ## start the service with synthetic patients and show one card (PORT=8000)
	@$(BIN)/infliximab-cds demo --port $(PORT)

test: check .venv/.developer ## lint, types, architecture and the quick tests with coverage
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -q -n auto $(MEDICINE) $(LAWS:%=--ignore=%)
	@$(BIN)/pytest -q -n auto $(AROUND) $(LAWS)  # without coverage, which would take twice as long
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --include='cds_service/clinical/*,cards/*,fhir_mappings/*' --fail-under=100

nightly: CHARTS ?= 10000
nightly: .venv/.developer ## the laws over 10,000 generated charts each (CHARTS=10000), forecasts against a large sample, `make fuzz load soak`
	@CHARTS=$(CHARTS) $(BIN)/pytest -q -n auto $(LAWS) tests/safety
	@DRAWS=1000000 CHILDREN=40 EXAMPLES=1000 $(BIN)/pytest -q -n auto tests/pk
	@$(MAKE) --no-print-directory fuzz load soak

fuzz: .venv/.developer ## spoil requests byte by byte and field by field, call all that the OpenAPI file describes (COUNT=)
	@PYTHONPATH=. $(BIN)/python tests/fuzz/run.py $(if $(COUNT),--count $(COUNT))

mutation: .venv/.developer ## change the decision one place at a time, and list what no check notices (EVERY=1)
	@$(BIN)/python tests/mutation/run.py --every $(or $(EVERY),1)

check: lint types imports

lint: .venv/.developer
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

types: .venv/.developer
	@$(BIN)/mypy --no-error-summary

imports: .venv/.developer
	@$(BIN)/lint-imports --no-cache | tail -n 4

integration: .venv/.developer ## the same patients through a real HAPI FHIR server (or FHIR_BASE_URL=...)
	@$(BIN)/pytest -q tests/integration --override-ini=addopts="--strict-markers --import-mode=importlib -ra"

R4_EXAMPLES := build/r4/hl7.fhir.r4.examples-4.0.1.tgz

examples: .venv/.developer $(R4_EXAMPLES) ## read HL7's own R4 examples (an npm package) without exception
	@$(BIN)/pytest -q tests/r4_examples --override-ini=addopts="--strict-markers --import-mode=importlib -ra"

$(R4_EXAMPLES):
	@mkdir -p $(@D)
	@npm pack --silent --pack-destination $(@D) hl7.fhir.r4.examples@4.0.1

hapi: .venv/.developer ## start the HAPI FHIR server alone (PORT=8000)
	@$(BIN)/python tests/hapi/server.py --port $(PORT)

bench: .venv/.developer ## measure speed as ratios
	@$(BIN)/python tests/bench/bench.py

load: .venv/.developer ## load on the real server, every answer compared (SECONDS=20)
	@$(BIN)/python -W ignore -m tests.load.run --seconds $(or $(SECONDS),20)

soak: .venv/.developer ## the same for an hour, with faults of the FHIR server in the second half (MINUTES=60, RATE=50)
	@$(BIN)/python -W ignore -m tests.load.run --minutes $(or $(MINUTES),60) --rate $(or $(RATE),50)

gallery: .venv/.developer ## write every kind of card to build/gallery (JSON and HTML)
	@$(BIN)/python tests/cards/gallery.py

figures: .venv/.developer ## draw docs/images/forecasts.png anew
	@$(BIN)/python docs/draw_forecasts.py

docs: .venv/.developer ## write the generated parts of docs/ anew
	@$(BIN)/python docs/generate.py

lock: .venv/.developer ## renew the pinned requirement files
	@$(PIP) uv
	@$(BIN)/uv pip compile -q --upgrade --generate-hashes --no-header --universal --python-version 3.11 pyproject.toml --group build -o requirements/run.txt
	@$(BIN)/uv pip compile -q --upgrade --generate-hashes --no-header --universal --python-version 3.11 pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt

clean: ## remove what was built
	rm -rf .venv build dist tests/hapi/target .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
