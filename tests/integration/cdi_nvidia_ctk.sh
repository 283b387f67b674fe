#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# NVIDIA's own tool beside ours, where NVB_TEST_NVIDIA_CTK names one: it reads, lists and rewrites our specs, we read
# and list its.
. "$(dirname "$0")/lib.sh"
need nvbind nvbind-sim
ctk=${NVB_TEST_NVIDIA_CTK:-}
[ -x "$ctk" ] || skip 'NVB_TEST_NVIDIA_CTK names no nvidia-ctk'

ctk_list() { "$ctk" --quiet cdi list --spec-dir "$1" | sort; }
our_list() { nvbind cdi list --spec-dir "$1" | sort; }

# ours WHAT SCENARIO OPTION...
ours() {
	local what=$1 dir=$T/ours.$2.$#.$RANDOM spec out
	[ -d "$T/$2" ] || make_sim "$2" "$T/$2" 2>/dev/null
	mkdir -p "$dir/rewritten"
	nvbind cdi generate --root "$T/$2" --output "$dir/" "${@:3}"
	spec=$(find "$dir" -maxdepth 1 -type f)
	is "$what: it lists what we list" "$(our_list "$dir")" "$(ctk_list "$dir")"
	check "$what: and there is something" test "$(ctk_list "$dir" | wc -l)" -gt 8
	# Its transform reads the spec with the reference library, which validates it, and writes it anew.
	out=$dir/rewritten/${spec##*/}
	check "$what: it validates and rewrites ours" "$ctk" --quiet cdi transform root --from /no-such-root --to /other \
		--input "$spec" --output "$out"
	is "$what: which says the same then" '' "$(nvbind cdi diff "$spec" "$out" 2>&1 || true)"
}

ours 'GPUs as YAML' h200x8
ours 'GPUs as JSON' h200x8 --format json
ours 'as a tree' h200x8 --layout tree --tree-dir "$T/trees"
ours 'MIG devices' a100x8-mig

mkdir "$T/theirs"
check 'it generates on a simulated machine' "$ctk" --quiet cdi generate --feature-flag disable-nvsandboxutils \
	--driver-root "$T/h200x8" --dev-root "$T/h200x8" --output "$T/theirs/nvidia.yaml"
check 'we find its spec good' nvbind cdi validate "$T/theirs/nvidia.yaml"
is 'and list what it lists' "$(ctk_list "$T/theirs")" "$(our_list "$T/theirs")"
mkdir "$T/mine"
nvbind cdi generate --root "$T/h200x8" --output "$T/mine/"
is 'both name the same devices' "$(our_list "$T/theirs")" "$(our_list "$T/mine")"
