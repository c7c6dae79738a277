# Everything sets itself up: a virtual environment in .venv from requirements.lock, Node for the tests from PyPI.
# `make help` says what there is.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadscope

.PHONY: help demo test test-fast soak tools bench lint format clean artifacts vectors descriptors pictures docs architecture lock

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(STAMP) ## The whole story: a person grants, a brand verifies, the person revokes
	@$(BIN)/consent demo

test: $(STAMP) lint tools ## Everything: Python, Solidity, Node, the package, the README's commands
	$(PYTEST)

test-fast: $(STAMP) ## What takes under a minute: fewer random examples, none of the slow ones
	HYPOTHESIS_PROFILE=few $(PYTEST) -m "not slow"

soak: $(STAMP) tools ## Whole campaigns where `make test` takes samples: every fault, many random examples (hours)
	CONSENT_SOAK=1 HYPOTHESIS_PROFILE=soak $(PYTEST) --timeout 3000

tools: $(STAMP) ## The real programs that tests run: anvil, cast, Kubo, age, geth (about 6 minutes, once; needs Go)
	@-$(BIN)/python scripts/tools.py

bench: $(STAMP) tools ## Measure what is promised, on the real programs; writes docs/performance.md (a quarter of an hour)
	$(BIN)/python scripts/bench.py

lint: $(STAMP) ## ruff, mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Put the code in its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

artifacts: $(STAMP) ## Compile the contracts into registry/artifacts
	$(BIN)/python scripts/compile_contracts.py

vectors: $(STAMP) ## Make tests/vectors anew, with implementations other than ours
	$(BIN)/node scripts/vectors.mjs

docs: $(STAMP) ## Run the README's commands and write their output into it
	$(BIN)/python scripts/readme.py --write

architecture: $(STAMP) ## Draw docs/architecture.svg from the imports in the code
	$(BIN)/python scripts/architecture.py

descriptors: $(STAMP) ## Write the ERC-7730 descriptors for hardware wallets
	$(BIN)/python scripts/make_descriptors.py

pictures: $(STAMP) ## Take the pictures of the wallet page anew (needs Chromium and anvil)
	$(BIN)/python scripts/make_pictures.py

lock: $(STAMP) ## Renew requirements.lock from pyproject.toml
	$(BIN)/python -m pip install -q 'uv<1'
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --extra fast --extra ipfs --extra dev \
		--no-header --no-emit-index-url --no-annotate pyproject.toml -o requirements.lock

clean: ## Remove what was made, the environment included
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis scripts/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; name it with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		v=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "Python's venv is missing. On Debian and Ubuntu: apt-get install python$$v-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (about a minute, once) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)
