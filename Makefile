# libreftable: build, test, install. GNU make. `make help` lists the targets.
#
# Cargo compiles; this file adds what cargo does not do: an archive that exports nothing but the
# functions of reftable.h, a shared library with a SONAME, C tests under valgrind and a sanitizer,
# and installing. Set V=1 to see the commands.

CARGO ?= cargo
GIT ?= git
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
ZSHDIR ?= $(DATADIR)/zsh/site-functions
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
export CARGO CC

# Where cargo puts its results, and where the finished ones go.
TARGET := $(or $(CARGO_TARGET_DIR),target)
BUILD := build

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# Of cargo. A quick build for trying something out: PROFILE=dev.
PROFILE ?= release
RESULTS := $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))

# Changes only when programs have to be linked again.
SONAME := libreftable.so.0

C_LIBRARY := --package libreftable --lib

SOURCES := Cargo.toml Cargo.lock build.rs $(shell find src crates -path '*/src/*' -name '*.rs') \
	$(wildcard crates/*/Cargo.toml crates/*/build.rs)
C_TESTS := $(wildcard c-tests/*.h c-tests/v16/*.[ch])

# Scripts that build a git on top of this library, for `make check-git`; skipped where they are not.
GIT_V16 ?= ../shared/git-v16
SEED ?= $(firstword $(wildcard $(GIT_V16)/../seed/*.txt))
GIT_SRC ?= -

BASHDIR := $(DATADIR)/bash-completion/completions
FISHDIR := $(DATADIR)/fish/vendor_completions.d

# Nothing is suppressed.
VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite,indirect,possible

# The release of git for `make git-archive` and `make check-git-modern`, and which of its test scripts
# are run, by the beginnings of their names.
GIT_VERSION ?= 2.55
GIT_TESTS ?= t060 t061 t14 t3200

# Seconds for `make stress`, and for each target of `make fuzz`.
STRESS_SECONDS ?= 600
# Random damages to stacks that are repaired, for `make stress`.
REPAIR_ROUNDS ?= 2000
FUZZ_SECONDS ?= 600

# For `make bench`: refs in the large table, and rounds. Figures are published for 1000000 refs.
BENCH_REFS ?= 100000
BENCH_ROUNDS ?= 3
# An archive with the C library of 2020, if there is one to compare with.
PEER_V16 ?=
export PEER_V16

Q := $(if $(V),,@)

.PHONY: all help setup demo quick test stress fuzz valgrind asan tsan miri check-targets check-msrv check-deny check-git check-git-suite git-archive \
	check-git-modern headers header-check \
	bench bench-instructions bench-growth bench-git install uninstall dist deb check-install clean

all: $(BUILD)/libreftable.a $(BUILD)/libreftable.so $(BUILD)/reftable header-check

help:
	@echo 'make                  build/libreftable.a, build/libreftable.so and the tool build/reftable'
	@echo 'make demo             write refs from C, let git list them'
	@echo 'make quick            what matters after a change in the core, in less than a minute'
	@echo 'make test             formatting, lints, docs, all tests, exported symbols'
	@echo 'make stress           processes killed at random moments, for STRESS_SECONDS=$(STRESS_SECONDS)'
	@echo 'make fuzz             every fuzz target, for FUZZ_SECONDS=$(FUZZ_SECONDS) each'
	@echo 'make valgrind         the C tests under valgrind'
	@echo 'make asan             the C tests with AddressSanitizer in the library and in them'
	@echo 'make tsan             the tests with threads, with ThreadSanitizer in library and std'
	@echo 'make miri             unit tests under Miri, in both models of borrowing'
	@echo 'make check-targets    for a 32-bit and a big-endian machine: compile; tests of 32 bits'
	@echo 'make check-msrv       compile with the oldest compiler that Cargo.toml promises'
	@echo 'make check-deny       licences and advisories, where cargo-deny is installed'
	@echo 'make check-git        build a git on the library and test it (needs GIT_V16=folder)'
	@echo 'make check-git-suite  part of the test suite of that git, compared with a list of results'
	@echo 'make git-archive      an object in place of the folder reftable/ of git GIT_VERSION=$(GIT_VERSION)'
	@echo 'make check-git-modern build that git with it, and run its tests of refs (GIT_TESTS)'
	@echo 'make bench            workloads against git 2.55, interleaved (BENCH_REFS=$(BENCH_REFS) BENCH_ROUNDS=$(BENCH_ROUNDS))'
	@echo 'make bench-instructions  instructions counted and compared with those committed (UPDATE=1 writes them)'
	@echo 'make bench-growth     how cost grows with what is stored, up to BENCH_REFS refs'
	@echo 'make bench-git        git commands, on git with its library and with ours'
	@echo 'make headers          make include/ again from the source'
	@echo 'make header-check     fails if include/ is not what the source says'
	@echo 'make install          below PREFIX=$(PREFIX), inside DESTDIR'
	@echo 'make uninstall        removes what install has made'
	@echo 'make check-install    installs in every way into temporary folders, and tries what is there'
	@echo 'make dist             build/libreftable-$(VERSION).tar.gz and .tar.xz, from the last commit'
	@echo 'make deb              Debian packages in build/deb, from the same'
	@echo 'make clean'

# Installs what is missing if it can, else says what is missing.
setup:
	$(Q)scripts/setup

# Both come from one compilation. Cargo.toml does not list the shared library, or each build for a test
# would make one. The archive has one relocatable object: two Rust libraries in one program would
# otherwise clash.
$(BUILD)/libreftable.a $(BUILD)/libreftable.so &: $(SOURCES) include/reftable.h \
		include/reftable.symbols scripts/localise | setup
	$(Q)$(CARGO) rustc -q --profile $(PROFILE) $(C_LIBRARY) --crate-type staticlib,cdylib \
		--target-dir $(TARGET) -- -C link-arg=-Wl,-soname,$(SONAME)
	$(Q)mkdir -p $(BUILD)
	$(Q)objcopy --strip-debug $(RESULTS)/libreftable.so $(BUILD)/libreftable.so
	$(Q)ln -sf libreftable.so $(BUILD)/$(SONAME)
	$(Q)scripts/localise $(RESULTS)/libreftable.a include/reftable.symbols $(BUILD)/libreftable.a
	@for file in libreftable.a libreftable.so; do \
		echo "$(BUILD)/$$file: $$(wc -c <$(BUILD)/$$file) bytes, version $(VERSION)"; done

# Cargo makes them, should they be missing.
include/reftable.h include/reftable.symbols: ;

# The tool, and what it says about itself: man pages and completions.
$(BUILD)/reftable: $(SOURCES) | setup
	$(Q)$(CARGO) build -q --profile $(PROFILE) --package reftable-cli --target-dir $(TARGET)
	$(Q)mkdir -p $(BUILD)/man $(BUILD)/completions
	$(Q)cp $(RESULTS)/reftable $@
	$(Q)$@ generate man $(BUILD)/man
	$(Q)$@ generate completions $(BUILD)/completions
	@echo "$@: $$(wc -c <$@) bytes, with man pages and completions"

$(BUILD)/refs: examples/c/refs.c include/reftable.h $(BUILD)/libreftable.a
	$(Q)$(CC) -std=c99 -Wall -Wextra -O2 -g -Iinclude $< $(BUILD)/libreftable.a -o $@

demo: $(BUILD)/refs
	$(Q)GIT=$(GIT) scripts/demo $(BUILD)/refs

test: $(BUILD)/libreftable.a $(BUILD)/libreftable.so
	$(Q)scripts/test $(BUILD)

# After a change in the core: formatting, and the tests of it that take little.
quick: | setup
	$(Q)$(CARGO) fmt --check
	$(Q)$(CARGO) test -q --target-dir $(TARGET) --package reftable --lib \
		--test tables --test damage --test stack --test repository
	@echo 'quick: ok; make test runs all'

stress: | setup
	$(Q)GIT='$(GIT)' STRESS_SECONDS=$(STRESS_SECONDS) $(CARGO) test -q --target-dir $(TARGET) \
		--package reftable --test processes -- --nocapture nothing_acknowledged
	$(Q)REPAIR_ROUNDS=$(REPAIR_ROUNDS) $(CARGO) test -q --target-dir $(TARGET) \
		--package reftable --test oracle -- --nocapture

fuzz: | setup
	$(Q)fuzz/run $(FUZZ_SECONDS)

valgrind: $(BUILD)/libreftable.a $(C_TESTS)
	$(Q)command -v valgrind >/dev/null || { echo 'valgrind: not installed' >&2; exit 1; }
	$(Q)RUNNER='$(VALGRIND)' scripts/c-tests $(BUILD)/libreftable.a $(BUILD)/c-tests-valgrind

asan: $(C_TESTS) | setup
	$(Q)scripts/asan $(BUILD)/asan

tsan: $(C_TESTS) | setup
	$(Q)scripts/tsan $(BUILD)/tsan

miri:
	$(Q)scripts/miri

check-targets: | setup
	$(Q)scripts/check-targets $(BUILD)/targets

# The compiler that Cargo.toml promises; licences and advisories of what comes with the packages.
check-msrv: | setup
	$(Q)scripts/check-msrv $(BUILD)/msrv

check-deny: | setup
	$(Q)if command -v cargo-deny >/dev/null; then cargo-deny check; \
	else echo 'check-deny: SKIPPED: cargo-deny is not installed'; fi

check-git: $(BUILD)/libreftable.a
	$(Q)GIT_V16='$(GIT_V16)' SEED='$(SEED)' GIT_SRC='$(GIT_SRC)' scripts/check-git $(BUILD)

check-git-suite: $(BUILD)/libreftable.a
	$(Q)GIT_V16='$(GIT_V16)' SEED='$(SEED)' GIT_SRC='$(GIT_SRC)' scripts/check-git $(BUILD) suite

git-archive: | setup
	$(Q)mkdir -p $(BUILD)/git-$(GIT_VERSION)
	$(Q)scripts/git-archive -v $(GIT_VERSION) $(BUILD)/git-$(GIT_VERSION)/reftable.o

# Releases leave the distribution's archive in time; then there is nothing to check.
check-git-modern: | setup
	$(Q)scripts/check-git-modern -v $(GIT_VERSION) $(GIT_TESTS) || { \
		[ $$? = 77 ] && echo 'check-git-modern: SKIPPED: no source of git $(GIT_VERSION)'; }

bench: $(BUILD)/libreftable.a
	$(Q)benches/build $(BUILD)/bench
	$(Q)benches/compare -n $(BENCH_REFS) -r $(BENCH_ROUNDS) $(BUILD)/bench
	$(Q)benches/chart $(BUILD)/bench/results.tsv >$(BUILD)/bench/performance.svg
	$(Q)benches/table $(BUILD)/bench/results.tsv

bench-instructions: | setup
	$(Q)benches/build -n $(BUILD)/bench
	$(Q)benches/instructions $(if $(UPDATE),-u) $(BUILD)/bench/native

bench-growth: | setup
	$(Q)benches/build -n $(BUILD)/bench
	$(Q)benches/growth -n $(BENCH_REFS) $(BUILD)/bench

bench-git: $(BUILD)/libreftable.a
	$(Q)benches/build -g $(BUILD)/bench
	$(Q)benches/whole-git -n $(BENCH_REFS) -r $(BENCH_ROUNDS) $(BUILD)/bench

# A build only compares; this writes.
headers: | setup
	$(Q)REFTABLE_WRITE_HEADERS=1 $(CARGO) build -q --target-dir $(TARGET) \
		--package libreftable --package libreftable-git

# What a build has generated is in its own folder.
header-check: | setup
	$(Q)CARGO='$(CARGO)' scripts/header-check $(TARGET)

install: $(BUILD)/libreftable.a $(BUILD)/libreftable.so $(BUILD)/reftable
	$(Q)install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1' \
		'$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' '$(DESTDIR)$(FISHDIR)'
	$(Q)install -m 755 $(BUILD)/reftable '$(DESTDIR)$(BINDIR)/'
	$(Q)install -m 644 $(BUILD)/man/*.1 '$(DESTDIR)$(MANDIR)/man1/'
	$(Q)install -m 644 $(BUILD)/completions/reftable.bash '$(DESTDIR)$(BASHDIR)/reftable'
	$(Q)install -m 644 $(BUILD)/completions/_reftable '$(DESTDIR)$(ZSHDIR)/'
	$(Q)install -m 644 $(BUILD)/completions/reftable.fish '$(DESTDIR)$(FISHDIR)/'
	$(Q)install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)'
	$(Q)install -m 644 include/reftable.h '$(DESTDIR)$(INCLUDEDIR)/'
	$(Q)install -m 644 $(BUILD)/libreftable.a '$(DESTDIR)$(LIBDIR)/'
	$(Q)install -m 755 $(BUILD)/libreftable.so '$(DESTDIR)$(LIBDIR)/libreftable.so.$(VERSION)'
	$(Q)ln -sf libreftable.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	$(Q)ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/libreftable.so'
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		scripts/reftable.pc.in >'$(DESTDIR)$(LIBDIR)/pkgconfig/reftable.pc'

uninstall:
	$(Q)rm -f '$(DESTDIR)$(BINDIR)/reftable' '$(DESTDIR)$(MANDIR)/man1/reftable.1' \
		'$(DESTDIR)$(MANDIR)'/man1/reftable-*.1 \
		'$(DESTDIR)$(BASHDIR)/reftable' \
		'$(DESTDIR)$(ZSHDIR)/_reftable' \
		'$(DESTDIR)$(FISHDIR)/reftable.fish'
	$(Q)rm -f '$(DESTDIR)$(INCLUDEDIR)/reftable.h' '$(DESTDIR)$(LIBDIR)/libreftable.a' \
		'$(DESTDIR)$(LIBDIR)/libreftable.so.$(VERSION)' '$(DESTDIR)$(LIBDIR)/$(SONAME)' \
		'$(DESTDIR)$(LIBDIR)/libreftable.so' '$(DESTDIR)$(LIBDIR)/pkgconfig/reftable.pc'

dist:
	$(Q)GIT='$(GIT)' scripts/dist $(VERSION) $(BUILD)

# Where dpkg or debhelper is missing, it says so and ends well.
deb: dist
	$(Q)GIT='$(GIT)' scripts/deb $(VERSION) $(BUILD)/libreftable-$(VERSION).tar.gz $(BUILD)/deb || [ $$? = 77 ]

check-install: all dist
	$(Q)GIT='$(GIT)' MAKE='$(MAKE)' scripts/check-install $(BUILD) $(VERSION)

clean:
	$(Q)$(CARGO) clean -q --target-dir $(TARGET)
	$(Q)rm -rf $(BUILD)
