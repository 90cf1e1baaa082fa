# The commands of this project. `make` alone lists them. Settings, such as PORT=8010, may follow a command.

VENV := .venv
PYTHON := $(VENV)/bin/python
FLASK := $(VENV)/bin/flask
FRAMEWORKS := npm/node_modules/.installed
TYPESCRIPT := $(VENV)/typescript/.installed
# Dozens of processes start in a run of the tests: modules must not be compiled for each.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(PYTHON) -m pip --quiet --disable-pip-version-check --no-input install

# Test files run in parallel, each in order. Four processes on two cores, because many tests wait for a browser or a
# restart; the longest files first (tests/conftest.py).
TOGETHER := --numprocesses 4 --dist loadfile --no-loadscope-reorder

define STYLE_AND_TYPES
$(PYTHON) -m ruff check .
$(PYTHON) -m ruff format --check .
$(PYTHON) -m mypy
endef

.DEFAULT_GOAL := help
.PHONY: help run dev serve check test test-one bench bench-peers torture cluster screenshots catalogues clients audit release lock clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1#\2/p' Makefile | while IFS='#' read -r name does; do \
	  printf '  %-18s %s\n' "$$name" "$$does"; done

# The demo has its own database, because its account must not exist in the one of `make serve`, even if .env names it.
run dev: export DATABASE_URL := $(or $(DEMO_DATABASE_URL),sqlite:///$(CURDIR)/instance/demo.sqlite3)
run: $(VENV)/.run ## run Kaiwa with a demo site on http://127.0.0.1:8000 (PORT=8010 for another port)
	@$(FLASK) db upgrade
	@$(FLASK) demo seed
	@exec $(FLASK) serve --demo

dev: $(VENV)/.run ## like run, and restart on changes of code, templates and styles
	@$(FLASK) db upgrade
	@$(FLASK) demo seed
	@exec $(FLASK) serve --demo --reload

serve: $(VENV)/.run ## run Kaiwa for the public, without demo, on HOST and PORT with WORKERS
	@$(FLASK) db upgrade
	@exec $(FLASK) serve

test: $(VENV)/.test $(TYPESCRIPT) ## check and test everything (ARGS=... goes to pytest)
	@sh scripts/chromium.sh
	@sh scripts/program.sh nginx nginx-light
	@sh scripts/program.sh pgbouncer pgbouncer
	@sh scripts/program.sh systemd-analyze systemd
	@# Compiles the tests beside the check of types, which needs one core; otherwise each of the four processes does it.
	@($(PYTHON) -m pytest --collect-only --quiet >/dev/null 2>&1 &)
	$(STYLE_AND_TYPES)
	$(PYTHON) -m pytest -m "not torture" $(TOGETHER) $(ARGS)

check: $(VENV)/.test ## check style and types only
	$(STYLE_AND_TYPES)

test-one: $(VENV)/.test $(FRAMEWORKS) $(TYPESCRIPT) ## run some tests only: make test-one T="tests/web -k queue"
	@sh scripts/chromium.sh
	$(PYTHON) -m pytest $(T)

bench: $(VENV)/.test ## measure speed, with a baseline in the same run
	@sh scripts/chromium.sh
	$(PYTHON) -m bench $(ARGS)

bench-peers: $(VENV)/.test ## measure others with the same comments (asks PyPI for Isso)
	$(PYTHON) -m bench peers

torture: $(VENV)/.test $(FRAMEWORKS) ## the long proofs: attacks, kills, floods
	@sh scripts/chromium.sh
	@sh scripts/program.sh buildah buildah
	@sh scripts/program.sh debootstrap debootstrap
	@sh scripts/program.sh systemd-nspawn systemd-container
	$(PYTHON) -m pytest -m torture $(ARGS)

cluster: $(VENV)/.test ## three PostgreSQL servers and two web servers, killed one after another (ARGS="--rounds 20")
	@sh scripts/program.sh patroni patroni
	@sh scripts/program.sh etcd etcd-server
	@sh scripts/program.sh haproxy haproxy
	@sh scripts/program.sh pgbouncer pgbouncer
	@sh scripts/program.sh nginx nginx-light
	@sh scripts/program.sh pg_lsclusters postgresql
	$(PYTHON) -m bench.cluster $(ARGS)

screenshots: $(VENV)/.test ## take the README's screenshots of the running demo
	@sh scripts/chromium.sh
	$(PYTHON) -m scripts.screenshots

catalogues: $(VENV)/.test ## update the translations, and list missing ones
	$(PYTHON) -m scripts.catalogues

clients: $(VENV)/.test ## write the generated files of clients/ again, after a change of the API
	$(PYTHON) -m scripts.clients

audit: $(VENV)/.run $(VENV)/audit/.installed ## known vulnerabilities, licences, and an SBOM of the locked packages
	@$(VENV)/audit/bin/python scripts/audit.py "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" dist/kaiwa.cdx.json

release: $(VENV)/.test $(VENV)/audit/.installed ## wheel, source archive, image, SBOM, notes and checksums, in dist/
	@$(PYTHON) scripts/release.py

# ARGS=--upgrade takes newer versions; without it only changes of the .in files.
lock: $(VENV)/bin/uv ## resolve requirements*.in again, with hashes
	set -e; for each in requirements requirements-build requirements-otel requirements-sentry requirements-dev requirements-audit; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-emit-index-url --output-file $$each.txt $(ARGS) $$each.in; done

clean: ## delete the virtual environment and caches, but not instance/
	rm -rf $(VENV) npm/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(PYTHON):
	@sh scripts/venv.sh $(VENV)

# The stamps are written last, so that an interrupted installation is repeated.
$(VENV)/.run: requirements.txt scripts/flask_command.py $(PYTHON)
	$(PIP) --require-hashes --only-binary :all: -r requirements.txt
	@printf '#!%s\nimport runpy\nrunpy.run_path("%s", run_name="__main__")\n' \
	  "$(abspath $(PYTHON))" "$(CURDIR)/scripts/flask_command.py" > $(FLASK)
	@touch $@

$(VENV)/.test: requirements-dev.txt $(VENV)/.run
	$(PIP) --require-hashes --only-binary :all: -r requirements-dev.txt
	@touch $@

# Its own environment: what it needs may differ from what Kaiwa runs with.
$(VENV)/audit/.installed: requirements-audit.txt $(PYTHON)
	@$(PYTHON) -m venv --clear $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes \
	  --only-binary :all: -r requirements-audit.txt
	@touch $@

# The JavaScript frameworks that tests show the widget in.
$(FRAMEWORKS): npm/package-lock.json
	@sh scripts/program.sh npm npm
	@cd npm && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || { \
	  echo "The tests need the packages of npm/package-lock.json. Run again with the npm registry in reach." >&2; exit 1; }
	@touch $@

# The compiler of clients/typescript, outside of its folder, which is the package.
$(TYPESCRIPT): clients/typescript/package-lock.json $(PYTHON)
	@sh scripts/program.sh npm npm
	@mkdir -p $(@D) && cp clients/typescript/package.json clients/typescript/package-lock.json $(@D)
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || { \
	  echo "The tests need TypeScript (clients/typescript/package-lock.json). Run again with the npm registry in reach." >&2; exit 1; }
	@touch $@

$(VENV)/bin/uv: $(PYTHON)
	$(PIP) uv
