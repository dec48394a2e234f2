# make demo   the whole pipeline on the embedded data set, into results/demo
# make test   format, lint, types, tests
# Both make .venv first, with the versions of envs/constraints.txt; what is installed already is not installed again.

VENV := .venv
BIN := $(VENV)/bin
PYTHONS := python3.11 python3.12 python3.13 python3
PIP := $(BIN)/python -m pip --disable-pip-version-check
# make CONSTRAINTS=/dev/null: the newest versions
CONSTRAINTS ?= envs/constraints.txt
INSTALL := $(PIP) install --constraint $(CONSTRAINTS)
STAMPS := $(VENV)/.stamps
INPUTS := pyproject.toml envs/constraints.txt
CORES ?= all
TEST_WORKERS ?= 2
# how much a test prints, which tests, ...: make test TESTS='tests/workflow -x'
TESTS ?=
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo test lint types tests campaign kills docs pages format constraints clean-env
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make/make/p' Makefile
	@echo "make campaign  thousands of bad inputs: minutes"
	@echo "make kills   hundreds of kills of stages and runs: half an hour"
	@echo "make docs    builds the site of the documents into site/"
	@echo "make pages   writes generated pages and the schema anew"
	@echo "make format  formats and mends what the linters can mend themselves"
	@echo "make clean-env  removes .venv"

demo: $(STAMPS)/run $(STAMPS)/extras
	wsss run demo --cores $(CORES)
	@wsss summary results/demo
	@echo "Look at results/demo/report.html, or at everything: .venv/bin/wsss view results/demo"

test: lint types tests

lint: $(STAMPS)/test
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow wsss/workflow
	snakemake --lint

types: $(STAMPS)/test $(STAMPS)/extras
	mypy

tests: $(STAMPS)/test $(STAMPS)/extras $(STAMPS)/reference $(STAMPS)/docs
	OMP_NUM_THREADS=1 pytest --numprocesses $(TEST_WORKERS) --dist loadgroup $(TESTS)

# thousands of bad inputs, within 15 minutes (docs/reliability.md)
campaign: $(STAMPS)/test $(STAMPS)/extras
	OMP_NUM_THREADS=1 timeout 900 pytest -m 'not gpu' tests/campaign -k 'not kill' $(TESTS)

# every stage, and whole runs, killed again and again: half an hour (docs/reliability.md)
kills: $(STAMPS)/test $(STAMPS)/extras
	OMP_NUM_THREADS=1 pytest -m 'not gpu' tests/campaign -k kill $(TESTS)

docs: $(STAMPS)/docs
	mkdocs build --strict

pages: $(STAMPS)/run
	wsss settings --markdown > docs/settings.md
	wsss schema --output wsss/workflow/schemas/config.schema.json
	python docs/messages.py > docs/messages.md

format: $(STAMPS)/test
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow wsss/workflow

# pins everything that is installed now
constraints: $(STAMPS)/test
	{ sed -n '/^#/p' envs/constraints.txt; $(PIP) freeze --all --exclude-editable | grep -v -e @ -e '^wsss=' -e '^pip=' | sort -f; } \
	    > envs/constraints.new && mv envs/constraints.new envs/constraints.txt

clean-env:
	rm -rf $(VENV)

# the first Python that is new enough; what is missing is said
$(BIN)/python:
	@found=; for python in $(PYTHONS); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "error: Python 3.11 or newer is needed; tried $(PYTHONS) (python3 is $$(python3 --version 2>&1))." >&2; \
	    echo "       Install one, or name it: make $(MAKECMDGOALS) PYTHONS=/path/to/python3" >&2; \
	    exit 1; \
	fi; \
	echo "making $(VENV) with $$found ($$($$found --version))"; \
	"$$found" -m venv --clear $(VENV) || { \
	    echo "error: $$found cannot make a virtual environment; install its venv module (Debian: python3-venv)" >&2; \
	    rm -rf $(VENV); exit 1; \
	}

$(STAMPS)/run: $(INPUTS) | $(BIN)/python
	$(INSTALL) --editable '.[workflow]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/test: $(STAMPS)/run
	$(INSTALL) --editable '.[test]'
	@touch $@

# What some settings need and nothing else does: all at once, else one by one, and what cannot be installed is said.
EXTRAS := saliency,logs,view,export,geo,parquet,onnx,hub
$(STAMPS)/extras: $(STAMPS)/run
	@echo "installing extras ($(EXTRAS))"
	@$(INSTALL) --editable '.[$(EXTRAS)]' || { \
	    $(INSTALL) --editable '.[saliency]' \
	        || echo "note: going on without saliency by pretrained networks (saliency.source: rembg)"; \
	    $(INSTALL) --editable '.[logs]' \
	        || echo "note: going on without TensorBoard"; \
	    $(INSTALL) --editable '.[view]' \
	        || echo "note: going on without the web page (wsss view)"; \
	    $(INSTALL) --editable '.[export]' \
	        || echo "note: going on without COCO JSON (wsss export --format coco)"; \
	    $(INSTALL) --editable '.[geo]' \
	        || echo "note: going on without GeoTIFFs (masks on the map)"; \
	    $(INSTALL) --editable '.[parquet]' \
	        || echo "note: going on without data sets in .parquet and .arrow (wsss unpack)"; \
	    $(INSTALL) --editable '.[onnx]' \
	        || echo "note: going on without ONNX (wsss export_model --to onnx)"; \
	    $(INSTALL) --editable '.[hub]' \
	        || echo "note: going on without the Hub (wsss push_model)"; \
	    echo "note: to try again what failed: rm $@"; \
	}
	@touch $@

# 35 MB to download. The tests of the site and of the tutorial are skipped without
$(STAMPS)/docs: $(STAMPS)/run
	@$(INSTALL) --editable '.[docs]' || echo "note: going on without the site of the documents (to try again: rm $@)"
	@touch $@

# pydensecrf, which the dense CRF is checked against; nothing else uses it
$(STAMPS)/reference: $(STAMPS)/run
	@echo "installing pydensecrf, which is compiled: some minutes"
	@$(INSTALL) --editable '.[crf]' \
	    || echo "note: tests against pydensecrf are skipped (it needs a C++ compiler: g++; to try again: rm $@)"
	@touch $@
