# What people and CI run. `make env` needs git, make and Python 3.11 to 3.13, and nothing else.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# One more than there are cores: many tests wait for processes of their own.
JOBS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# Not $(MAKE) in a recipe that `make --dry-run` would then carry out.
LINT = $(MAKE) --no-print-directory lint
STAMP := .venv/.ready
# Python may keep what it has compiled: tests start several hundred processes that need the same modules.
export PYTHONDONTWRITEBYTECODE :=
# Where the check of commit subjects begins as long as there is no tag; earlier ones are as they are.
SUBJECTS_SINCE := 031fe5a
# What `make bench` measures, in this order.
BENCHES := startup plan cold scale store ledger watch apply server controller
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

.PHONY: help env demo team-demo test test-long test-team coverage lint simulate crash crash-team fuzz fuzz-cache fuzz-server bench bench-peers bench-controller bench-flotilla bench-page lock schemas modules vendor screenshots clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

env: $(STAMP)  ## make .venv with the exact versions of requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "cutlist needs Python 3.11, 3.12 or 3.13; none was found on the PATH."; exit 1; }
	@echo "Making .venv with $(PYTHON) …"
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

demo: env  ## render specs/demo against the bundled server
	@$(BIN)/cutlist demo

team-demo: env  ## eight edits from two clones at once, by two workers of which one is killed, and the bill
	@$(BIN)/python -m tests.team_demo

lint: env  ## style, types, import directions, commit subjects
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m tests.house.check_commits --since $(SUBJECTS_SINCE)

test: env  ## everything that CI runs: lint goes on beside the tests, and is told of after them
	@$(BIN)/python -m tests.web.browser.chromium
	@mkdir -p build; $(LINT) > build/lint.txt 2>&1 & linting=$$!; \
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder; tested=$$?; \
	wait $$linting; linted=$$?; cat build/lint.txt; exit $$((tested || linted))

test-long: env  ## what make test leaves out: every mutant, more seeds, pages at every width
	@$(BIN)/python -m pytest -m long --numprocesses $(JOBS) --dist loadfile

test-team: env build/team/.ready  ## what a team shares, on Debian's PostgreSQL, SeaweedFS, and rclone's server
	@$(BIN)/python -m tests.team.postgresql
	@$(BIN)/python -m pytest --s3 seaweedfs tests/state tests/e2e/test_shared_store.py tests/e2e/test_shared_ledger.py
	@$(BIN)/python -m pytest --s3 rclone tests/state/conformance tests/state/test_object_store.py tests/e2e/test_shared_store.py

build/team/.ready: tests/team/requirements.txt
	@rm -rf build/team && $(PYTHON) -m venv build/team
	@build/team/bin/python -m pip --disable-pip-version-check --quiet install --requirement tests/team/requirements.txt
	@touch $@

coverage: env  ## how much of the code the tests run; fails below the floor in pyproject.toml
	@rm -rf .coverage && mkdir .coverage
	@$(BIN)/python -m coverage run -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

simulate: env  ## the durability contract over SEEDS=20000 simulated runs, and a tenth as many of the controller and of a crowd
	@$(BIN)/python -m tests.simulation.run --seeds $(or $(SEEDS),20000)
	@$(BIN)/python -m tests.simulation.run --of controller --seeds $$(( $(or $(SEEDS),20000) / 10 ))
	@$(BIN)/python -m tests.simulation.run --of crowd --seeds $$(( $(or $(SEEDS),20000) / 10 ))

crash: env  ## the same with real processes, through KILLS=1000 real kills, and a fifth as many of the controller
	@$(BIN)/python -m tests.crash.run --kills $(or $(KILLS),1000)
	@$(BIN)/python -m tests.crash.sync_run --kills $$(( $(or $(KILLS),1000) / 5 ))

crash-team: env  ## four workers through EDITS=500 edits and KILLS=60 kills, with faults and restarts of all they need
	@$(BIN)/python -m tests.crash.team_run --jobs $(or $(EDITS),500) --kills $(or $(KILLS),60)

fuzz: env  ## bad input of every kind for SECONDS=600, and MEDIA=5000 mutated media
	@FUZZ_SECONDS=$(or $(SECONDS),600) $(BIN)/python -m pytest tests/badinput/test_fuzz_files.py tests/badinput/test_fuzz_service.py tests/badinput/test_fuzz_plans.py
	@FUZZ_MEDIA=$(or $(MEDIA),5000) $(BIN)/python -m pytest -s tests/badinput/test_fuzz_media.py

fuzz-cache: env  ## plans with and without the cache, whatever happened in between, for SECONDS=600
	@FUZZ_SECONDS=$(or $(SECONDS),600) $(BIN)/python -m pytest tests/remembered

fuzz-server: env  ## requests made from the OpenAPI file, and bent, for SECONDS=120
	@$(BIN)/python -m tests.compat.fuzz $(or $(SECONDS),120)

bench: env  ## measure the speed claims, in a quarter of an hour (benchmarks/README.md)
	@mkdir -p build && : > build/bench.jsonl
	@for name in $(BENCHES); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py | tee -a build/bench.jsonl; done
	@$(BIN)/python benchmarks/table.py build/bench.jsonl

bench-peers: env build/peers/.ready  ## a no-op plan beside doit, snakemake and DVC, in under 15 minutes
	@$(BIN)/python benchmarks/peers.py build/peers | tee build/bench-peers.jsonl
	@$(BIN)/python benchmarks/table.py build/bench-peers.jsonl

build/peers/.ready: benchmarks/peers.txt
	@rm -rf build/peers && $(PYTHON) -m venv build/peers
	@build/peers/bin/python -m pip --disable-pip-version-check --quiet install --requirement benchmarks/peers.txt
	@touch $@

bench-controller: env  ## the controller alone, with what is large and takes a quarter of an hour
	@$(BIN)/python benchmarks/controller.py --all
	@$(BIN)/python benchmarks/controller_looks.py 10000

bench-page: env  ## the page in Chromium: first paint, frames a second, both sides in step, memory; 10 minutes
	@$(BIN)/python benchmarks/page.py

bench-flotilla: env  ## up to 10,000 jobs of 16 machines on one ledger, on virtual time; takes half an hour
	@$(BIN)/python benchmarks/flotilla.py

modules: env  ## write the table of modules, docs/modules.md, from their docstrings
	@$(BIN)/python -m tests.house.modules

schemas: env  ## write the schemas that are generated from schemas/models
	@$(BIN)/cutlist schema manifest > schemas/manifest.schema.json

lock: env  ## resolve the versions anew for Python 3.11 to 3.13, for all and for deploy/ (needs uv)
	@$(LOCK) --extra team --extra workers --extra test --group build --output-file requirements.lock pyproject.toml
	@$(LOCK) --constraints requirements.lock --extra team --extra workers --output-file deploy/requirements.lock pyproject.toml
	@$(LOCK) --constraints requirements.lock --group build --output-file deploy/build.lock

screenshots: env  ## the page as people see it, into build/screenshots (needs Chromium)
	@$(BIN)/python -m tests.web.browser.screenshots

vendor: env  ## fetch the libraries of the page anew, as vendor.lock names them (needs npm)
	@$(BIN)/python -m tests.house.vendor

clean:  ## remove what is generated
	@rm -rf .venv .cutlist dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
