SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory

INVENTORY ?= inventories/lab
SCENARIO ?= default single
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# The environment belongs to one lock, one Python and one directory: another of any makes it anew.
VENV := .venv/.made-$(shell { pwd; python3 -VV; cat requirements.txt; } 2>/dev/null | sha256sum | cut -c1-12)

# What these remove or make is on this machine; other hosts have site.yml.
LAB_ONLY = $(if $(filter inventories/lab,$(INVENTORY)),,$(error $@ is for the lab of this machine, not for $(INVENTORY)))

##@ The stack
.PHONY: up down clean status
up: ## Bring the whole stack up on this machine, or repair what is missing of it
	@$(LAB_ONLY)lab/up

down: ## Remove the lab: containers, network, secrets, keys
	@$(LAB_ONLY)lab/lab --lab dev destroy

clean: down ## Remove also the other labs, the base image, the Python environment and the caches
	@lab/lab --lab test destroy
	lab/lab --lab single destroy
	lab/lab --lab bench destroy
	lab/lab clean
	sudo=$$([ "$$(id -u)" = 0 ] || echo sudo)
	$$sudo rm -rf .venv .cache .lab

status: venv ## Show tiers, primary, replica lag, pools, instances, release and certificates on one screen
	@PYTHONPATH=ansible python -m status --inventory $(INVENTORY) $(ARGS)

secrets: venv ## Make the secrets that INVENTORY does not have yet
	@ansible-playbook -i $(INVENTORY) ansible/playbooks/secrets.yml

##@ Operations
# Variables of the verbs as options of ansible-playbook.
VERB = ansible-playbook -i $(INVENTORY) $(if $(HOST),--limit $(HOST)) $(if $(TIER),-e tier=$(TIER)) $(ARGS)
NO_HOST = $(if $(HOST),$(error type TO=$(HOST): HOST= is for verbs that go host by host))

.PHONY: plan deploy rollback maintenance switchover restart reboot upgrade remove-node
.PHONY: renew-certificates rotate-secrets rebuild-etcd
plan: venv ## What site.yml would change, host by host; HOST=db1 for one of them
	@ANSIBLE_DISPLAY_OK_HOSTS=false ANSIBLE_DISPLAY_SKIPPED_HOSTS=false \
	  ansible-playbook -i $(INVENTORY) $(if $(HOST),--limit $(HOST)) site.yml --check --diff $(ARGS)

deploy: venv ## Roll the working tree of an app over its hosts: ARGS='-e app=NAME -e release_name=NAME'
	@$(VERB) ansible/playbooks/deploy.yml

rollback: venv ## Back to the release before: ARGS='-e app=NAME -e release=ID'
	@$(VERB) ansible/playbooks/rollback.yml

maintenance: venv ## Answer visitors 503, or no longer: ON=on, ON=off, ARGS='-e app=NAME'
	@$(VERB) ansible/playbooks/maintenance.yml -e maintenance=$(ON)

switchover: venv ## Let another database host be the primary; TO=db2 for that one
	@$(NO_HOST)$(VERB) ansible/playbooks/switchover.yml $(if $(TO),-e candidate=$(TO))

restart: venv ## Restart services host by host; TIER=app and HOST=app1 for some of them
	@$(VERB) ansible/playbooks/restart.yml

reboot: venv ## Reboot hosts one by one; TIER=postgres and HOST=db1 for some of them
	@$(VERB) ansible/playbooks/reboot.yml

upgrade: venv ## Newest minor versions of the services' packages, host by host; TIER= and HOST= for some of them
	@$(VERB) ansible/playbooks/upgrade.yml

renew-certificates: venv ## New certificates for all services
	@$(VERB) ansible/playbooks/renew_certificates.yml

rotate-secrets: venv ## New passwords and keys, while all of it serves
	@$(VERB) ansible/playbooks/rotate_secrets.yml

rebuild-etcd: venv ## Found the consensus store anew, when a majority of it is lost for good
	@$(VERB) ansible/playbooks/rebuild_etcd.yml

remove-node: venv ## Take NODE=db3 out of the cluster for good, and delete all of the cluster that it has
	@$(VERB) ansible/playbooks/remove_node.yml $(if $(NODE),-e node=$(NODE))

##@ The proofs
.PHONY: test test-all lint unit app-test plans plan-costs index-costs molecule infra probe bench bench-check capacity browser-test
test: lint unit app-test bench-check molecule ## Linters, unit tests, the app's tests, the benchmark's check, the whole stack
test-all: lint unit app-test bench-check ## The same with every scenario of molecule/
	@$(MAKE) molecule SCENARIO='$(patsubst molecule/%/molecule.yml,%,$(wildcard molecule/*/molecule.yml))'

lint: venv ## Linters: ruff, yamllint, ansible-lint, shellcheck
	@ruff check .
	ruff format --check .
	yamllint --strict .
	shellcheck -x lab/lab lab/machine.sh lab/bootstrap lab/up .ci/run
	ansible-lint --offline

unit: venv ## Unit tests: filters, templates, role interfaces, inventories
	@pytest tests/unit --numprocesses=auto $(ARGS)

app-test: venv ## The app's tests, against PostgreSQL and Redis
	@set -a
	. "$$(lab/lab --lab test services)"
	set +a
	cd app
	pytest --numprocesses=auto $(ARGS)

# The database is kept: the first run takes minutes to fill it.
plans: venv ## Plans of searches among 1,000,000 customers: no sequential scan, bounded buffers
	@set -a
	. "$$(lab/lab --lab test services)"
	set +a
	cd app
	DATABASE_NAME=customers_plans pytest tests/plans --reuse-db $(ARGS)

plan-costs: venv ## Searches planned for their terms and prepared, in the database of `make plans`
index-costs: venv ## Inserts per second with all indexes and without each, in the database of `make plans`
plan-costs index-costs:
	@set -a
	. "$$(lab/lab --lab test services)"
	set +a
	cd app
	DATABASE_NAME=test_customers_plans DJANGO_SETTINGS_MODULE=tests.settings LOG_LEVEL=ERROR \
	  python manage.py shell --no-imports --verbosity 0 --command 'from tests.plans.$(subst -,_,$@) import main; main()'

molecule: venv ## The stack on hosts of its own, eight and one: create, converge, idempotence, verify, destroy
	@for scenario in $(SCENARIO); do
	  ANSIBLE_HOME=$(CURDIR)/.ansible MOLECULE_COMMAND_BORDERS=false \
	    molecule --base-config .config/molecule/config.yml test --scenario-name $$scenario $(ARGS)
	done

infra: venv ## Only the tests of running hosts, against those of INVENTORY
	@pytest tests/infra --ansible-inventory=$(INVENTORY) $(ARGS)

probe: venv ## Constant reads and writes through the lab's front door; prints and keeps what visitors notice
	@PYTHONPATH=tests python -m probe $(ARGS)

bench: venv ## The app beside the slow one and a hand-written peer, on hosts of its own: every claim
	@command -v wrk >/dev/null || lab/bootstrap wrk
	PYTHONPATH=tests python -m load $(ARGS)

capacity: venv ## How many hosts serve USERS=10000, from what was measured; ARGS='--pause 10 --cores 4'
	@PYTHONPATH=tests python -m load.capacity $(if $(USERS),$(USERS),$(error say how many: make capacity USERS=10000)) $(ARGS)

bench-check: venv ## That the benchmark works, from the slow app to the report; nothing is concluded
	@PYTHONPATH=tests python -m load --short

browser-test: venv ## A real browser (Debian's chromium) in the lab's admin; leaves pictures in reports/
	@pytest tests/browser $(ARGS)

##@ The workshop
.PHONY: secrets venv lock docs bootstrap help
bootstrap: ## Install the system packages (root or sudo)
	@lab/bootstrap

venv: $(VENV) ## Make the Python environment from the lock
$(VENV):
	@lab/bootstrap
	echo 'Making .venv from requirements.txt' >&2
	/usr/bin/env python3 -m venv --clear .venv
	.venv/bin/pip install -q --disable-pip-version-check --no-compile --require-hashes -r requirements.txt
	touch $@

lock: venv ## Resolve all requirements.in anew
	@compile=(uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock')
	"$${compile[@]}" --universal --python-version 3.11 $(ARGS) requirements.in -o requirements.txt
	compile+=(--python-version 3.13 --python-platform x86_64-manylinux_2_28 $(ARGS))
	"$${compile[@]}" --constraint requirements.txt app/requirements.in -o app/requirements.txt
	for project in tests/second_app tests/load/peer; do
	  "$${compile[@]}" --constraint app/requirements.txt $$project/requirements.in -o $$project/requirements.txt
	done

docs: venv ## Write docs/variables.md from the roles' argument_specs
	@python docs/variables.py

help: ## This list
	@awk 'BEGIN {FS = ":.*## "}
	  /^##@/ {printf "\n%s\n", substr($$0, 5)}
	  /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
