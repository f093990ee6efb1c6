# Two commands for a fresh machine with Python >= 3.11, git and make:
#   make rank   score a random sample of architectures on the embedded images and rank it
#   make test   install the extras too and run the tests
PYTHON ?= python3
PIP = .venv/bin/python -m pip --disable-pip-version-check install --quiet

.PHONY: rank test test-slow lint clean

rank: .venv/core
	.venv/bin/ntknas score --archs random:100 --preset fast --out runs/first
	.venv/bin/ntknas rank runs/first

test: .venv/extras
	.venv/bin/python -m pytest

test-slow: .venv/extras
	.venv/bin/python -m pytest -m slow -n 0

lint: .venv/extras
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

.venv/core: pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("ntknas needs Python >= 3.11, got " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

# xautodl and torchattacks are the oracles of the network and of the attacks. Their declared
# dependencies are old and not needed here, hence --no-deps.
.venv/extras: .venv/core
	$(PIP) --editable '.[test,theory]'
	$(PIP) --no-deps xautodl==1.0.0 torchattacks==3.5.1
	touch $@

clean:
	rm -rf .venv runs
