#!/bin/sh
# Compare what git's test scripts said in two runs of check-git-modern.sh, by script.
#
# usage: compare-git-tests.sh RESULTS RESULTS
#
#   RESULTS  a folder results-… of that script: first that with this library, then that
#            with the C library
#
# Prints the sums of each run over the scripts that both have run, and every test whose
# result differs. The result is 0 if no test fails in the first run that passes in the
# second.
set -eu

die () { printf 'compare-git-tests: %s\n' "$*" >&2; exit 2; }

[ $# -eq 2 ] && [ -d "$1" ] && [ -d "$2" ] || die "usage: compare-git-tests.sh RESULTS RESULTS"

# One line for each test: its script, number and name, and how it went.
outcomes () {
	for file in "$1"/*.tap; do
		script=${file##*/}
		[ -f "$file" ] && [ -f "$2/$script" ] || continue
		awk -v script="${script%.tap}" '
			/^ok .*# skip/ { print script "\t" name($0) "\tskipped"; next }
			/^not ok .*# TODO/ { print script "\t" name($0) "\tknown"; next }
			/^ok/ { print script "\t" name($0) "\tok"; next }
			/^not ok/ { print script "\t" name($0) "\tfailed"; next }
			/^1\.\.0 # SKIP/ { print script "\t(whole)\tskipped" }
			function name(line) {
				sub(/^(not )?ok /, "", line)
				sub(/ # (skip|TODO).*/, "", line)
				return line
			}' "$file"
	done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
outcomes "$1" "$2" >"$work/first"
outcomes "$2" "$1" >"$work/second"
[ -s "$work/first" ] || die "no script has been run in both"

for run in first second; do
	awk -F '\t' -v run=$run '{ scripts[$1]; sum[$3]++ }
		END {
			for (script in scripts) n++
			printf "%s: %d scripts: %d ok, %d failed, %d skipped, %d known breakages\n",
				run, n, sum["ok"], sum["failed"], sum["skipped"], sum["known"]
		}' "$work/$run"
done
awk -F '\t' '
	NR == FNR { second[$1 FS $2] = $3; next }
	{
		was = ($1 FS $2 in second) ? second[$1 FS $2] : "absent"
		delete second[$1 FS $2]
		if (was != $3) printf "%s %s: %s, with the other %s\n", $1, $2, $3, was
		if ($3 == "failed" && was != "failed") worse++
	}
	END {
		for (test in second) {
			split(test, part, FS)
			printf "%s %s: absent, with the other %s\n", part[1], part[2], second[test]
			if (second[test] == "ok") worse++
		}
		exit worse > 0
	}' "$work/second" "$work/first"
