# Everything a person or CI runs. `make run` starts Genesis without Docker; `make test` sets up and passes the tests.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
N      ?= 2

.PHONY: run install install-dev test check format bench crash-test mutants requirements docs models clean

run: install            ## live: the daemon and its page on http://127.0.0.1:8085
	$(BIN)/python -m ai up

install: $(VENV)/.installed
$(VENV)/.installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else f"Genesis needs Python 3.11 to 3.13; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

install-dev: $(VENV)/.installed-dev
$(VENV)/.installed-dev: requirements-dev.txt requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed

models: install-dev     ## the small weights that the tests run for real
	$(BIN)/python -m ai.llm.local fetch 135m --to .cache/models
	$(BIN)/python -m ai.llm.local fetch minilm --to .cache/models

test: install-dev models ## the whole suite, with a real browser, PostgreSQL and language model
	GENESIS_MODELS_DIR=$(CURDIR)/.cache/models $(BIN)/python -m pytest -n $(N) --dist worksteal

check: install-dev      ## style, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install-dev
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: install-dev models ## what it costs and how well it chooses, in minutes; python -m benchmarks --full for large sizes
	$(BIN)/python -m benchmarks

crash-test: install-dev ## kill -9 at random moments: of the purse 1,000 times, of paying, posting, 200 lives and the daemon
	$(BIN)/python -m benchmarks.crash --kills 1000
	$(BIN)/python -m tests.world.killing --kills 50
	$(BIN)/python -m tests.social.posting_life --kills 50
	$(BIN)/python -m benchmarks.lives_crash
	$(BIN)/python -m benchmarks.daemon_crash --kills 50

mutants: install-dev    ## change the money code a word at a time and name what no test notices; on demand, goes on where it was
	$(BIN)/python -m benchmarks.mutants --jobs $(N)

requirements: install-dev ## pin anew from pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.txt pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe --extra dev --output-file requirements-dev.txt pyproject.toml

docs: install-dev       ## rewrite the generated pages
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage mutants build dist *.egg-info
