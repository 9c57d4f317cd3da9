#!/bin/sh
# Make the object that takes the place of git's folder reftable/.
#
# usage: git-archive.sh [-v GIT_VERSION] OUT
#
#   -v GIT_VERSION  the release whose C API it has: 2.47, 2.53, 2.55 (which is the
#                   default), or master
#   OUT             the object, say target/git/reftable.o; beside it appears an
#                   archive lib….a with the object as its only member
#
# The object exports the functions of that API and nothing else: every other name
# of the library and of Rust's own is local, so it can be linked beside other Rust
# code. Locks, temporary files, syncing, the clock and random numbers are
# imported from git's reftable/system.o.
#
# What unwinds the stack after a panic is in it too, since loading libgcc_s takes a
# tenth of the time of a short command. A git that is linked with -static does not
# list the unwinding tables where that code looks for them: UNWINDER=program leaves
# it out, and the linker takes that of the compiler.
#
# Environment: CARGO (cargo), CARGO_TARGET_DIR (target/git), CC (cc), LD (ld),
# OBJCOPY (objcopy), AR (ar), NM (nm), READELF (readelf), CXXFILT (c++filt), UNWINDER.
set -eu

die () { printf 'git-archive: %s\n' "$*" >&2; exit 1; }

version=2.55
while getopts v: option; do
	case $option in
	v) version=$OPTARG ;;
	*) die "usage: git-archive.sh [-v GIT_VERSION] OUT" ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || die "usage: git-archive.sh [-v GIT_VERSION] OUT"

root=$(cd "$(dirname "$0")/.." && pwd)
case $1 in
/*) out=$1 ;;
*) out=$(pwd)/$1 ;;
esac
case $version in
2.53 | 2.55 | master) symbols=$root/crates/libreftable-git/include/reftable-git.symbols ;;
2.47) symbols=$root/crates/libreftable-git/include/reftable-git-2.47.symbols ;;
*) die "no profile for git $version" ;;
esac
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/git}
REFTABLE_HOST_GLUE=1
REFTABLE_GIT_API=$version
export CARGO_TARGET_DIR REFTABLE_HOST_GLUE REFTABLE_GIT_API

# As one of several crate types a static library would not be optimised as a whole.
(cd "$root" && ${CARGO:-cargo} rustc --release --package libreftable-git --lib --crate-type staticlib)
archive=$CARGO_TARGET_DIR/release/libreftable_git.a
[ -f "$archive" ] || die "cargo made no $archive"

mkdir -p "$(dirname "$out")"
work=$(mktemp -d "${out%/*}/archive.XXXXXX")
trap 'rm -rf "$work"' EXIT

unwinder=-u
[ "${UNWINDER-}" != program ] || unwinder=
"$root/scripts/localise" $unwinder "$archive" "$symbols" "$work/reftable.o"
"$root/scripts/arrange" "$work/reftable.o" "$root/scripts/git-order.txt"

# The exports are checked, since a missing function would be taken from git's own
# objects, and some of those without a word from the linker.
LC_ALL=C
export LC_ALL
${NM:-nm} -g --defined-only "$work/reftable.o" | awk '{ print $3 }' | sort >"$work/exported"
sort "$symbols" | cmp -s - "$work/exported" ||
	die "the exports are not those of $symbols: $(sort "$symbols" | comm -3 - "$work/exported" | tr '\n' ' ')"

mv -f "$work/reftable.o" "$out"
name=${out##*/}
rm -f "${out%/*}/lib${name%.o}.a"
${AR:-ar} crs "${out%/*}/lib${name%.o}.a" "$out"
printf '%s\n' "$out"
