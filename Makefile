# megatron-preflight
#
#   make            build/megatron-preflight and build/libexec/megatron-preflight-mpi
#   make check      every test; DEVELOPER=1 adds warnings as errors, SANITIZE=address,undefined a sanitizer
#   make deps       install what building needs (Debian packages; as root); deps-check what the tests need
#   make install    into $(DESTDIR)$(prefix); uninstall takes it out again; install-slurm adds Slurm's hooks
#   make help       the other targets
#
# Knobs: CC, CFLAGS, prefix, sysconfdir (compiled in), DESTDIR, DEVELOPER=1, SANITIZE=address,undefined, V=1

CC = gcc
CFLAGS = -O2 -g
APT_INSTALL = DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends
prefix = /usr/local
PYTHON = /usr/bin/python3
bindir = $(prefix)/bin
libdir = $(prefix)/lib
includedir = $(prefix)/include
libexecdir = $(prefix)/libexec/megatron-preflight
mandir = $(prefix)/share/man
docdir = $(prefix)/share/doc/megatron-preflight
# The site's policy. Compiled in: what users could set would bind none of them.
sysconfdir = /etc

VERSION = 0.1.0
RELEASED = 2026-11-21
Q = $(if $(V),,@)
B = build

WARNINGS = -Wall -Wextra
ifdef DEVELOPER
WARNINGS += -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
            -Wformat=2 -Wpointer-arith -Wundef -Wvla
endif
ifdef SANITIZE
SANITIZER = -fsanitize=$(SANITIZE) -fno-omit-frame-pointer
endif

# -fwrapv: sizes on a command line can be absurd; their products must not be undefined.
ALL_CFLAGS = -std=c11 -fwrapv -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(SANITIZER) -Iinclude -Isrc -I$(B)/gen \
             -DVERSION='"$(VERSION)"' -DSYSCONFDIR='"$(sysconfdir)"' -DRELEASED='"$(RELEASED)"' -MMD -MP
# libyaml and jansson are linked statically: the binary must start in images that lack them.
STATIC_LIBS = -Wl,-Bstatic $(shell pkg-config --libs yaml-0.1 jansson) -Wl,-Bdynamic
# libc first: what it has itself (ldexp, dlopen) must not bring in another library.
LIBS = $(STATIC_LIBS) -Wl,--as-needed -lc -lm -ldl

RELEASES = 0.8.0 0.9.0 0.10.0 0.11.0 0.12.0 0.13.0 0.14.0 0.15.0 0.16.0 0.17.0 0.18.2 0.19.0 main
TABLES = $(RELEASES:%=configs/megatron/options/%.tsv) configs/megatron/derived.tsv \
         configs/megatron/scripts.tsv configs/megatron/trees.tsv configs/megatron/places.tsv

MAN_PAGES = megatron-preflight.1 megatron-preflight-policy.5 megatron-preflight-rules.7

MAN_SOURCES = $(wildcard src/cli/man_page*.c)
PROGRAMS = src/main.c src/cluster/mpi_helper.c $(MAN_SOURCES)
SOURCES = $(filter-out $(PROGRAMS),$(wildcard src/*/*.c src/*.c))
OBJECTS = $(SOURCES:src/%.c=$(B)/obj/%.o) $(B)/obj/gen/megatron_tables.o $(B)/obj/gen/gpu_table.o \
          $(B)/obj/gen/rule_examples.o $(B)/obj/gen/preamble.o $(B)/obj/gen/presets.o
GENERATED = $(B)/gen/job_fields.h $(B)/gen/megatron_tables.c $(B)/gen/gpu_table.c \
            $(B)/gen/rule_examples.c $(B)/gen/preamble.c $(B)/gen/presets.c

UNIT_SOURCES = $(wildcard tests/unit/*.c)
UNIT_TESTS = $(UNIT_SOURCES:tests/unit/%.c=$(B)/tests/unit/%)

all: $(B)/megatron-preflight $(B)/libexec/megatron-preflight-mpi $(MAN_PAGES:%=$(B)/%)

$(B)/megatron-preflight: $(B)/obj/main.o $(B)/libmegatron-preflight.a
	$(Q)$(CC) $(CFLAGS) $(SANITIZER) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libmegatron-preflight.a: $(OBJECTS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/libexec/megatron-preflight-mpi: src/cluster/mpi_helper.c
	$(Q)mkdir -p $(@D) $(B)/obj
	$(Q)$(CC) $(ALL_CFLAGS) -MF $(B)/obj/mpi_helper.d -MT $@ $(shell pkg-config --cflags ompi-c) $(LDFLAGS) -o $@ $< \
	    $(shell pkg-config --libs ompi-c) -rdynamic -lpthread -ldl

$(B)/man_page: $(MAN_SOURCES:src/%.c=$(B)/obj/%.o) $(B)/libmegatron-preflight.a
	$(Q)$(CC) $(CFLAGS) $(SANITIZER) $(LDFLAGS) -o $@ $^ $(LIBS)

$(MAN_PAGES:%=$(B)/%): $(B)/man_page
	$(Q)$< $(@F) > $@

$(B)/obj/%.o: src/%.c | $(GENERATED)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/obj/gen/%.o: $(B)/gen/%.c | $(GENERATED)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/gen/job_fields.h $(B)/gen/megatron_tables.c &: src/megatron/tables.awk $(TABLES)
	$(Q)mkdir -p $(B)/gen
	$(Q)awk -v out=$(B)/gen -f src/megatron/tables.awk $(TABLES)

PRESETS = $(shell ls -v configs/deepseek/deepseek_v3_*.json configs/models/*.json) \
          configs/models/gpt-2021.tsv

$(B)/gen/presets.c: src/config/presets.awk $(PRESETS)
	$(Q)mkdir -p $(B)/gen
	$(Q)awk -F '\t' -f src/config/presets.awk $(PRESETS) > $@

$(B)/gen/gpu_table.c: src/facts/gpus.awk configs/gpus/gpus.tsv
	$(Q)mkdir -p $(B)/gen
	$(Q)awk -f src/facts/gpus.awk configs/gpus/gpus.tsv > $@

$(B)/gen/rule_examples.c: src/rules/examples.awk tests/cases tests/cases/BASE $(wildcard tests/cases/*.case)
	$(Q)mkdir -p $(B)/gen
	$(Q)awk -v base="$$(cat tests/cases/BASE)" -f src/rules/examples.awk tests/cases/*.case > $@

$(B)/gen/preamble.c: src/expand/preamble.sh
	$(Q)mkdir -p $(B)/gen
	$(Q)(echo '#include "expand/preamble.h"'; echo 'const char expand_preamble[] ='; \
	    sed 's/[\\"]/\\&/g; s/.*/    "&\\n"/' $<; echo ';') > $@

$(B)/tests/unit/%: tests/unit/%.c $(B)/libmegatron-preflight.a
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests -o $@ $< $(B)/libmegatron-preflight.a \
	    $(shell pkg-config --cflags --libs cmocka) $(LIBS)

$(B)/tests/accuracy/%: tests/accuracy/%.c $(B)/libmegatron-preflight.a
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests -o $@ $< $(B)/libmegatron-preflight.a $(LIBS)

# What is estimated against what Megatron really built and measured.
accuracy: accuracy-parameters accuracy-memory

accuracy-parameters: $(B)/tests/accuracy/parameters
	$(Q)xz -dc tests/data/parameters.jsonl.xz | $< 100

# measured: recorded by real runs; step: Megatron's own training step, every storage counted. V=1 prints
# every rank. Step's batches came from a generator, which keeps the last one's attention mask: 'allocated'
# of jobs without tensor parallelism is b s^2 / cp bytes less with a real loader (see measured).
accuracy-memory: $(B)/tests/accuracy/memory
	$(Q)for set in measured step; do echo "== $$set"; \
	    xz -dc tests/data/$$set.jsonl.xz | $< $(if $(V),-v) || exit 1; done

# The shipped example, once as it is and once with a batch that does not divide and too few stages.
DEMO = PREFIX="$(B)/megatron-preflight check --megatron main --gpu H100-80GB" \
       configs/examples/llama3-70b.sh
demo: all
	@echo '$$ megatron-preflight check --gpu H100-80GB torchrun ... pretrain_gpt.py ...'
	@$(DEMO)
	@echo; echo '$$ the same with --pipeline-model-parallel-size 1'
	@$(DEMO) --pipeline-model-parallel-size 1; test $$? = 1

check: check-unit check-cases check-cli check-sweep check-hooks check-expand check-exec check-mpi check-torchrun

# The program as it is but for the directory of its site's policy, which a variable names: for tests only.
$(B)/tests/site/megatron-preflight: tests/site/site_directory.c $(B)/obj/main.o $(B)/libmegatron-preflight.a
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

check-cli: all $(B)/tests/site/megatron-preflight
	$(Q)BUILD=$(abspath $(B)) $(PYTHON) -m pytest -q -p no:cacheprovider tests/cli tests/golden

# Scripts in the sandbox, nice ones and evil ones.
check-expand: all
	$(Q)BUILD=$(abspath $(B)) $(PYTHON) -m pytest -q -p no:cacheprovider tests/expand

# A repository's launches at once, in every format; each format against its schema.
check-sweep: all
	$(Q)BUILD=$(abspath $(B)) $(PYTHON) -m pytest -q -p no:cacheprovider tests/sweep

# A real pre-commit, the Action's own script, the GitLab job's, the shims.
check-hooks: all
	$(Q)BUILD=$(abspath $(B)) $(PYTHON) -m pytest -q -p no:cacheprovider tests/hooks

check-unit: $(UNIT_TESTS) $(B)/tests/nvml/libnvidia-ml.so.1
	$(Q)set -e; for t in $(sort $(UNIT_TESTS)); do LD_LIBRARY_PATH=$(B)/tests/nvml $$t; done

# The driver's library as far as the tests need it.
$(B)/tests/nvml/libnvidia-ml.so.1: tests/nvml/nvml.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -shared -fPIC $(LDFLAGS) -o $@ $<

# What a job sees of how it was started; what the binary needs to start.
check-exec: all $(B)/tests/exec/state $(B)/tests/mpi/wrapper
	$(Q)BUILD=$(abspath $(B)) tests/exec/run

# Case files: every rule that can be violated and how (tests/cases/run --help).
check-cases: all
	$(Q)$(PYTHON) tests/cases/run --coverage --checker "$(B)/megatron-preflight check --batch -"

# Our verdict against what Megatron's own parser, validator, config and model said; which rules that reaches;
# every fix walked again. AGREEMENT="--fixed FILE" writes the fixed command lines; tests/agreement/agreement
# --help says what else.
AGREEMENT =
agreement: all
	$(Q)$(PYTHON) tests/agreement/agreement --least 99.9 --least-late 99 $(AGREEMENT) \
	    --checker "$(B)/megatron-preflight check --batch -" tests/data/vectors/*.jsonl.xz

# Published launches against main: those that ran go, those that it refuses are stopped by their rule.
launches: all
	$(Q)$(PYTHON) tests/agreement/launches --checker "$(B)/megatron-preflight check --batch -" \
	    tests/data/launches.jsonl.xz

# Agreement under a real mpirun.
check-mpi: all $(B)/tests/mpi/wrapper $(B)/tests/mpi/job $(B)/tests/mpi/crash.so
	$(Q)BUILD=$(abspath $(B)) tests/mpi/run

# In front of a real torchrun, and as its worker.
check-torchrun: all
	$(Q)BUILD=$(abspath $(B)) tests/torchrun/run

# Agreement and hooks under a real Slurm of two nodes, started for the test (as root).
check-slurm: all spank $(B)/tests/mpi/wrapper $(B)/tests/mpi/job
	$(Q)BUILD=$(abspath $(B)) tests/slurm/run
	$(Q)BUILD=$(abspath $(B)) tests/slurm/task-counts
	$(Q)BUILD=$(abspath $(B)) tests/slurm/hooks

# How long things take.
bench: all $(B)/tests/mpi/wrapper $(B)/tests/bench/spawn $(B)/tests/bench/bare $(B)/tests/bench/walk
	$(Q)BUILD=$(abspath $(B)) tests/bench/run

$(B)/tests/bench/spawn: tests/bench/spawn.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $<

$(B)/tests/bench/walk: tests/bench/walk.c $(B)/libmegatron-preflight.a
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(B)/libmegatron-preflight.a $(LIBS)

$(B)/tests/bench/bare: tests/bench/bare.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(shell pkg-config --cflags ompi-c) -o $@ $< $(shell pkg-config --libs ompi-c)

$(B)/tests/exec/state: tests/exec/state.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $<

$(B)/tests/mpi/wrapper: tests/mpi/wrapper.c $(B)/libmegatron-preflight.a
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(B)/libmegatron-preflight.a $(LIBS)

$(B)/tests/mpi/crash.so: tests/mpi/crash.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) -shared -fPIC -o $@ $<

$(B)/tests/mpi/job: tests/mpi/job.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(shell pkg-config --cflags ompi-c) -o $@ $< $(shell pkg-config --libs ompi-c)

# Debian packages: what building and running needs, and what the tests need besides.
deps:
	apt-get update -q
	$(APT_INSTALL) gcc make pkg-config libc6-dev libyaml-dev libjansson-dev libopenmpi-dev openmpi-bin

deps-check:
	apt-get update -q
	$(APT_INSTALL) $$(cat tests/packages.txt)

install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libexecdir)
	install $(B)/megatron-preflight $(DESTDIR)$(bindir)
	install $(B)/libexec/megatron-preflight-mpi $(DESTDIR)$(libexecdir)
	install -d $(DESTDIR)$(libexecdir)/shims
	install hooks/shims/shim $(DESTDIR)$(libexecdir)/shims
	for n in torchrun srun mpirun mpiexec; do ln -sf shim $(DESTDIR)$(libexecdir)/shims/$$n; done
	install -d $(DESTDIR)$(libdir) $(DESTDIR)$(includedir)
	install -m 644 $(B)/libmegatron-preflight.a $(DESTDIR)$(libdir)
	install -m 644 include/megatron_preflight.h $(DESTDIR)$(includedir)
	for page in $(MAN_PAGES); do \
	    install -D -m 644 $(B)/$$page $(DESTDIR)$(mandir)/man$${page##*.}/$$page || exit 1; done
	install -d $(DESTDIR)$(docdir)/policies
	install -m 644 configs/policies/*.yaml $(DESTDIR)$(docdir)/policies

uninstall:
	rm -rf $(DESTDIR)$(docdir)
	rm -f $(DESTDIR)$(bindir)/megatron-preflight
	for page in $(MAN_PAGES); do rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$$page; done
	rm -f $(DESTDIR)$(libdir)/libmegatron-preflight.a $(DESTDIR)$(includedir)/megatron_preflight.h
	rm -rf $(DESTDIR)$(libexecdir)
	rm -f $(DESTDIR)$(libdir)/slurm/megatron-preflight.so

# Slurm's hooks; the SPANK plugin needs libslurm-dev. slurm/README.md says which line of slurm.conf names them.
SLURM_HOOKS = prolog prolog-slurmctld task-prolog
SLURM_SCRIPTS = dispatch.sh cli_filter.lua job_submit.lua

spank: $(B)/slurm/megatron-preflight.so

$(B)/slurm/megatron-preflight.so: slurm/spank.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(SANITIZER) -DBINDIR='"$(bindir)"' \
	    -DSYSCONFDIR='"$(sysconfdir)"' -shared -fPIC $(LDFLAGS) -o $@ $<

install-slurm: install spank
	install -d $(DESTDIR)$(libexecdir)/slurm $(DESTDIR)$(libdir)/slurm
	install $(SLURM_HOOKS:%=slurm/%) $(DESTDIR)$(libexecdir)/slurm
	install -m 644 $(SLURM_SCRIPTS:%=slurm/%) $(DESTDIR)$(libexecdir)/slurm
	cd $(DESTDIR)$(libexecdir)/slurm && sed -i 's#@bindir@#$(bindir)#; s#@libexecdir@#$(libexecdir)#; s#@sysconfdir@#$(sysconfdir)#' \
	    $(SLURM_HOOKS) $(SLURM_SCRIPTS)
	install -m 644 $(B)/slurm/megatron-preflight.so $(DESTDIR)$(libdir)/slurm

dist:
	git archive --prefix=megatron-preflight-$(VERSION)/ HEAD | xz > megatron-preflight-$(VERSION).tar.xz

# Every header compiles alone; cppcheck finds nothing.
lint: $(GENERATED)
	$(Q)find include src -name '*.h' -print0 | xargs -0 -n 1 -P "$$(nproc)" \
	    $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -Iinclude -Isrc -I$(B)/gen -fsyntax-only -x c
	$(Q)cppcheck -q -j "$$(nproc)" --error-exitcode=1 --inline-suppr --std=c11 \
	    --enable=warning,portability --suppress=internalAstError --suppress=missingInclude -Iinclude -Isrc -I$(B)/gen src

# Everything that reads input, FUZZ_SECONDS each (needs clang).
FUZZ_SECONDS = 60
FUZZERS = $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

fuzz: $(FUZZERS:%=fuzz-%)

fuzz-%: tests/fuzz/fuzz_%.c
	$(Q)$(MAKE) -s B=$(B)/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined $(B)/fuzz/libmegatron-preflight.a
	$(Q)clang -I$(B)/fuzz/gen $(ALL_CFLAGS) -MF /dev/null -fsanitize=fuzzer,address,undefined -o $(B)/fuzz/$* $< \
	    $(B)/fuzz/libmegatron-preflight.a $(LIBS)
	$(Q)mkdir -p $(B)/fuzz/corpus-$*
	$(Q)$(B)/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
	    -artifact_prefix=$(B)/fuzz/ $(B)/fuzz/corpus-$* tests/fuzz/seeds/$*

clean:
	rm -rf $(B)

help:
	@sed -n '1,/^$$/p' Makefile

.PHONY: all spank install-slurm demo check-cases check-cli check-exec check-expand check-mpi check-torchrun accuracy-parameters accuracy-memory check check-unit deps deps-check clean help install uninstall dist lint agreement launches accuracy bench fuzz check-slurm
.DELETE_ON_ERROR:

-include $(wildcard $(B)/obj/*.d $(B)/obj/*/*.d $(B)/tests/*/*.d)
