SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV ?= .venv
# One or more; the shell reads them, so a name with a space is quoted: SOURCE='"my pages" more'.
SOURCE ?= tests/pages
OUT ?= outputs
FORMAT ?= table
Q ?=
FUZZ_SECONDS ?= 60
UPGRADE ?=
# Empty: as the benchmark has them.
SNAPSHOTS ?=
PACKAGES ?=

STAMP := $(VENV)/.stamp
COVERAGE := $(VENV)/bin/cache-coverage
DATABASE := $(OUT)/coverage.duckdb
# The sample is for `outputs` alone: any other OUT is somebody's own, and may be misspelt.
MAY_BUILD := $(filter outputs,$(OUT))$(filter-out file,$(origin SOURCE))
PIP := "$(VENV)/bin/python" -m pip -qq --disable-pip-version-check install
# A query is handed on by the environment, so no quote or dollar in it is read by make or a shell;
# Q itself is kept out of the environment, because make would expand it on the way there.
export COVERAGE_QUERY = $(value Q)
unexport Q

.PHONY: help install tables db reports site serve sql query test test-all npm-packages lint fuzz fresh audit bench bench-site dictionary golden clean distclean pins

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv from Python 3.11+ with pinned dependencies
	@:

$(STAMP): pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, found " + sys.version.split()[0] + "; name another, as in: make PYTHON=python3.12")'
	@echo "setting up $(VENV)" >&2
	@$(PYTHON) -m venv --clear "$(VENV)" >&2
	@$(PIP) --require-hashes -r requirements-dev.txt >&2
	@$(PIP) --no-deps --no-build-isolation --editable . >&2
# Where Python is told to write no bytecode, as in many containers, each worker would compile anew.
	@"$(VENV)/bin/python" -m compileall -q pipeline
	@touch "$@"

# What changed is for the command to find out: it sees each page, make would see a folder.
tables: $(STAMP) ## pages of SOURCE to Parquet tables in OUT/tables
	@"$(COVERAGE)" flatten $(SOURCE) --out "$(OUT)"

# Tables that are there are taken as they are, whatever source they came from.
db: $(STAMP) ## tables and sql/ to OUT/coverage.duckdb
	@[ -d "$(OUT)/tables/pages" ] || "$(COVERAGE)" flatten $(SOURCE) --out "$(OUT)"
	@"$(COVERAGE)" build --out "$(OUT)"

reports: tables ## all of it: SOURCE to tables, database and OUT/reports
	@"$(COVERAGE)" build --out "$(OUT)"
	@"$(COVERAGE)" report --out "$(OUT)"

site: reports ## all of it, and OUT/site: a website with SQL in the browser
	@"$(COVERAGE)" site --out "$(OUT)"

serve: $(STAMP) ## serve OUT/site on this machine for a look
	@"$(COVERAGE)" serve --out "$(OUT)"

sql: $(STAMP) ## an interactive SQL session on the database, read-only
	@[ -f "$(DATABASE)" ] || [ -z "$(MAY_BUILD)" ] || $(MAKE) db >&2
	@"$(COVERAGE)" sql --out "$(OUT)"

query: $(STAMP) ## one query, printed: make query Q="select …" [FORMAT=table|csv|json|markdown]
	@[ -f "$(DATABASE)" ] || [ -z "$(MAY_BUILD)" ] || $(MAKE) db >&2
	@"$(COVERAGE)" query --out "$(OUT)" --format "$(FORMAT)" -- "$$COVERAGE_QUERY"

PYTEST = "$(VENV)/bin/python" -m pytest -q -rs -n auto
test: $(STAMP) ## run the tests, but for the slow ones
	@$(PYTEST) -m "not slow"

# The tests of the website use the npm packages that it pins.
NPM_PACKAGES = $(VENV)/npm/.stamp
$(NPM_PACKAGES): pipeline/website/npm.py $(STAMP)
	@rm -rf "$(@D)" && mkdir "$(@D)"
	@"$(VENV)/bin/python" -m pipeline.website.npm "$(@D)"
	@touch "$@"

npm-packages: $(NPM_PACKAGES) ## download the npm packages of the website for the tests
	@:

test-all: test $(NPM_PACKAGES) ## run the tests, then the slow ones: kills, races, browsers, long properties
	@$(PYTEST) -m slow

lint: $(STAMP) $(VENV)/.sql-linted ## check format, style, types and the layers of imports
	@"$(VENV)/bin/ruff" format --check --quiet .
	@"$(VENV)/bin/ruff" check --quiet .
	@"$(VENV)/bin/mypy" --no-error-summary
	@"$(VENV)/bin/lint-imports" pyproject.toml --no-logo --no-cache > "$(VENV)/imports.txt" \
		|| { cat "$(VENV)/imports.txt"; exit 1; }

$(VENV)/.sql-linted: $(STAMP) .sqlfluff $(wildcard sql/*/*.sql)
	@"$(VENV)/bin/sqlfluff" lint --disable-progress-bar --quiet sql >&2
	@touch "$@"

# Apart from .venv too: atheris has no wheel for every Python, and pip-audit brings much along.
$(VENV)/%/.stamp: requirements-%.txt $(STAMP)
	@rm -rf "$(@D)"
	@$(PIP) --require-hashes --only-binary :all: --target "$(@D)" -r "$<" >&2
	@touch "$@"

fuzz: $(VENV)/fuzz/.stamp ## feed the reader of pages with changed ones for FUZZ_SECONDS
	@PYTHONPATH="$(VENV)/fuzz" "$(VENV)/bin/python" -m tests.fuzz "$(FUZZ_SECONDS)"

fresh: $(STAMP) ## install requirements.txt and a wheel into an empty environment, and run them there
	@rm -rf "$(VENV)/fresh"
	@$(PYTHON) -m venv "$(VENV)/fresh"
	@"$(VENV)/bin/python" -m pip -qq --disable-pip-version-check wheel --no-deps --no-build-isolation \
		--wheel-dir "$(VENV)/fresh/wheel" . >&2
	@"$(VENV)/fresh/bin/python" -m pip -qq --disable-pip-version-check install --require-hashes \
		-r requirements.txt >&2
	@"$(VENV)/fresh/bin/python" -m pip -qq --disable-pip-version-check install --no-deps --no-index \
		"$(VENV)"/fresh/wheel/*.whl >&2
	@"$(VENV)/fresh/bin/python" -m pip check >&2
	@for step in "flatten tests/pages" build report; do \
		"$(VENV)/fresh/bin/python" -P -m pipeline $$step --out "$(VENV)/fresh/out" || exit; \
	done

audit: $(VENV)/audit/.stamp ## ask the advisory service of pip-audit about what is pinned
	@PYTHONPATH="$(VENV)/audit" "$(VENV)/bin/python" -m pip_audit --progress-spinner off --disable-pip --strict \
		--require-hashes -r requirements.txt -r requirements-dev.txt \
		|| { echo "audit: an advisory is listed above, or the service does not know or answer" >&2; exit 1; }

bench: $(STAMP) $(VENV)/peers/.stamp ## measure on a generated corpus of SNAPSHOTS × PACKAGES pages
	@"$(VENV)/bin/python" -m tests.benchmarks.bench --peers "$(VENV)/peers" \
		$(SNAPSHOTS:%=--snapshots %) $(PACKAGES:%=--packages %)

bench-site: $(NPM_PACKAGES) ## measure the website of a generated cache: time, size, first query
	@"$(VENV)/bin/python" -m tests.benchmarks.website --npm-packages "$(<D)"

dictionary: $(STAMP) ## write DICTIONARY.md anew
	@"$(COVERAGE)" flatten tests/pages --out outputs/dictionary
	@"$(COVERAGE)" build --out outputs/dictionary
	@"$(VENV)/bin/python" -m pipeline.warehouse.dictionary outputs/dictionary > outputs/dictionary/new.md
	@mv outputs/dictionary/new.md DICTIONARY.md

golden: $(STAMP) ## write tests/golden anew, what the report says of the sample
	@"$(COVERAGE)" flatten tests/pages --out outputs/golden
	@"$(COVERAGE)" build --out outputs/golden
	@"$(COVERAGE)" report --out outputs/golden > /dev/null
	@rm -rf tests/golden && mkdir tests/golden
	@cp -r outputs/golden/reports/summary.md outputs/golden/reports/csv tests/golden/

clean: ## remove what the pipeline and the checks made; distclean also .venv
	@rm -rf outputs/tables outputs/reports outputs/site outputs/coverage.duckdb outputs/.tables.* outputs/.reports.* outputs/.site.* outputs/.coverage.duckdb.* outputs/.lock.*
	@rm -rf outputs/dictionary outputs/golden dist
	@rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find pipeline tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv
	@rm -rf "$(VENV)"

# The tool that pins lies apart, so that the environment stays as it is pinned.
PIN = "$(VENV)/pin/bin/uv" pip compile --quiet --universal --python-version 3.11 $(UPGRADE) \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
pins: $(STAMP) ## pin what pyproject.toml names, with hashes; UPGRADE=--upgrade takes the newest
	@$(PIP) --upgrade --target "$(VENV)/pin" uv >&2
	@$(PIN) pyproject.toml --output-file requirements.txt >&2
	@$(PIN) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt >&2
	@$(PIN) --group peers --constraint requirements.txt --output-file requirements-peers.txt >&2
	@$(PIN) --group fuzz --output-file requirements-fuzz.txt >&2
	@$(PIN) --group audit --output-file requirements-audit.txt >&2
