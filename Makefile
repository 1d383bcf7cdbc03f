# Everything is installed inside this checkout, from python3, git and make alone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules
.NOTPARALLEL:

export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# As pip does: a company's network may sign with an authority that only this machine's own store knows.
export UV_SYSTEM_CERTS := 1
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

UV := .tools/bin/uv
VENV := .venv/bin
COMPILE := $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --universal \
	--python-version 3.11 --custom-compile-command 'make lock'

.PHONY: help run preflight install test unit check format chaos bench histories protos lock secrets clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: preflight install ## start the whole system and tell the story live (ONCE=1: end after it, exit 0 if the books agree)
	@$(VENV)/python -m local $(if $(filter-out 0,$(ONCE)),--once)

preflight: ## say within a second whether this machine can run it
	@"$$(bin/find-python)" -m local.preflight

install: .venv/.installed .venv-litellm/.installed ## install into .venv and .venv-litellm

test: install ## the whole suite: unit, integration, e2e, a short chaos run
	@$(VENV)/pytest $(wildcard tests/test_tidy.py tests/unit tests/integration tests/model tests/e2e tests/chaos)
	@echo 'the end-to-end tests again, without Redis' && PEDAGIO_TEST_REDIS=absent $(VENV)/pytest -q tests/e2e

unit: .venv/.installed ## only what needs no I/O
	@$(VENV)/pytest -q tests/test_tidy.py tests/unit

check: .venv/.installed ## format, lint, types, unit tests, import rules: about a minute
	@echo 'ruff format'  && $(VENV)/ruff format --check --quiet .
	@echo 'ruff check'   && $(VENV)/ruff check --quiet .
	@echo 'mypy'         && bin/types
	@$(VENV)/pytest -q tests/test_tidy.py tests/unit
	@echo 'lint-imports' && $(VENV)/lint-imports --no-cache | tail -n 20

format: .venv/.installed ## rewrite the sources in the one format
	@$(VENV)/ruff format --quiet . && $(VENV)/ruff check --quiet --fix .

chaos: install ## faults on the real system, in seeded rounds; then the books against the provider's truth (ROUNDS=200 SEED=1)
	@$(VENV)/python -m tests.chaos --rounds $(or $(ROUNDS),8) $(if $(SEED),--seed $(SEED)) $(if $(RECORD),--record $(RECORD))

bench: install ## measure: Check throughput and latency, added milliseconds end to end
	@$(VENV)/python -m bench

histories: .venv/.installed ## random histories on the real ledger: nobody is blocked wrongly (HISTORIES=100000 SEED=1)
	@$(VENV)/python -m tests.model.histories --count $(or $(HISTORIES),10000) --seed $(or $(SEED),1)

protos: .venv/.installed ## generate the protobuf modules from protos/*.proto
	@$(VENV)/python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. --grpc_python_out=. \
	  protos/ext_authz.proto protos/access_log.proto protos/pedagio/v1/admin.proto protos/pedagio/v1/plans.proto protos/pedagio/v1/policies.proto \
	  protos/pedagio/v1/reports.proto protos/pedagio/v1/prices.proto protos/pedagio/v1/settings.proto \
	  protos/pedagio/v1/notices.proto protos/pedagio/v1/usage.proto protos/pedagio/v1/admins.proto \
	  protos/pedagio/v1/people.proto protos/pedagio/v1/purchases.proto \
	  protos/pedagio/v1/requests.proto protos/pedagio/v1/trials.proto protos/pedagio/v1/sign_in.proto \
	  protos/pedagio/v1/person.proto

lock: $(UV) ## resolve the locks anew (UPGRADE=1 takes newer releases)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements.lock
	@$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --extra local --extra dev -o requirements-dev.lock
	@$(COMPILE) $(if $(UPGRADE),--upgrade) requirements-litellm.in -o requirements-litellm.lock
	@$(COMPILE) $(if $(UPGRADE),--upgrade) requirements-tools.in -o requirements-tools.lock

secrets: ## make what compose.yaml needs in secrets/, mode 0600, never overwriting
	@bin/secrets

clean: ## remove what was installed and run here
	@rm -rf .venv .venv-litellm .tools .pedagio build dist *.egg-info \
	  .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the steps behind install; each leaves a stamp, so a second run takes no time ---

$(UV): requirements-tools.lock bin/bootstrap
	@bin/bootstrap .tools requirements-tools.lock

.venv/.installed: requirements-dev.lock pyproject.toml | $(UV)
	@printf 'installing   .venv          what Pedagio and its tests need\n'
	@test -x $(VENV)/python || $(UV) venv --quiet --python "$$(bin/find-python)" .venv
	@$(UV) pip sync --quiet --python .venv --require-hashes requirements-dev.lock
	@$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation \
	  --config-setting editable_mode=compat --editable .
	@touch $@

.venv-litellm/.installed: requirements-litellm.lock | $(UV)
	@printf 'installing   .venv-litellm  LiteLLM, about 600 MB, compiled once so that it starts fast\n'
	@test -x .venv-litellm/bin/python || $(UV) venv --quiet --python "$$(bin/find-python)" .venv-litellm
	@$(UV) pip sync --quiet --python .venv-litellm --compile-bytecode --require-hashes requirements-litellm.lock
	@touch $@
