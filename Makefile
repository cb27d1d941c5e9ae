SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV ?= .venv
# One or more, read by the shell: quote a name with a space, as in SOURCE='"my pages" more'.
SOURCE ?= tests/pages
# Environment files (spack.yaml), or folders with some, that the cache is held against.
STACKS ?=
OUT ?= outputs
FORMAT ?= table
Q ?=
FUZZ_SECONDS ?= 60
UPGRADE ?=
# Empty: the benchmark's own defaults.
SNAPSHOTS ?=
PACKAGES ?=

STAMP := $(VENV)/.stamp
COVERAGE := $(VENV)/bin/cache-coverage
DATABASE := $(OUT)/coverage.duckdb
# Build from the sample only into `outputs`: another OUT is the user's own, and may be misspelt.
MAY_BUILD := $(filter outputs,$(OUT))$(filter-out file,$(origin SOURCE))
PIP := "$(VENV)/bin/python" -m pip -qq --disable-pip-version-check install
# A query is passed in the environment, so that neither make nor a shell interprets a quote or dollar in
# it. Q itself is not exported, because make would expand it on the way.
export COVERAGE_QUERY = $(value Q)
unexport Q

.PHONY: help install tables db reports site serve sql query test test-all oldest npm-packages lint fuzz fresh audit clients bench bench-site dictionary golden clean distclean pins

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## set up .venv from Python 3.11+ with pinned dependencies
	@:

$(STAMP): pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, found " + sys.version.split()[0] + "; name another, as in: make PYTHON=python3.12")'
	@echo "setting up $(VENV)" >&2
	@$(PYTHON) -m venv --clear "$(VENV)" >&2
	@$(PIP) --require-hashes -r requirements-dev.txt >&2
	@$(PIP) --no-deps --no-build-isolation --editable . >&2
# Without bytecode, as in many containers, each worker process would compile everything again.
	@"$(VENV)/bin/python" -m compileall -q pipeline
	@touch "$@"

# The command detects changes itself: it looks at every page, make would only see a folder.
tables: $(STAMP) ## read SOURCE into Parquet tables in OUT/tables
	@"$(COVERAGE)" flatten $(SOURCE) $(STACKS) --out "$(OUT)"

# Existing tables are used as they are, whatever source they came from.
db: $(STAMP) ## load the tables and sql/ into OUT/coverage.duckdb
	@[ -d "$(OUT)/tables/pages" ] || "$(COVERAGE)" flatten $(SOURCE) $(STACKS) --out "$(OUT)"
	@"$(COVERAGE)" build --out "$(OUT)"

reports: tables ## all steps: SOURCE, and STACKS if given, to tables, database and reports in OUT/reports
	@"$(COVERAGE)" build --out "$(OUT)"
	@"$(COVERAGE)" report --out "$(OUT)"

site: reports ## all steps, and OUT/site: a website with SQL in the browser
	@"$(COVERAGE)" site --out "$(OUT)"

serve: $(STAMP) ## serve OUT/site on this machine
	@"$(COVERAGE)" serve --out "$(OUT)"

sql: $(STAMP) ## open an interactive SQL session on the database, read-only
	@[ -f "$(DATABASE)" ] || [ -z "$(MAY_BUILD)" ] || $(MAKE) db >&2
	@"$(COVERAGE)" sql --out "$(OUT)"

query: $(STAMP) ## run one query: make query Q="select …" [FORMAT=table|csv|json|markdown]
	@[ -f "$(DATABASE)" ] || [ -z "$(MAY_BUILD)" ] || $(MAKE) db >&2
	@"$(COVERAGE)" query --out "$(OUT)" --format "$(FORMAT)" -- "$$COVERAGE_QUERY"

PYTEST = "$(VENV)/bin/python" -m pytest -q -rs -n auto
test: $(STAMP) ## run the tests, except slow ones
	@$(PYTEST) -m "not slow"

# The tests of the website use its pinned npm packages.
NPM_PACKAGES = $(VENV)/npm/.stamp
$(NPM_PACKAGES): pipeline/website/npm.py $(STAMP)
	@rm -rf "$(@D)" && mkdir "$(@D)"
	@"$(VENV)/bin/python" -m pipeline.website.npm "$(@D)"
	@touch "$@"

npm-packages: $(NPM_PACKAGES) ## download the npm packages of the website for the tests
	@:

test-all: test $(NPM_PACKAGES) ## run all tests, also slow ones: kills, races, browsers, long properties
	@$(PYTEST) -m slow

oldest: $(STAMP) ## run the quick tests with the oldest dependencies that pyproject.toml allows
	@rm -rf "$(VENV)/oldest"
	@$(PYTHON) -m venv "$(VENV)/oldest"
	@for file in dev oldest; do \
		"$(VENV)/oldest/bin/python" -m pip -qq --disable-pip-version-check install --require-hashes \
			-r "requirements-$$file.txt" >&2 || exit; \
	done
	@"$(VENV)/oldest/bin/python" -m pip -qq --disable-pip-version-check install --no-deps --no-build-isolation \
		--editable . >&2
	@"$(VENV)/oldest/bin/python" -m pip check >&2
	@"$(VENV)/oldest/bin/python" -m pytest -q -rs -n auto -m "not slow"

lint: $(STAMP) $(VENV)/.sql-linted ## check format, style, types and import layers
	@"$(VENV)/bin/ruff" format --check --quiet .
	@"$(VENV)/bin/ruff" check --quiet .
	@"$(VENV)/bin/mypy" --no-error-summary
	@"$(VENV)/bin/lint-imports" pyproject.toml --no-logo --no-cache > "$(VENV)/imports.txt" \
		|| { cat "$(VENV)/imports.txt"; exit 1; }

$(VENV)/.sql-linted: $(STAMP) .sqlfluff $(wildcard sql/*/*.sql)
	@"$(VENV)/bin/sqlfluff" lint --disable-progress-bar --quiet sql >&2
	@touch "$@"

# Outside .venv's own packages: atheris lacks wheels for some Pythons, and the others have many dependencies.
$(VENV)/%/.stamp: requirements-%.txt $(STAMP)
	@rm -rf "$(@D)"
	@$(PIP) --require-hashes --only-binary :all: --target "$(@D)" -r "$<" >&2
	@touch "$@"

fuzz: $(VENV)/fuzz/.stamp ## fuzz the reader of pages for FUZZ_SECONDS
	@PYTHONPATH="$(VENV)/fuzz" "$(VENV)/bin/python" -m tests.fuzz "$(FUZZ_SECONDS)"

fresh: $(STAMP) ## install the pins and a wheel into an empty environment, and run the pipeline there
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

audit: $(VENV)/audit/.stamp ## look up security advisories for the pinned versions
	@PYTHONPATH="$(VENV)/audit" "$(VENV)/bin/python" -m pip_audit --progress-spinner off --disable-pip --strict \
		--require-hashes -r requirements.txt -r requirements-dev.txt \
		|| { echo "audit: an advisory is listed above, or the service did not answer" >&2; exit 1; }

clients: $(VENV)/clients/.stamp ## run the examples of docs/clients.md with pandas, notebooks and Harlequin
	@COVERAGE_CLIENTS_REQUIRED=1 "$(VENV)/bin/python" -m pytest -q tests/test_clients.py

bench: $(STAMP) $(VENV)/peers/.stamp ## measure on a generated corpus of SNAPSHOTS × PACKAGES pages
	@"$(VENV)/bin/python" -m tests.benchmarks.bench --peers "$(VENV)/peers" \
		$(SNAPSHOTS:%=--snapshots %) $(PACKAGES:%=--packages %)
	@"$(VENV)/bin/python" -m tests.benchmarks.locks

bench-site: $(NPM_PACKAGES) ## measure the website of a generated cache: time, size, first query
	@"$(VENV)/bin/python" -m tests.benchmarks.website --npm-packages "$(<D)"

dictionary: $(STAMP) ## regenerate DICTIONARY.md
	@"$(COVERAGE)" flatten tests/pages --out outputs/dictionary
	@"$(COVERAGE)" build --out outputs/dictionary
	@"$(VENV)/bin/python" -m pipeline.warehouse.dictionary outputs/dictionary > outputs/dictionary/new.md
	@mv outputs/dictionary/new.md DICTIONARY.md

golden: $(STAMP) ## regenerate tests/golden, the report of the sample
	@"$(COVERAGE)" flatten tests/pages --out outputs/golden
	@"$(COVERAGE)" build --out outputs/golden
	@"$(COVERAGE)" report --out outputs/golden > /dev/null
	@rm -rf tests/golden && mkdir -p tests/golden/csv
	@cp outputs/golden/reports/summary.md tests/golden/
	@cp outputs/golden/reports/csv/*.csv tests/golden/csv/

clean: ## remove generated files; distclean also removes .venv
	@rm -rf outputs/tables outputs/reports outputs/site outputs/coverage.duckdb outputs/.tables.* outputs/.reports.* outputs/.site.* outputs/.coverage.duckdb.* outputs/.lock.*
	@rm -rf outputs/dictionary outputs/golden dist
	@rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find pipeline tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv too
	@rm -rf "$(VENV)"

# uv is installed separately, so that the environment stays as pinned.
PIN = "$(VENV)/pin/bin/uv" pip compile --quiet --universal --python-version 3.11 $(UPGRADE) \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
pins: $(STAMP) ## pin what pyproject.toml names; UPGRADE=--upgrade takes the newest versions
	@$(PIP) --upgrade --target "$(VENV)/pin" uv >&2
	@$(PIN) pyproject.toml --output-file requirements.txt >&2
	@$(PIN) pyproject.toml --resolution lowest-direct --output-file requirements-oldest.txt >&2
	@$(PIN) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt >&2
	@$(PIN) --group peers --constraint requirements.txt --output-file requirements-peers.txt >&2
	@$(PIN) --group fuzz --output-file requirements-fuzz.txt >&2
	@$(PIN) --group clients --output-file requirements-clients.txt >&2
	@$(PIN) --group audit --output-file requirements-audit.txt >&2
