# Everything a person or CI runs. `make run` starts Genesis without Docker; `make test` sets up and passes the tests.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# As many workers as cores: each has a PostgreSQL and a browser of its own, hence the bound.
N      ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((cores < 8 ? cores : 8)))

TESTS  ?=
UPGRADE ?=
# Hashes are believed, not the index; source builds are refused where a wheel is missing (pip names the package).
PIP    := $(BIN)/pip --disable-pip-version-check install --quiet --require-hashes --only-binary=:all:
# setuptools warns of folders named like the package, which is what an editable install is for.
SELF   := PYTHONWARNINGS=ignore $(BIN)/pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e .
PIN    := $(BIN)/uv pip compile --quiet --native-tls --universal --no-strip-extras --generate-hashes --python-version 3.11 --no-emit-index-url \
          --custom-compile-command "make requirements" $(UPGRADE)

.PHONY: run install install-dev test check audit format bench crash-test mutants requirements digests wheel docs models browser sdks clean

run: install            ## live: the daemon and its page on http://127.0.0.1:8085
	$(BIN)/python -m ai up

install: $(VENV)/.installed
$(VENV)/.installed: requirements.txt requirements-build.txt
	@$(PYTHON) .ci/environment.py $(VENV)
	$(PIP) -r requirements-build.txt -r requirements.txt
	$(SELF)
	@touch $@

install-dev: $(VENV)/.installed-dev
$(VENV)/.installed-dev: requirements-dev.txt requirements-build.txt
	@$(PYTHON) .ci/environment.py $(VENV)
	$(PIP) -r requirements-build.txt -r requirements-dev.txt
	$(SELF)
	@touch $@ $(VENV)/.installed

models: install-dev     ## the small weights that the tests run for real
	$(BIN)/python -m ai.llm.local fetch 135m --to .cache/models
	$(BIN)/python -m ai.llm.local fetch minilm --to .cache/models

browser: install-dev    ## a browser for the page's tests, where none is installed and one can be had
	@$(BIN)/python -m tests.observer.browsing

test: install-dev models browser sdks ## the whole suite, with a real browser, PostgreSQL and language model; TESTS=--refuse-skips as CI
	GENESIS_MODELS_DIR=$(CURDIR)/.cache/models $(BIN)/python -m pytest -n $(N) --dist worksteal $(TESTS)

check: install-dev      ## style, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: install-dev      ## known vulnerabilities of what is pinned; asks the network, and says so where it cannot
	$(BIN)/python .ci/audit.py

digests:                ## pin the base images to what their tags mean at the registry today
	$(PYTHON) .ci/digests.py

wheel: install-dev      ## dist/genesis_ai-…-py3-none-any.whl, which installs anywhere: pip install dist/*.whl && genesis run 1
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

format: install-dev
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: install-dev models ## what it costs and how well it chooses, in minutes; python -m benchmarks --full for large sizes
	$(BIN)/python -m benchmarks

sdks: install-dev       ## the real clients that the gateway is tried with, each in an environment of its own
	$(BIN)/python -m tests.gateway.sdks

crash-test: install-dev ## kill -9 at random moments: of the purse 1,000 times, of paying, posting, 200 lives and the daemon
	$(BIN)/python -m benchmarks.crash --kills 1000
	$(BIN)/python -m tests.world.killing --kills 50
	$(BIN)/python -m tests.social.posting_life --kills 50
	$(BIN)/python -m benchmarks.lives_crash
	$(BIN)/python -m benchmarks.daemon_crash --kills 50
	$(BIN)/python -m benchmarks.gateway_crash --kills 50

mutants: install-dev    ## change the money code a word at a time and name what no test notices; on demand, goes on where it was
	$(BIN)/python -m benchmarks.mutants --jobs $(N)

requirements: install-dev ## pin anew from pyproject.toml for every platform, with hashes; UPGRADE=--upgrade takes what is newest
	$(PIN) --group build --output-file requirements-build.txt
	$(PIN) --output-file requirements.txt pyproject.toml
	$(PIN) --extra dev --output-file requirements-dev.txt pyproject.toml

docs: install-dev       ## rewrite the generated pages
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage mutants build dist *.egg-info
