# Two commands need nothing else: `make run` and `make test`. Python 3.11 or newer is found, uv is used when present.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NEED_DATA := $(wildcard benchmarks/accuracy.py benchmarks/accuracy_d*.py benchmarks/accuracy_forecast.py benchmarks/accuracy_multi.py benchmarks/accuracy_rca.py)
NEED_PEERS := $(addprefix benchmarks/,filesystem.py git.py side_by_side.py line_client.py peer_servers.py fetch.py search.py shadcn.py thinking.py written_page.py)

.PHONY: run test check lint types docs package lock bench clean

run: $(READY)
	@$(BIN)/openmanager demo

test: $(READY)
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: lint types test

lint: $(READY)
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(READY)
	@$(BIN)/mypy

docs: $(READY)
	@$(BIN)/python -m openmanager_kit.docs README.md
	@$(BIN)/openmanager client-config claude-desktop --config development > claude_desktop_config.example.json

# The files of every package format, from packaging/manifest.toml.
package: $(READY)
	@$(BIN)/python tools/package.py

bench: $(READY)
	@for f in $(filter-out $(NEED_DATA) $(NEED_PEERS),$(wildcard benchmarks/*.py)); do echo "== $$f"; $(BIN)/python $$f || exit 1; done

lock: $(READY)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || true
	@uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements.lock

$(READY): pyproject.toml requirements.lock tools/setup.sh
	@bash tools/setup.sh $(VENV)
	@touch $(READY)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
