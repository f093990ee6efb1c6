# Two commands for a fresh machine with Python >= 3.11, git and make:
#   make rank   score a random sample of architectures on the embedded images and rank it
#   make test   install the extras too and run the tests
PYTHON ?= python3
PIP = .venv/bin/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help rank test test-slow lint format docs dist bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

rank: .venv/core ## score 100 random architectures on the embedded images and rank them
	.venv/bin/ntknas score --archs random:100 --preset fast --out runs/first
	.venv/bin/ntknas rank runs/first

test: .venv/extras ## run the tests
	.venv/bin/python -m pytest

test-slow: .venv/extras ## run the slow tests
	.venv/bin/python -m pytest -m slow -n 0

lint: .venv/extras ## check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv/extras ## format the code and make the mends that ruff can make
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: .venv/docs ## build the documentation site into build/docs; warnings are errors
	.venv/bin/python -m sphinx -W --keep-going -q docs build/docs

dist: .venv/core ## build the sdist and the wheel into dist
	$(PIP) build twine
	rm -rf dist
	.venv/bin/python -m build --outdir dist
	.venv/bin/python -m twine check --strict dist/*

bench: .venv/extras ## time clean kernels against PyTorch, on a quiet machine
	.venv/bin/python -m benchmarks.kernel_speed --norm image
	.venv/bin/python -m benchmarks.kernel_speed --norm batch

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

.venv/docs: .venv/core
	$(PIP) --editable '.[docs]'
	touch $@

clean: ## remove the environment, runs and built documents
	rm -rf .venv runs build dist
