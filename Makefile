# 'make demo' and 'make test' are all a newcomer needs; each sets up what it uses.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := pyproject.toml setup.py awlta/kernels/flags.py $(foreach end,pyx pxd h,$(wildcard awlta/kernels/*.$(end) awlta/kernels/*/*.$(end)))
BENCHES := start kernels reading dl1 persistence storage sip dpu

export PYTHON
unexport PYTHONDONTWRITEBYTECODE # hundreds of processes would each compile every module

.PHONY: help demo test check asan bench faults docs clean $(BENCHES:%=bench-%) bench-scale

help:
	@echo "make demo     set up and run the main job: a simulated night to a sky map"
	@echo "make test     set up and run the tests (AWLTA_TEST_DATA: folder with telescope files)"
	@echo "make check    ruff, mypy --strict, import-linter, cython-lint"
	@echo "make asan     the tests of the kernels, compiled with sanitizers of memory and arithmetic"
	@echo "make bench    every benchmark; 'make bench-NAME' for one of: $(BENCHES)"
	@echo "make bench-scale  what asking costs from 10^4 to 10^6 products, on its own (long)"
	@echo "make faults   the long kill tests and sweeps"
	@echo "make docs     build the documentation into docs/_build/html"
	@echo "make clean    remove the demo and what was built, keep .venv"

.venv/.awlta: $(SOURCES) scripts/setup
	@scripts/setup
	@touch $@

.venv/.awlta-test: $(SOURCES) scripts/setup
	@scripts/setup test
	@touch $@ .venv/.awlta

.venv/.awlta-all: $(SOURCES) scripts/setup
	@scripts/setup test,check,docs
	@touch $@ .venv/.awlta .venv/.awlta-test

demo: .venv/.awlta
	@$(BIN)/python -m awlta_recipes.demo --home demo

test: .venv/.awlta-test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not faults" tests

faults: .venv/.awlta-test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --timeout 3600 -m faults tests

check: .venv/.awlta-all
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint --max-line-length 100 awlta/kernels

asan: .venv/.awlta-test
	@scripts/asan

docs: .venv/.awlta-all
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(BENCHES:%=bench-%)

$(BENCHES:%=bench-%) bench-scale: bench-%: .venv/.awlta-test
	@$(BIN)/python tests/benchmarks/bench_$*.py

clean:
	@rm -rf demo build docs/_build *.egg-info awlta/kernels/*.c awlta/kernels/*.so awlta/kernels/*/*.c awlta/kernels/*/*.so
	@rm -f .venv/.awlta .venv/.awlta-test .venv/.awlta-all
