#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Headers, version script and library name the same functions; every header compiles by itself as C11 and C++17.
#
#	exports.sh INCLUDE-DIRECTORY VERSION-SCRIPT LIBRARY
set -euo pipefail

include=$1 map=$2 library=$3
cxx=$(command -v c++ || command -v g++ || command -v clang++ || true)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Declarations span lines: joined, then everything between NVB_API and "(".
cat "$include"/nvbind/*.h | tr '\n\t' '  ' | grep -o 'NVB_API [^;(]*(' | grep -o 'nvb_[a-z0-9_]*($' |
	tr -d '(' | sort >"$work/headers"
sed -n '/global:/,/local:/p' "$map" | grep -o 'nvb_[a-z0-9_]*' | sort >"$work/map"
nm -D --defined-only "$library" | awk '$2 != "A" {sub(/@.*/, "", $3); print $3}' | sort >"$work/library"

[ -s "$work/headers" ] || { echo 'no declarations found'; failed=1; }
diff -u "$work/headers" "$work/map" || { echo 'headers and version script differ'; failed=1; }
diff -u "$work/map" "$work/library" || { echo 'version script and library differ'; failed=1; }
sort "$work/map" | uniq -d | grep . && { echo 'named twice in the version script'; failed=1; }

for header in "$include"/nvbind/*.h; do
	name=nvbind/$(basename "$header")
	echo "#include <$name>" >"$work/one.c"
	cp "$work/one.c" "$work/one.cc"
	${CC:-cc} -std=c11 -Wall -Wextra -Werror -pedantic -I "$include" -fsyntax-only "$work/one.c" ||
		{ echo "$name is no C11 header by itself"; failed=1; }
	if [ -n "$cxx" ]; then
		"$cxx" -std=c++17 -Wall -Wextra -Werror -I "$include" -fsyntax-only "$work/one.cc" ||
			{ echo "$name is no C++17 header by itself"; failed=1; }
	fi
done

readelf -d "$library" | grep -q 'SONAME.*\[libnvbind\.so\.0\]' || { echo 'the SONAME is not libnvbind.so.0'; failed=1; }
exit $failed
