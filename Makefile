# Each target sets up what it needs: a virtual environment in .venv from requirements.lock, and Node from PyPI.
# `make help` lists the targets.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The tests start a thousand Python processes: none of them compiles our modules again.
unexport PYTHONDONTWRITEBYTECODE
# Most tests wait for real programs: three at once keep two cores busy.
PYTEST := $(BIN)/python -m pytest -q -n 3 --dist loadscope --no-loadscope-reorder

.PHONY: help demo test test-fast soak tools bench lint format clean artifacts vectors unicode descriptors js pictures docs architecture lock

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(STAMP) ## Play the whole story: a person grants, a brand verifies, the person revokes
	@$(BIN)/consent demo

test: $(STAMP) lint tools ## Test everything: Python, Solidity, Node, the package, the commands in the documents
	$(PYTEST)

test-fast: $(STAMP) ## Test in about a minute: fewer random examples, no slow tests
	HYPOTHESIS_PROFILE=few $(PYTEST) -m "not slow"

soak: $(STAMP) tools ## Run every fault and many random examples, where `make test` takes samples (a quarter of an hour)
	CONSENT_SOAK=1 HYPOTHESIS_PROFILE=soak $(PYTEST) --timeout 3000

tools: $(STAMP) ## Install the real programs for the tests: anvil, cast, forge, Kubo, age, geth (6 minutes, once; needs Go)
	@-$(BIN)/python scripts/tools.py

bench: $(STAMP) tools ## Measure the promised figures on the real programs, and write docs/performance.md (twenty minutes)
	$(BIN)/python scripts/bench.py

lint: $(STAMP) ## Run ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

artifacts: $(STAMP) ## Compile the contracts into registry/artifacts
	$(BIN)/python scripts/compile_contracts.py

vectors: $(STAMP) ## Make tests/vectors again, with implementations that are not ours
	@$(BIN)/python -c 'from scripts.node_packages import ensure_node_modules as e; e()'
	$(BIN)/node scripts/vectors.mjs

docs: $(STAMP) ## Run the commands in README.md and docs/, and write their output into the documents
	$(BIN)/python scripts/readme.py --write

architecture: $(STAMP) ## Draw docs/architecture.svg from the imports in the code
	$(BIN)/python scripts/architecture.py

js: $(STAMP) ## Check js/ and build what browsers run, registry/data/web (needs npm)
	$(BIN)/python -m scripts.build_js

unicode: $(STAMP) ## Write registry/data/unicode.json, the properties of Unicode that plain text needs (needs npm)
	$(BIN)/python -m scripts.make_unicode

descriptors: $(STAMP) ## Write the ERC-7730 descriptors for hardware wallets
	$(BIN)/python scripts/make_descriptors.py

pictures: $(STAMP) ## Take the pictures of the wallet page and the app again (needs Chromium, anvil and Kubo)
	$(BIN)/python scripts/make_pictures.py

lock: $(STAMP) ## Update requirements.lock from pyproject.toml
	$(BIN)/python -m pip install -q 'uv<1'
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --extra fast --extra ipfs --extra notary --extra vault --extra dev \
		--no-header --no-emit-index-url --no-annotate pyproject.toml -o requirements.lock

clean: ## Delete everything that was made, the environment included
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis scripts/node/node_modules js/node_modules
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
