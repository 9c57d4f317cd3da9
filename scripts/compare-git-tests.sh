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

# One line for each test: its script and number, how it went, and its name.
outcomes () {
	for file in "$1"/*.tap; do
		script=${file##*/}
		[ -f "$file" ] && [ -f "$2/$script" ] || continue
		awk -v script="${script%.tap}" '
			function outcome(how) {
				number = $0
				sub(/^(not )?ok /, "", number)
				sub(/ .*/, "", number)
				sub(/^(not )?ok [0-9]+( - | # skip )?/, "")
				print script " " number "\t" how "\t" $0
			}
			/^ok .*# skip/ { outcome("skipped"); next }
			/^not ok .*# TODO/ { outcome("known"); next }
			/^ok/ { outcome("ok"); next }
			/^not ok/ { outcome("failed"); next }
			/^1\.\.0 # SKIP/ { print script "\tskipped\tthe whole script" }' "$file"
	done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
outcomes "$1" "$2" >"$work/first"
outcomes "$2" "$1" >"$work/second"
[ -s "$work/first" ] || die "no script has been run in both"

for run in first second; do
	awk -F '\t' -v run=$run '{ split($1, part, " "); scripts[part[1]]; sum[$2]++ }
		END {
			for (script in scripts) n++
			printf "%s: %d scripts: %d ok, %d failed, %d skipped, %d known breakages\n",
				run, n, sum["ok"], sum["failed"], sum["skipped"], sum["known"]
		}' "$work/$run"
done
awk -F '\t' '
	NR == FNR { second[$1] = $2; name[$1] = $3; next }
	{
		was = ($1 in second) ? second[$1] : "absent"
		delete second[$1]
		if (was != $2) printf "%s (%s): %s, in the second run %s\n", $1, $3, $2, was
		if ($2 == "failed" && was != "failed") worse++
	}
	END {
		for (test in second) {
			printf "%s (%s): absent, in the second run %s\n", test, name[test], second[test]
			if (second[test] == "ok") worse++
		}
		exit worse > 0
	}' "$work/second" "$work/first"
