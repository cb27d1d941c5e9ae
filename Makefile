SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV ?= .venv
SOURCE ?= tests/pages
OUT ?= outputs
FORMAT ?= table
Q ?=
SNAPSHOTS ?= 12
PACKAGES ?= 600

STAMP := $(VENV)/.stamp
COVERAGE := $(VENV)/bin/cache-coverage
DATABASE := $(OUT)/coverage.duckdb
# A query is handed on by the environment: no quote or dollar in it is ever read by make or a shell.
export COVERAGE_QUERY = $(value Q)

.PHONY: help install tables db reports sql query test lint bench clean distclean pins

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

install: $(STAMP) ## make .venv from Python 3.11+ with pinned dependencies

$(STAMP): pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, found " + sys.version.split()[0] + "; name another with make PYTHON=…")'
	@echo "setting up $(VENV)" >&2
	@$(PYTHON) -m venv --clear "$(VENV)"
	@"$(VENV)/bin/python" -m pip -qq --disable-pip-version-check install --require-hashes -r requirements-dev.txt >&2
	@"$(VENV)/bin/python" -m pip -qq --disable-pip-version-check install --no-deps --no-build-isolation --editable . >&2
	@touch "$@"

tables: $(STAMP) ## pages of SOURCE to Parquet tables in OUT/tables
	@"$(COVERAGE)" flatten $(SOURCE) --out "$(OUT)"

# Tables that are there are taken as they are, whatever source they came from.
db: $(STAMP) ## tables and sql/ to OUT/coverage.duckdb
	@[ -d "$(OUT)/tables" ] || "$(COVERAGE)" flatten $(SOURCE) --out "$(OUT)"
	@"$(COVERAGE)" build --out "$(OUT)"

reports: tables ## all of it: SOURCE to tables, database and OUT/reports
	@"$(COVERAGE)" build --out "$(OUT)"
	@"$(COVERAGE)" report --out "$(OUT)"

sql: $(STAMP) ## an interactive SQL session on the database, read-only
	@[ -f "$(DATABASE)" ] || $(MAKE) db >&2
	@"$(COVERAGE)" sql --out "$(OUT)"

query: $(STAMP) ## one query, printed: make query Q="select …" [FORMAT=table|csv|json|markdown]
	@[ -f "$(DATABASE)" ] || $(MAKE) db >&2
	@"$(COVERAGE)" query --out "$(OUT)" --format "$(FORMAT)" -- "$$COVERAGE_QUERY"

test: $(STAMP) ## prove it
	@"$(VENV)/bin/python" -m pytest -q -n auto

lint: $(STAMP) ## check format, style and types
	@"$(VENV)/bin/ruff" format --check --quiet .
	@"$(VENV)/bin/ruff" check --quiet .
	@"$(VENV)/bin/mypy" --no-error-summary

bench: $(STAMP) ## measure on a generated corpus of SNAPSHOTS × PACKAGES pages
	@"$(VENV)/bin/python" -m tests.benchmarks.bench --snapshots $(SNAPSHOTS) --packages $(PACKAGES)

clean: ## remove what the pipeline and the checks made; distclean also .venv
	@rm -rf outputs/tables outputs/reports outputs/coverage.duckdb outputs/.[a-z]*.[0-9]* dist
	@rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find pipeline tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv
	@rm -rf "$(VENV)"

pins: $(STAMP) ## pin anew what pyproject.toml names, with hashes and no index host
	@"$(VENV)/bin/python" -m pip --quiet install uv
	@"$(VENV)/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade \
		pyproject.toml -o requirements.txt
	@"$(VENV)/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade \
		pyproject.toml --group dev -o requirements-dev.txt
