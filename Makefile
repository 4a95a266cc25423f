# `make help` lists the targets. Most targets first make .venv and install what they need.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
LAUNCH := $(BIN)/accelerate launch --quiet --config_file accelerate_config.yaml
RECIPE ?= trainer/recipes/quickstart.yaml
OUT ?= out/quickstart
EXTRAS := offline,minilm,corpus,search,bridges
HUB ?= out/hub
PORT ?= 7860
PEERS ?= out/peers
LOWEST ?= out/lowest
LOWEST_TESTS ?= tests/adapters_hub tests/eval tests/speed tests/trainer --ignore tests/trainer/runs

.PHONY: help install quickstart hub-demo demo screenshots docs test thorough lowest peers lint types check clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]' --group dev
	@touch $@

install: $(VENV)/.installed ## Make .venv with all dependencies

quickstart: install ## Train four language modules and three alignment adapters, and score each stage
	$(LAUNCH) trainer/stage1.py --recipe $(RECIPE) --output_dir $(OUT)
	$(LAUNCH) trainer/stage2.py --recipe $(RECIPE) --output_dir $(OUT)
	$(BIN)/python -m eval run --encoder $(OUT) --variants base,mono,aligned --split test --output $(OUT)/evaluation
	@echo
	@echo "Encode with them:"
	@sed -n '/^# quickstart: begin/,/^# quickstart: end/p' README.md | sed '/^# quickstart/d; s/^/    /'

hub-demo: install ## Publish the quickstart's modules on a local stand-in for the Hub, fetch them and compare sentences
	@test -f $(OUT)/evaluation/report.json || $(MAKE) quickstart
	$(BIN)/python -m tests.hub_demo $(OUT)

demo: install ## Compose the quickstart's modules in the browser
	@test -f $(OUT)/eng/module.json || { echo "no modules in $(OUT): run make quickstart first (about ten minutes)"; exit 1; }
	$(BIN)/python -m demo --hub $(HUB) --publish $(OUT) --port $(PORT)

screenshots: install ## Take the README's pictures of the demo (needs chromium and Noto fonts)
	$(BIN)/python -m demo.screenshots --hub $(HUB) --publish $(OUT) demo/screenshots

docs: install ## Build the documentation site into site/; warnings are errors
	$(BIN)/python -m typer adapters_hub.__main__ utils docs --name adapters-hub --title adapters-hub --output docs/reference/cli.md
	$(BIN)/python -m typer eval.__main__ utils docs --name "python -m eval" --title "python -m eval" --output docs/reference/eval.md
	$(BIN)/python -m typer demo.__main__ utils docs --name "python -m demo" --title "python -m demo" --output docs/reference/demo.md
	$(BIN)/python -m typer speed.__main__ utils docs --name "python -m speed" --title "python -m speed" --output docs/reference/speed.md
	$(BIN)/zensical build --clean --strict

test: install ## Run the tests (offline), on all cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

thorough: install ## Crash training at every write, and train on two machines that lose one (takes half an hour)
	MSE_EVERY_CRASH=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto tests/trainer/runs/test_crashes.py tests/trainer/runs/test_machines.py

# Old releases warn of what newer releases of their own dependencies have deprecated: -W default.
lowest: ## Run tests on the lowest versions that pyproject.toml allows, in a separate environment
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade pip packaging
	$(LOWEST)/bin/python -m tests.lowest > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet -c $(LOWEST)/constraints.txt -e '.[$(EXTRAS)]' --group train --group eval --group demo --group test
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -W default $(LOWEST_TESTS)

peers: install ## Use exports with other libraries, each in a fresh environment
	$(BIN)/python -m tests.peers $(PEERS)

lint: install ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## Check types
	$(BIN)/mypy

check: test docs lint types ## Run everything that CI runs

clean: ## Remove .venv and caches; trained modules in out/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
