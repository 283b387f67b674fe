#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/api.md lists every public function and no other, and names only files and headers that there are.
#
#	docs.sh VERSION-SCRIPT SOURCE-DIRECTORY
set -euo pipefail

map=$1 top=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

sed -n '/global:/,/local:/p' "$map" | grep -o 'nvb_[a-z0-9_]*' | sort >"$work/map"
grep -o '\bnvb_[a-z0-9_]*()' "$top/docs/api.md" | tr -d '()' | sort -u >"$work/docs"
diff -u "$work/map" "$work/docs" || { echo 'docs/api.md and the version script differ'; failed=1; }
grep -o '\bnvbind/[a-z]*\.h\b' "$top/docs/api.md" | sort -u | while read -r header; do
	[ -e "$top/include/$header" ] || echo "docs/api.md names $header, which is not there"
done | grep . && failed=1
for header in "$top"/include/nvbind/*.h; do
	grep -q "nvbind/$(basename "$header")" "$top/docs/api.md" || { echo "docs/api.md leaves out $(basename "$header")"; failed=1; }
done
grep -o 'examples/[a-z_]*/[a-z_]*\.[a-z]*' "$top/docs/api.md" | sort -u | while read -r file; do
	[ -e "$top/$file" ] || echo "docs/api.md names $file, which is not there"
done | grep . && failed=1
# One version node, of the version that is being made.
version=$(sed -n "s/^ *version: '\([0-9]*\.[0-9]*\).*/\1/p" "$top/meson.build" | head -1)
grep -q "^NVBIND_$version {" "$map" || { echo "the version script has no node NVBIND_$version"; failed=1; }
exit $failed
