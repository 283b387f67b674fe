#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every guard against hostile containers is there for cases that fail without it: switches each off in the programs of
# tests/hostile/guarded and demands that one of its cases fails.
. "$(dirname "$0")/../integration/lib.sh"
need_root
need cc
[ -x "$NVB_BUILD/tests/hostile/guarded/nvbind-hook" ] || skip "the programs with guards to switch off were not built"
trap - EXIT INT TERM HUP
rm -rf "$T"

here=$(dirname "$0")
failed=0

# The names are in the code; a suite's table says which cases are for which.
named=$(grep -rhoE 'nvb_guard\("[a-z-]+"\)' "$NVB_SOURCE/src" "$NVB_SOURCE/tools" | cut -d'"' -f2 | sort -u) || true
for guard in $named static; do
	suites=$(grep -lE "^\s*hostile ('[^']*'|\"[^\"]*\") '([^']* )?$guard( [^']*)?'" "$here"/*.sh | sed 's,.*/,,; s/[_.].*//' | sort -u) || true
	if [ -z "$suites" ]; then
		echo "not ok - no case is for the guard $guard"
		failed=1
	fi
	for suite in $suites; do
		said=$(bash "$here/run" "$suite" --guard "$guard" 2>&1) || true
		if grep -q '^not ok' <<<"$said"; then
			echo "ok - $suite without $guard: $(grep -c '^not ok' <<<"$said") of $(grep -cE '^(not )?ok' <<<"$said") fail"
		else
			echo "not ok - $suite without $guard: no case fails"
			printf '%s\n' "$said" | tail -n 5
			failed=1
		fi
	done
done
exit "$failed"
