#!/bin/sh
# Run git's own unit tests of reftables on this library, as far as they look into nothing
# but what the API shows.
#
# usage: check-git-units.sh SOURCE OBJECT WORK
#
#   SOURCE  a source tree of git 2.52 or later in which everything is built, its program
#           for unit tests included
#   OBJECT  the object that git-archive.sh made for that release
#   WORK    a folder for the program
#
# The tests' own objects are linked once more, with OBJECT before git's library, so that
# the functions of the API are ours, and helpers without a state, as for buffers and lists
# of names, are git's. Prints what the tests print. The result is 0 if all passed.
#
# Environment: CC (cc).
set -eu

die () { printf 'check-git-units: %s\n' "$*" >&2; exit 1; }

[ $# -eq 3 ] || die "usage: check-git-units.sh SOURCE OBJECT WORK"
source=$(cd "$1" && pwd)
object=$2
work=$3
root=$(cd "$(dirname "$0")/.." && pwd)
units=$source/t/unit-tests

# All tests of these suites run, but for those whose reasons are in docs/git-compat.md.
SUITES="merged readwrite stack table"
cat >"$work/left-out" <<'END'
reftable_readwrite::log_write_limits
reftable_readwrite::write_object_id_length
reftable_stack::add
reftable_stack::add_one
reftable_stack::add_performs_auto_compaction
reftable_stack::auto_compaction
reftable_stack::auto_compaction_factor
reftable_stack::auto_compaction_fails_gracefully
reftable_stack::auto_compaction_with_locked_tables
reftable_stack::compaction_concurrent
reftable_stack::compaction_concurrent_clean
reftable_stack::compaction_with_locked_tables
reftable_stack::read_across_reload
reftable_stack::read_file
reftable_stack::reload_with_missing_table
reftable_stack::suggest_compaction_segment
reftable_stack::suggest_compaction_segment_nothing
reftable_stack::transaction_api_performs_auto_compaction
reftable_table::block_iterator
reftable_table::seek_invalid_log_offset
END

${CC:-cc} -g -O1 -I"$source" -I"$source/reftable" -c "$root/c-tests/git-unit/inside.c" \
	-o "$work/inside.o"
# git's Rust code, if it was built with any.
rust=
for archive in "$source"/target/*/libgitcore.a; do
	[ ! -f "$archive" ] || rust=$archive
done
# shellcheck disable=SC2086 # a path or nothing
${CC:-cc} -o "$work/unit-tests" "$units"/u-*.o "$units"/lib-*.o "$units/unit-test.o" \
	"$units/clar/clar.o" "$work/inside.o" "$object" "$source/common-main.o" "$source/libgit.a" $rust \
	-Wl,--allow-multiple-definition -Wl,--trace-symbol=reftable_stack_add -lz -lpthread -lrt \
	>"$work/unit-tests.link" 2>&1 || { cat "$work/unit-tests.link" >&2; die "the tests do not link"; }
# The first definition is the one that counts.
case $(grep 'definition of' "$work/unit-tests.link" | head -n 1) in
*"$object: definition of "*) ;;
*) die "not linked with $object" ;;
esac

for suite in $SUITES; do
	sed -n "s/^void test_\(reftable_${suite}\)__\([a-z0-9_]*\)(void)$/\1::\2/p" \
		"$units/u-reftable-$suite.c"
done | grep -vxF -f "$work/left-out" >"$work/chosen" || die "no such tests in $units"

cd "$work"
# A name that ends so is meant exactly.
# shellcheck disable=SC2046 # one word for each test
set -- $(sed 's/.*/-r &$/' "$work/chosen")
TMPDIR=$work ./unit-tests "$@" >"$work/unit-tests.tap" || { grep -A8 '^not ok' "$work/unit-tests.tap"; exit 1; }
passed=$(grep -c '^ok' "$work/unit-tests.tap" || :)
[ "$passed" -gt 0 ] && [ "$passed" -eq "$(wc -l <"$work/chosen")" ] ||
	die "$passed of $(wc -l <"$work/chosen") unit tests ran"
printf 'unit tests: %d ok\n' "$passed"
