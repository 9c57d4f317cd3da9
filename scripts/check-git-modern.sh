#!/bin/sh
# Build git with this library in place of its folder reftable/, and run git's own
# tests on it.
#
# usage: check-git-modern.sh [-v GIT_VERSION] [-c] [TEST...]
#
#   -v GIT_VERSION  the release of git: 2.47, 2.53, 2.55 (which is the default), or
#                   master
#   -c              the same with git's C library, to compare
#   TEST            names of test scripts, or the beginnings of names, as t0610 or
#                   t14, or ranges, as t5516..t8999; "all" are t0000 to t8999.
#                   Without any, those that concern the storage of refs.
#
# With this library, those of git's unit tests are run too that can be linked with it
# (check-git-units.sh), from git 2.52 on.
#
# The source comes from Debian's archive, by a private apt configuration, unless
# GIT_SOURCE is a pristine source tree. Prints for each script how many tests
# passed, failed and were skipped, and the sums at the end. The result is 0 if
# nothing failed, and 77 if the source could not be had.
#
# Environment:
#   GIT_SOURCE    a source tree of that release, which stays as it is
#   CACHE         where sources, builds and results are kept (target/git-modern)
#   TEST_ROOT     where the tests have their folders (/dev/shm/… if there is one)
#   JOBS          how many things to do at once (2)
#   HASH          sha1 (the default) or sha256: hash of the tests' repositories
#   DEB_URI       Debian's archive (that from which the machine has its packages)
set -eu

TESTS="t0600 t0601 t0602 t0610 t0611 t0612 t0613 t0614 t14 t3200"

say () { printf 'check-git-modern: %s\n' "$*"; }
die () { printf 'check-git-modern: %s\n' "$*" >&2; exit 1; }
no_source () { printf 'check-git-modern: %s\n' "$*" >&2; exit 77; }

version=2.55
with=ours
while getopts v:c option; do
	case $option in
	v) version=$OPTARG ;;
	c) with=c ;;
	*) die "usage: check-git-modern.sh [-v GIT_VERSION] [-c] [TEST...]" ;;
	esac
done
shift $((OPTIND - 1))
tests=${*:-$TESTS}

case $version in
2.55) package="git=1:2.55.0-1" suite=sid ;;
2.47) package="git=1:2.47.3-0+deb13u1" suite=trixie ;;
master) package="git=1:2.55.0+next.20260731-1" suite=experimental ;;
2.53) package= suite= ;;
*) die "no source package known for git $version" ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
CACHE=${CACHE:-$root/target/git-modern}
JOBS=${JOBS:-2}
mkdir -p "$CACHE/$version"
CACHE=$(cd "$CACHE" && pwd)
home=$CACHE/$version
# Short, for gpg-agent has sockets below it: with a longer path, tests of signatures are left out.
if [ -z "${TEST_ROOT-}" ] && [ -d /dev/shm ]; then
	TEST_ROOT=/dev/shm/git-$$
fi

# The caller may itself be run by make, cargo or a git hook.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES || :
for variable in $(env | sed -n 's/^\(GIT_[A-Z0-9_]*\)=.*/\1/p'); do
	[ "$variable" = GIT_SOURCE ] || unset "$variable"
done
LC_ALL=C
export LC_ALL

# --- the source -------------------------------------------------------------

[ -f "$home/src/GIT-VERSION-GEN" ] || {
	[ -n "$package${GIT_SOURCE-}" ] || no_source "Debian has no source of git $version any more; give GIT_SOURCE"
	say "getting git $version"
	rm -rf "$home/src"
	"$root/scripts/git-source.sh" "$package" "$suite" "$home/src" || exit
}

# --- the programs -----------------------------------------------------------

# The object is a prerequisite of the programs: git's rules link every object
# among the prerequisites, and objects come before archives.
write_config () {
	printf '%s\n' "NO_CURL = 1" "NO_EXPAT = 1" "NO_GETTEXT = 1" "NO_TCLTK = 1" \
		"NO_PYTHON = 1" "NO_INSTALL_HARDLINKS = 1" "CFLAGS = -O1 -g"
	# git has Rust code of its own since 2.52, by default since 2.54, and tests that want it. Ours is
	# linked beside it.
	[ "$with" = c ] || printf '%s\n' \
		"git scalar git-daemon git-http-backend git-shell git-imap-send git-sh-i18n--envsubst t/helper/test-tool: $object"
}

object=$home/reftable.o
[ "$with" = c ] || "$root/scripts/git-archive.sh" -v "$version" "$object" >/dev/null
write_config >"$home/config.new"
cmp -s "$home/config.new" "$home/src/config.mak" || {
	cp "$home/config.new" "$home/src/config.mak"
	# make does not look at which objects a program was linked from.
	rm -f "$home/src/git" "$home/src/t/helper/test-tool"
}
say "building git $version"
make -C "$home/src" -j"$JOBS" all >"$home/build-$with.log" 2>&1 || {
	grep -nE 'error|undefined|multiple definition|\*\*\*' "$home/build-$with.log" | head -n 40 >&2
	die "make failed, see $home/build-$with.log"
}

# Which library is linked: Rust's names are in the symbol table, or C's are. Two
# objects of the C library have but one function that programs use, and would be
# taken instead of a missing one of ours without a word from the linker.
for program in git t/helper/test-tool; do
	nm "$home/src/$program" >"$home/names"
	rust=$(grep -c '8reftable5stack' "$home/names" || :)
	c=$(grep -cE ' [tT] (reftable_writer_new|stack_uptodate|table_has_valid_name|writer_flush_block)$' "$home/names" || :)
	case $with in
	ours) [ "$rust" -gt 0 ] && ! grep -qE ' [tT] (stack_uptodate|table_has_valid_name|writer_flush_block)$' "$home/names" ||
		die "$program is not linked with this library" ;;
	c) [ "$rust" -eq 0 ] && [ "$c" -gt 0 ] || die "$program is not linked with git's library" ;;
	esac
done
say "$("$home/src/git" --version), reftable: $with ($rust names of ours in test-tool)"

units=0
[ "$with" = c ] || [ "$version" = 2.47 ] ||
	"$root/scripts/check-git-units.sh" "$home/src" "$object" "$home" || units=1

# --- the tests --------------------------------------------------------------

results=$home/results-$with${HASH:+-$HASH}
mkdir -p "$results"
cd "$home/src/t"
scripts=
for name in $tests; do
	case $name in
	all) name=t0000..t8999 ;;
	esac
	case $name in
	*..*) from=${name%..*} to=${name#*..} name=t ;;
	*) from=t0000 to=t9999 ;;
	esac
	for file in "$name"*.sh; do
		case $file in
		t[0-9][0-9][0-9][0-9]-*) ;;
		*) continue ;;
		esac
		number=${file%%-*}
		[ "${number#t}" -ge "${from#t}" ] && [ "${number#t}" -le "${to#t}" ] && [ -f "$file" ] &&
			scripts="$scripts $file"
	done
done
[ -n "$scripts" ] || die "no such tests: $tests"

GIT_TEST_DEFAULT_REF_FORMAT=reftable
export GIT_TEST_DEFAULT_REF_FORMAT
[ -z "${HASH-}" ] || { GIT_TEST_DEFAULT_HASH=$HASH; export GIT_TEST_DEFAULT_HASH; }
options=${TEST_ROOT:+--root=$TEST_ROOT}
mkdir -p ${TEST_ROOT:+"$TEST_ROOT"}
run='timeout 900 "./$1" $2 >"$3/$1.tap" 2>/dev/null </dev/null; echo $? >"$3/$1.rc"'
# shellcheck disable=SC2016 # the shell that xargs starts has the arguments
printf '%s\n' $scripts | xargs -P "$JOBS" -I{} sh -c "$run" - {} "$options" "$results"
[ -z "${TEST_ROOT-}" ] || rm -rf "$TEST_ROOT"

failed=0
total=/dev/null
for script in $scripts; do
	awk -v script="$script" -v rc="$(cat "$results/$script.rc")" '
		/^ok .*# skip/ { skipped++; next }
		/^not ok .*# TODO/ { known++; next }
		/^ok/ { ok++ }
		/^not ok/ { bad++; names = names "\n    " $0 }
		/^1\.\.0 # SKIP/ { whole = 1 }
		END {
			printf "%-46s %5d ok %3d failed %3d skipped %3d known", script, ok, bad, skipped, known
			if (whole) printf "  (not run here)"
			if (rc != 0 && !bad) printf "  exit code %d", rc
			print names
		}' "$results/$script.tap"
	[ "$(cat "$results/$script.rc")" = 0 ] || failed=$((failed + 1))
done | tee "$results/summary"
awk '/ ok .* failed / { ok += $2; bad += $4; skipped += $6; known += $8; scripts++ }
	END { printf "%d scripts: %d ok, %d failed, %d skipped, %d known breakages\n", scripts, ok, bad, skipped, known }' \
	"$results/summary"
# A pipeline's last part is a process of its own, so the codes are asked again.
for script in $scripts; do
	[ "$(cat "$results/$script.rc")" = 0 ] || exit 1
done
exit $units
