# The first time, each target installs what it needs; after that it is quick.
# To use a Python other than the first on the path: make test PYTHON=python3.13

PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test search coverage lessons notebooks lint soak mutants bench bench-grid docs clean
.NOTPARALLEL: # two installations into one environment would conflict

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

# An environment is a folder; a stamp file in it says what has been installed there.
# PyTorch, gigabytes in some builds, and JAX are for continuous integration only (which sets CI).
DEMO := .venv/.demo
DEV := .venv/.dev$(if $(CI),-peers)
MUTANTS := .venv/.mutants
LAB := .venv/.lab
BENCH := .venv-bench/.ready
HIPS := .venv-hips/.ready
DOCS := .venv-docs/.ready

demo: $(DEMO) ## the textbook's backpropagation, digit for digit, then networks on real data
	@.venv/bin/python -m nn.demo

# Distributed by file, so that only one process compiles what a module compiles once; conftest.py puts
# the longest modules first. Bytecode is kept, whatever the environment says; otherwise both processes
# would rewrite all assertions of the tests.
PYTEST := PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(DEV) ## every test and doctest, with the same examples each time
	$(PYTEST)

search: $(DEV) ## the same tests with examples drawn anew
	$(PYTEST) --hypothesis-profile=search

coverage: $(DEV) ## a part of the same tests, with few examples: which branches do they take?
	$(PYTEST) --hypothesis-profile=coverage --cov -m 'not no_cover and not slow' \
		autograd nn tests/autograd tests/nn

# As deep as notebooks/, so that their links and files are found; existing copies are kept. Containers
# run as root, which Jupyter must be told.
lessons: $(LAB) ## open your own copies of the notebooks, in lessons/, in JupyterLab
	@mkdir -p lessons
	@for file in notebooks/*.ipynb notebooks/*.mplstyle; do \
		[ -e "lessons/$${file##*/}" ] || cp "$$file" lessons/; \
	done
	.venv/bin/jupyter lab --notebook-dir=. --LabApp.default_url=/lab/tree/lessons \
		$(if $(filter 0,$(shell id -u)),--allow-root)

notebooks: $(DEV) ## execute the notebooks, and compare their numbers with those stored
	.venv/bin/python notebooks/execute.py

soak: $(DEV) ## the derivatives of a million random programs, in every way; takes hours
	.venv/bin/python -m pytest -n auto --hypothesis-profile=soak -k programs tests/autograd/test_gradients.py \
		tests/fuzz/test_differential.py
	.venv/bin/python -m tests.fuzz.differential --programs 1000000
	.venv/bin/python -m tests.fuzz.files --mutations 1000000
	.venv/bin/python -m tests.autograd.checking.badly --draws 1000000 --seed 1

mutants: $(MUTANTS) ## plant faults one by one: do the tests notice? SAMPLE=200 MODULES='autograd/graph.py nn'
	.venv/bin/python -m benchmarks.mutants $(if $(SAMPLE),--sample $(SAMPLE)) \
		$(if $(SEED),--seed $(SEED)) $(if $(MODULES),--modules $(MODULES)) $(if $(AGAIN),--again)

lint: $(DEV) ## ruff and mypy
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	.venv/bin/python -m mypy

bench: $(BENCH) $(HIPS) ## compare the engine, its drawings and its checks with their peers
	.venv-bench/bin/python benchmarks/eager.py
	.venv-bench/bin/python benchmarks/drawing.py
	.venv-bench/bin/python benchmarks/checkers.py
	.venv-bench/bin/python benchmarks/derivatives.py
	.venv-bench/bin/python benchmarks/compiled.py
	.venv-bench/bin/python benchmarks/compiled.py --avx2
	.venv-bench/bin/python -m benchmarks.cluster

bench-compare: $(BENCH) ## run the benchmarks again: which ratios are a tenth worse than the committed ones?
	.venv-bench/bin/python -m benchmarks.comparison

bench-grid: $(BENCH) ## train networks of four sizes on two moons of six sizes; compare micrograd and PyTorch
	.venv-bench/bin/python benchmarks/grid.py

docs: $(DOCS) ## build the book, in build/docs; warnings are errors, and links inside are checked
	.venv-docs/bin/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env docs build/docs
	.venv-docs/bin/python -m docs.links build/docs

clean: ## remove everything that make has made
	rm -rf .venv .venv-bench .venv-hips .venv-docs build dist .coverage .coverage.* .hypothesis htmlcov \
		.mypy_cache .pytest_cache .ruff_cache
	rm -rf docs/lessons docs/made docs/reference
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments ---------------------------------------------------------------------------------

OLDEST := 10
$(BENCH) $(HIPS) $(DOCS): OLDEST := 11

CHECK_PYTHON = import sys; sys.version_info >= (3, $(OLDEST)) or sys.exit( \
	"this needs Python 3.$(OLDEST) or newer, and $(PYTHON) is %d.%d.\n" % sys.version_info[:2] + \
	"Name a newer one, for example: make PYTHON=python3.13 $(firstword $(MAKECMDGOALS))")

PIP_INSTALL := bin/python -m pip install --quiet --disable-pip-version-check

$(DEMO): CONTENTS = --editable '.[train]'
$(DEV): CONTENTS = --editable '.[compile,testing,train]' --group dev $(if $(CI),--group peers)
$(LAB): CONTENTS = --editable '.[compile,testing,train]' --group lab
$(MUTANTS): CONTENTS = --editable '.[compile,testing,train]' --group dev --group mutants
$(BENCH): CONTENTS = --editable '.[compile,cluster]' --requirement benchmarks/requirements.txt
$(DOCS): CONTENTS = --editable '.[compile,special,testing,train]' --group docs
# HIPS's autograd has the same import name as ours, so it gets an environment of its own.
$(HIPS): CONTENTS = --requirement benchmarks/requirements-hips.txt

$(DEMO) $(DEV) $(LAB) $(MUTANTS): .venv/.created
$(BENCH): .venv-bench/.created benchmarks/requirements.txt
$(HIPS): .venv-hips/.created benchmarks/requirements-hips.txt
$(DOCS): .venv-docs/.created

$(DEMO) $(DEV) $(LAB) $(MUTANTS) $(BENCH) $(HIPS) $(DOCS): pyproject.toml
	@echo "Preparing $(@D) (the first time takes a minute or so)"
	@$(@D)/$(PIP_INSTALL) $(CONTENTS)
	@touch $@

.PRECIOUS: %/.created
%/.created:
	@command -v $(PYTHON) > /dev/null || \
		{ echo "$(PYTHON): not found. scalar-autograd needs Python 3.10 or newer." >&2; exit 1; }
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/$(PIP_INSTALL) 'pip>=25.1' # the first that knows dependency groups
	@touch $@
