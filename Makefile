PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PLUGINS := $(wildcard plugins/*)
# Another codex than that of PyPI, in an environment of its own: make test VENV=... CODEX=...
CODEX ?=
# Most tests wait for processes, so a few at a time go on two cores.
JOBS ?= --numprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test docs soak bench check format protocol clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml $(PLUGINS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "codex-hooks needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group check --editable '.[codex]' $(PLUGINS:%=--editable %)
	@[ -z "$(CODEX)" ] || ln -sf "$(abspath $(CODEX))" \
		"$$($(BIN)/python -c 'import codex_cli_bin; print(codex_cli_bin.bundled_codex_path())')"
	@# The rules for secrets are compiled once on a machine; not while tests count the seconds.
	@$(BIN)/python -c 'import codex_hooks_redact; codex_hooks_redact.redact("")'
	@touch $@

demo: $(STAMP)  ## one prompt through the real codex, offline, under two plugins
	@$(BIN)/codex-hooks demo

test: $(STAMP)  ## all tests, those on the real codex binary included
	@for plugin in $(PLUGINS); do $(BIN)/python -m pytest $(JOBS) --quiet $$plugin || exit 1; done
	@$(BIN)/python -m pytest $(JOBS) --quiet

docs: $(STAMP)  ## every example and link of the documentation
	@$(BIN)/python -m pytest tests/docs

soak: $(STAMP)  ## random steps of the kernel, turns and crashes of the runtime, kills of the audit
	@CODEX_HOOKS_SOAK_STEPS=100000 $(BIN)/python -m pytest tests/kernel/test_kernel_machine.py
	@$(BIN)/python benchmarks/soak.py
	@CODEX_HOOKS_AUDIT_KILLS=10000 $(BIN)/python -m pytest plugins/codex-hooks-audit/tests/test_crash.py

$(VENV)/bench/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)/bench
	$(VENV)/bench/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(VENV)/bench/bin/python -m pip install --quiet --group bench --editable '.[codex]'
	@touch $@

bench: $(VENV)/bench/.installed $(STAMP)  ## kernel and runtime beside other parties, gate and audit
	@$(VENV)/bench/bin/python benchmarks/kernel.py
	@$(VENV)/bench/bin/python benchmarks/runtime.py
	@$(BIN)/python benchmarks/gate.py
	@$(BIN)/python benchmarks/audit.py

check: $(STAMP)  ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@for plugin in $(PLUGINS); do (cd $$plugin && $(abspath $(BIN))/mypy) || exit 1; done

format: $(STAMP)  ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

protocol: $(STAMP)  ## the inventory of methods, from the installed codex
	$(BIN)/python scripts/protocol.py

clean:  ## remove the virtual environment and everything built
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
