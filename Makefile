# Two commands: `make run` starts oscope, `make test` checks everything.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000
# Three processes: what one test waits for is another one's time. A file's tests stay together and share what they set up.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: run loops test lint types unit browser bench lock chromium fonts node clean

run: .venv/run
	$(BIN)/oscope serve --port $(PORT) --open

test: .venv/dev chromium fonts node
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

lint: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: .venv/dev
	$(BIN)/mypy

unit: .venv/dev
	$(PYTEST) -m "not browser"

browser: .venv/dev chromium fonts
	$(PYTEST) -m browser

bench: .venv/dev
	@failed=""; for script in tests/benchmarks/*.py; do \
	  echo "== $$script"; $(BIN)/python $$script || failed="$$failed $$script"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

# Debian splits venv and pip apart: make the environment so that it works without ensurepip too.
.venv/bin/python:
	$(PYTHON) -m venv --without-pip .venv

.venv/run: .venv/bin/python requirements.lock pyproject.toml
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	  echo "pip is missing; on Debian and Ubuntu: sudo apt-get install python3-pip" >&2; exit 1; }
	$(PYTHON) -m pip --python .venv/bin/python install --quiet --require-hashes -r requirements.lock
	printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -m app.cli "$$@"\n' > $(BIN)/oscope && chmod +x $(BIN)/oscope
	pwd > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/oscope-checkout.pth"
	touch $@

.venv/dev: .venv/run requirements-dev.lock
	$(PYTHON) -m pip --python .venv/bin/python install --quiet --require-hashes -r requirements-dev.lock
	touch $@

# Other event loops for coroutines.event_loop, in the versions that the tests know; `make test` has them anyway.
loops: .venv/run
	grep -o '^[^ ]*==[^\]*' requirements-dev.lock > .venv/versions
	$(PYTHON) -m pip --python .venv/bin/python install --quiet -c .venv/versions gevent uvloop

# The browser tests need Chromium. As root it is installed; otherwise they are skipped and say so,
# but never where CI is set: there a missing browser is a failure.
chromium:
	@for name in chromium-headless-shell chromium chromium-browser google-chrome; do \
	  command -v $$name >/dev/null && exit 0; done; \
	sh .ci/install chromium-headless-shell || sh .ci/install chromium

# The sets of fonts that layouts are tested with, and one for Chinese (tests/browser/fonts.py).
fonts:
	@wanted=""; \
	for font in DejaVuSans.ttf:fonts-dejavu-core NimbusSansNarrow-Regular.otf:fonts-urw-base35 \
	  wqy-microhei.ttc:fonts-wqy-microhei; do \
	  find /usr/share/fonts /usr/local/share/fonts "$$HOME/.local/share/fonts" "$$HOME/.fonts" \
	    -name "$${font%:*}" 2>/dev/null | grep -q . || wanted="$$wanted $${font#*:}"; \
	done; [ -z "$$wanted" ] || sh .ci/install fontconfig $$wanted

node:
	@command -v node >/dev/null 2>&1 || sh .ci/install nodejs

# Versions and hashes of everything, without the address of any registry. Needs uv.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
