#!/bin/sh
# Unpack the source of a release of git, as Debian has it.
#
# usage: git-source.sh PACKAGE SUITE DIR
#
#   PACKAGE  source package and version, say git=1:2.55.0-1
#   SUITE    the suite that has it, say sid
#   DIR      where the source goes; nothing is done if it is there
#
# Uses an apt configuration of its own, so that neither the machine's settings nor its
# lists are touched. The result is 77 if the source could not be had.
#
# Environment:
#   GIT_SOURCE  a pristine source tree to copy instead
#   DEB_URI     Debian's archive (that from which the machine has its packages)
set -eu

die () { printf 'git-source: %s\n' "$*" >&2; exit 1; }
no_source () { printf 'git-source: %s\n' "$*" >&2; exit 77; }

[ $# -eq 3 ] || die "usage: git-source.sh PACKAGE SUITE DIR"
package=$1 suite=$2
[ -f "$3/GIT-VERSION-GEN" ] && exit 0
mkdir -p "$3"
dir=$(cd "$3" && pwd)
LC_ALL=C
export LC_ALL

if [ -n "${GIT_SOURCE-}" ]; then
	[ -f "$GIT_SOURCE/GIT-VERSION-GEN" ] || die "no source of git: $GIT_SOURCE"
	[ ! -e "$GIT_SOURCE/git.o" ] || die "has been built in: $GIT_SOURCE"
	cp -a "$GIT_SOURCE/." "$dir"
	exit 0
fi

command -v apt-get >/dev/null || no_source "no apt-get; give GIT_SOURCE"
uri=${DEB_URI:-$(apt-get update --print-uris 2>/dev/null |
	sed -n "s/^'\([^']*\/debian\)\/dists\/[^']*\/InRelease'.*/\1/p" | head -n 1)}
[ -n "$uri" ] || no_source "apt has no archive configured; give DEB_URI or GIT_SOURCE"
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts" "$apt/dl"
{
	echo "Types: deb-src"
	echo "URIs: $uri"
	echo "Suites: $suite"
	echo "Components: main"
	for keys in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
		[ -f "$keys" ] && echo "Signed-By: $keys" && break
	done
} >"$apt/parts/source.sources"
set -- -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt/parts" \
	-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt" \
	-o Dir::Cache::Archives="$apt/archives" -o APT::Sandbox::User=root
{
	apt-get "$@" -q update && cd "$apt/dl" && apt-get "$@" -q source --download-only "$package"
} >"$apt/log" 2>&1 || {
	tail -n 5 "$apt/log" >&2
	no_source "could not get $package; give GIT_SOURCE"
}
tar -xf "$(ls "$apt"/dl/*.orig.tar.* | head -n 1)" -C "$dir" --strip-components=1
