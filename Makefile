# Weilu 维录. `make demo` shows it, `make test` proves it.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell command -v $(p) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export PORT
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The checks read the settings but must leave no data folder behind.
QUIET := WEILU_SECRET_KEY=only-for-checks WEILU_DATA_DIR=/tmp/weilu-check DJANGO_SETTINGS_MODULE=weilu.settings
LOCK := --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

.PHONY: demo test test-fast test-sqlite test-postgresql check crash bench messages holidays lock programs install clean

demo: $(VENV)/.demo
	@exec $(BIN)/weilu demo

# Both databases at the same time, one on each core, whatever the other finds; PostgreSQL's words come after SQLite's.
# What hangs on no database is dealt between them; test-sqlite and test-postgresql run all of it.
# Bytecode is kept: a test starts hundreds of processes that would each compile Weilu anew.
test: export WEILU_TEST_DEALT := 1
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev programs
	@said=$$(mktemp); failed=0; \
	WEILU_TEST_DATABASE=postgresql $(BIN)/python -m pytest >$$said 2>&1 & other=$$!; \
	WEILU_TEST_DATABASE=sqlite $(BIN)/python -m pytest || failed=1; \
	wait $$other || failed=1; \
	cat $$said; rm -f $$said; exit $$failed

test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow and not browser and not crash"

test-sqlite test-postgresql: test-%: $(VENV)/.dev
	WEILU_TEST_DATABASE=$* $(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(QUIET) $(BIN)/mypy
	$(QUIET) $(BIN)/lint-imports
	$(QUIET) $(BIN)/python -m django makemigrations --check --dry-run
	$(BIN)/python tools/messages.py --check

# The long form of the crash tests, on both databases: so many random moments, and so many boundaries of each plan,
# which is all of them; hours.
CRASHES ?= 200
crash: $(VENV)/.dev programs
	for database in sqlite postgresql; do WEILU_CRASHES=$(CRASHES) WEILU_TEST_DATABASE=$$database \
		$(BIN)/python -m pytest tests/crash || exit 1; done

bench: $(VENV)/.dev
	$(BIN)/python -m bench

messages: $(VENV)/.dev
	$(BIN)/python tools/messages.py

holidays: $(VENV)/.dev
	$(BIN)/python tools/holidays.py

# Renew the pins: change pyproject.toml, then this. uv is only needed here.
lock:
	$(BIN)/uv pip compile pyproject.toml --extra demo $(LOCK) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra demo --extra dev --extra bench $(LOCK) -o requirements-dev.lock

# What the tests need beside Python, from Debian's packages, where we are allowed to install.
programs:
	@tools/programs.sh

install: $(VENV)/.demo

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "需要 Python 3.11 或更新版本：apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "需要 Python 3.11 或更新版本；PYTHON=/path/to/python3.11 make $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python 缺少 venv：apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

# A stamp per lock file: a second call installs nothing.
$(VENV)/.demo: requirements.lock pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "安装依赖（按哈希核对）… installing, checked by hash"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.demo
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

clean:
	rm -rf $(VENV) var var-witnesses build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
