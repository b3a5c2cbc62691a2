# Two commands are enough: `make book` and `make test`. Both set up what they need, once; the work is done by `alliance`.
.DEFAULT_GOAL := book
.PHONY: book test check lock clean

# An active conda environment made from environment.yml is used as it is; otherwise .venv.
ifeq ($(CONDA_DEFAULT_ENV),russia-china-alliance-2024)
RUN := python
SETUP := @:
else
RUN := .venv/bin/python
SETUP := @tools/setup.sh
endif

book:
	$(SETUP) book
	@$(RUN) -m alliance build

test:
	$(SETUP) test
	@$(RUN) -m pytest

check:
	$(SETUP) book
	@$(RUN) -m alliance check

# For maintainers, after a change of versions in pyproject.toml; needs uv.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
lock:
	$(COMPILE) -o requirements.lock
	$(COMPILE) --extra test -c requirements.lock -o tests/requirements.lock

clean:
	rm -rf _build .venv
