# All that a newcomer needs: `make run` and `make test` set up whatever is missing first.
# Yours to choose: PYTHON, PORT, DATA_DIR, MODELS, and ARGS for pytest and the benchmarks.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
FRAMEWORKS := .venv-clients
REQUIREMENTS := tests/inference/api/clients/requirements.txt
PACKAGES := config devserver catalog accounts inference
ARGS ?=

# `check --deploy` judges settings, so it gets those of a production site.
PRODUCTION = env DEBUG=0 HTTPS=1 ALLOWED_HOSTS=example.com \
	CSRF_TRUSTED_ORIGINS=https://example.com OPERATOR_NAME=Example CONTACT_EMAIL=hi@example.com EMAIL_URL=smtp+tls://user:password@example.com:587 \
	SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(64))")

.DEFAULT_GOAL := help
.PHONY: help run worker fetch test clients compatibility check-models check fmt setup tools bench bench-engine bench-pages gpu-check cluster faults abuse clean
# A recipe that fails half-way must not leave a stamp behind.
.DELETE_ON_ERROR:

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

run: $(READY) ## Start the whole site at http://127.0.0.1:8000 (PORT=, DATA_DIR=, MODELS=)
	@exec $(BIN)/python -m devserver.run

worker: $(READY) ## One more worker beside `make run`: make worker MODELS=repo,repo
	@exec $(BIN)/python manage.py run_worker

fetch: $(READY) ## Download a model's weights beside `make run`: make fetch REPO=owner/name
	@$(BIN)/python manage.py fetch_model $(REPO)

test: $(READY) ## Run all tests, some at a time (ARGS='-k name' to choose, in one process)
	@$(BIN)/python -m tests.run $(ARGS)

clients: $(FRAMEWORKS)/.ready ## Make .venv-clients: the frameworks that some tests drive, all pinned

compatibility: $(READY) clients ## Run the real clients, and write docs/compatibility.json from it
	@$(BIN)/python -m pytest -p tests.inference.api.clients.record tests/inference/api/clients \
		--deselect tests/inference/api/clients/test_table.py

check-models: $(READY) ## Compare every family of models with its reference library
	@HF_HUB_OFFLINE=1 $(BIN)/python -m tests.inference.runtime.check_models $(ARGS) 2>/dev/null

check: $(READY) ## Lint, types, contracts, security, migrations, and settings fit for production
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DEBUG=1 $(BIN)/mypy $(PACKAGES) tests bench
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES)
	$(BIN)/python -m tests.audit
	@echo manage.py makemigrations --check, manage.py check --deploy
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
		export DATA_DIR="$$folder" DATABASE_URL= REDIS_URL= TEXT_CACHE_URL= && \
		$(PRODUCTION) $(BIN)/python -m devserver.services run --forgetful -- \
			sh -c '$(BIN)/python manage.py makemigrations --check --dry-run && $(BIN)/python -m tests.lint_migrations' && \
		$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

fmt: $(READY) ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(READY) ## Make .venv and install everything (the others do it when needed)

tools: ## Install what some tests take from npm (API clients; an HTML validator that needs Java)
	cd tests/js && npm ci

bench: $(READY) ## Measure the engine against the bare torch loop (ARGS='--json --rounds 5')
	@$(BIN)/python -m bench.engine $(ARGS)

gpu-check: $(READY) ## Check and measure a GPU in minutes (ARGS='--device cpu --small' tries it without one)
	@$(BIN)/python -m bench.gpu $(ARGS)

faults: $(READY) ## Break the site in every way, and print how it healed (ARGS="-k f01"; ARGS=--campaign: all mixed)
	@$(BIN)/python -m bench.faults $(ARGS)

cluster: $(READY) ## Cut machines of a cluster off under load (Linux, root; ARGS='--jobs 200 --cut-s 10')
	@$(BIN)/python -m bench.cluster $(ARGS)

abuse: $(READY) ## Attack a site of its own, and print what a victim notices (ARGS="--only png")
	@$(BIN)/python -m bench.abuse $(ARGS)

bench-engine: bench

bench-pages: $(READY) ## Measure the pages, as ratios (ARGS='--json --rounds 9')
	@$(BIN)/python -m bench.pages $(ARGS)

clean: ## Remove .venv and caches; your data in .data stays
	rm -rf .venv $(FRAMEWORKS) tests/js/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info

$(FRAMEWORKS)/.ready: $(REQUIREMENTS)
	@test -x $(FRAMEWORKS)/bin/python || $(PYTHON) -m venv $(FRAMEWORKS)
	$(FRAMEWORKS)/bin/python -m pip install --disable-pip-version-check --quiet -r $(REQUIREMENTS)
	@touch $@

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo \
		'gigarouter needs Python 3.11 or newer as `$(PYTHON)`: install one, or name it: PYTHON=/path/to/python3.12 make run'; \
		exit 1; }
	@echo 'Setting up .venv with everything the site needs, torch included. It takes some minutes, and'
	@echo 'about 2.2 GB of disk with the CPU build of torch. On Linux a plain registry has the CUDA build,'
	@echo 'several GB more; for the CPU build let PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL name a source of it.'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo \
		'Python has no venv module: on Debian and Ubuntu, `apt install python3-venv`.'; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on \
		-c constraints.txt -e '.[worker,embedded,demo,dev]'
	@touch $@
