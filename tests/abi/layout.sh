#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The layout of public structures and the values of public constants are those that were released.
#
#	layout.sh INCLUDE-DIRECTORY LAYOUT-PROGRAM LAYOUT.C RECORD
set -euo pipefail

include=$1 program=$2 source=$3 record=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

"$program" >"$work/now"
if [ "$(uname -m)" != x86_64 ]; then
	echo 'SKIP: the record is of x86_64' >&2
	exit 77
fi
diff -u "$record" "$work/now" || {
	echo "programs that were compiled against the release would break; before one, record the change:"
	echo "	build/tests/abi/layout >tests/abi/layout.x86_64.txt"
	failed=1
}

# Everything that is defined in a header is in the program: structures and enumerations by name, constants, and as many
# fields as the compiler knows of (a field that is left out shows in the size, one in a hole would not).
sed 's,//.*,,' "$include"/nvbind/*.h | tr '\n' ' ' | sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/,,g' >"$work/headers"
grep -o '\(struct\|enum\) nvb_[a-z0-9_]* *{' "$work/headers" | tr -d '{' | while read -r kind name; do
	grep -qE "^$kind $name( |\$)" "$work/now" || echo "$kind $name is not in $source"
done | grep . && failed=1
grep -o 'enum nvb_[a-z0-9_]* *{[^}]*}' "$work/headers" | sed 's/^[^{]*{//' | grep -o '\bNVB_[A-Z0-9_]*\b' | sort -u |
	while read -r name; do
		grep -qP "^\t$name " "$work/now" || echo "$name is not in $source"
	done | grep . && failed=1
exit $failed
