#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nvbind cdi status, refresh and diff: what is said of specs that do not fit the host any more, and what is made of them.

. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim nvbind-hook jq strace

specs=$T/specs
host=$T/host
spec=$specs/nvidia.com-gpu.yaml
mkdir "$specs"
scenarios=$NVB_SOURCE/sim/scenarios
sed 's/^driver = .*/driver = "575.57.08"/' "$scenarios/h200x8.toml" >"$T/newer.toml"
old_driver() { nvbind-sim create --scenario h200x8 --seed 7 "$host" >/dev/null; }
new_driver() { nvbind-sim create --scenario "$T/newer.toml" --seed 7 "$host" >/dev/null; }
old_driver
defer nvbind-sim destroy "$host"
generate() { nvbind cdi generate --root "$host" "$@"; }

status_of() { # SPEC-DIRECTORY...: "name state reason,reason" of each spec
	local d args=()
	for d; do args+=(--spec-dir "$d"); done
	nvbind cdi status --root "$host" "${args[@]}" --format json | jq -r '.[] |
		[(.spec | sub(".*/"; "")), .state, ([.findings[].reason] | unique | join(","))] | join(" ")' || true
}
# ends STATUS COMMAND...: exits with that status, output shown on failure.
ends() {
	local what=$1 want=$2 status=0 out
	shift 2
	out=$("$@" 2>&1) || status=$?
	if [ "$status" -eq "$want" ]; then pass "$what"; else fail "$what" "status $status instead of $want" "$out"; fi
}
status() { nvbind cdi status --root "$host" --spec-dir "$specs"; }
refresh() { nvbind cdi refresh --spec-dir "$specs" "$@"; }

# --- fresh -----------------------------------------------------------------------------------------------------------

ends 'no specs are nothing stale' 0 status
generate --output "$specs/"
ends 'a new spec is fresh' 0 status
is 'and says so' 'nvidia.com-gpu.yaml fresh ' "$(status_of "$specs")"
before=$(stat -c '%i %Y %Z' "$spec")
ends 'refresh has nothing to do' 0 refresh
is 'and writes nothing' "$before" "$(stat -c '%i %Y %Z' "$spec")"
like 'how it was made stands in its head' "^# nvbind cdi generate --root $host$" "$(head -n 2 "$spec")"
ends 'nothing differs from itself' 0 nvbind cdi diff "$spec" "$spec"
is 'not in another format either' '' "$(generate --format json >"$T/x.json"; nvbind cdi diff "$spec" "$T/x.json")"
ends 'nor from what would be made now' 0 nvbind cdi diff "$spec" -

# --- a file is gone --------------------------------------------------------------------------------------------------

mv "$host/usr/bin/nvidia-smi" "$T/nvidia-smi"
ends 'a file that is gone makes it stale' 1 status
is 'for that reason' 'nvidia.com-gpu.yaml stale gone' "$(status_of "$specs")"
like 'which is named' "$host/usr/bin/nvidia-smi: gone" "$(status || true)"
is 'diff names it, too' '-  mounts /usr/bin/nvidia-smi' \
	"$(nvbind cdi diff --format json "$spec" - | jq -r '.[] | (if .after then "+" else "-" end) + " " + (.device // "") + " " + .part + " " + .subject')"
ends 'and ends with 1' 1 nvbind cdi diff "$spec" -
cp "$spec" "$T/before.yaml"
like 'a dry run says what it would do' "$spec: would be made again: .*nvidia-smi: gone" "$(refresh --dry-run)"
same_file 'and does nothing' "$T/before.yaml" "$spec"
like 'refresh says what it did' "^$spec: made again: .*nvidia-smi: gone$" "$(refresh)"
ends 'it is fresh then' 0 status
unlike 'without the file' nvidia-smi "$(cat "$spec")"
mv "$T/nvidia-smi" "$host/usr/bin/nvidia-smi"
is 'a file that is new is found' 'nvidia.com-gpu.yaml stale new' "$(status_of "$specs")"
refresh >"$T/log"
same_file 'back to where it began' <(generate) "$spec"

# --- another driver --------------------------------------------------------------------------------------------------

generate --output "$specs/" --mode management
generate --output "$specs/tree.yaml" --class tree --layout tree --tree-dir "$T/trees" --capabilities compute,utility
generate --output "$specs/six.json" --class json --cdi-version 0.6.0
generate --output "$specs/five.json" --class older-json
generate --output "$specs/named.yaml" --class named --device-name-strategy uuid --hook-path /bin/true
tree=$(ls "$T/trees")
new_driver
is 'another driver is seen in every spec' "five.json stale driver,gone
management.nvidia.com-gpu.yaml stale driver,gone,new
named.yaml stale driver,gone,new
nvidia.com-gpu.yaml stale driver,gone,new
six.json stale driver,gone,new
tree.yaml stale driver" "$(status_of "$specs")"
like 'with both versions' 'driver 570.133.20 in the spec, 575.57.08 on this host' "$(status || true)"
touch -d '1 hour ago' "$T/trees/$tree"
ends 'refresh ends with 1: one does not say how it was made' 1 refresh
like 'which is said' "five.json: left alone: .*how it was made: JSON has a place for that from CDI 0.6.0" "$(refresh || true)"
rm "$specs/five.json"
ends 'all others are fresh' 0 status
like 'as they were made before: names' 'name: GPU-' "$(nvbind cdi show "$specs/named.yaml")"
unlike 'and no others' 'name: "0"' "$(nvbind cdi show "$specs/named.yaml")"
like 'the hook' /bin/true "$(cat "$specs/named.yaml")"
is 'format and version' 0.6.0 "$(jq -r .cdiVersion "$specs/six.json")"
like 'the tree' "$T/trees/575.57.08-" "$(cat "$specs/tree.yaml")"
check 'the new tree is there' test -e "$(sed -n 's/.*hostPath: \(.*575.57.08-.*\)/\1/p' "$specs/tree.yaml")/usr/bin/nvidia-smi"
check 'the old one went' test ! -e "$T/trees/$tree"
check 'every spec is valid' nvbind cdi validate --spec-dir "$specs"

# A tree that is gone comes back though the spec stays as it is.
rm -r "$T/trees"
is 'a tree that is gone' 'tree.yaml stale gone' "$(status_of "$specs" | grep tree)"
before=$(cat "$specs/tree.yaml")
refresh >/dev/null || true
is 'comes back' 'tree.yaml fresh ' "$(status_of "$specs" | grep tree)"
is 'in the same place' "$before" "$(cat "$specs/tree.yaml")"

# An old tree that a spec names stays, even one that nvbind cannot make again.
old_driver
generate --output "$specs/kept.yaml" --class kept --layout tree --tree-dir "$T/trees"
kept=$(sed -n 's/.*hostPath: \(.*570.133.20-.*\)/\1/p' "$specs/kept.yaml")
sed -i '1,2d' "$specs/kept.yaml"
new_driver
touch -d '1 hour ago' "$T"/trees/*
refresh >/dev/null || true
check 'a tree that a spec names stays' test -d "$kept"
echo broken >"$specs/broken.yaml"
rm "$specs/kept.yaml"
refresh >/dev/null || true
check 'so does every tree while a spec cannot be read' test -d "$kept"
rm "$specs/broken.yaml"
refresh >/dev/null || true
check 'then it goes' test ! -e "$kept"

# --- no driver -------------------------------------------------------------------------------------------------------

rm "$specs/tree.yaml" # a machine that is made anew has other files, so another tree
cp "$spec" "$T/before.yaml"
nvbind-sim create --scenario no-gpu "$host" >/dev/null
like 'a spec that cannot be made again says why' 'unmade' "$(status_of "$specs")"
like 'in words' 'cannot be made again now: no NVIDIA kernel module is loaded' "$(status || true)"
ends 'refresh ends with 1' 1 refresh
same_file 'and leaves it' "$T/before.yaml" "$spec"
new_driver
ends 'with the driver it is fresh as it is' 0 status

# --- specs of others, and beside each other --------------------------------------------------------------------------

rm "$specs"/*
generate --output "$specs/"
mkdir "$T/later"
nvbind cdi show --format json "$spec" |
	jq '.kind = "other.org/gpu" | .containerEdits.hooks[0].path = "/usr/bin/nvidia-cdi-hook-of-a-test"
		| (.. | objects | select(.path? == "/dev/nvidia-uvm")) += {major: 4000, minor: 0, type: "c"}' >"$specs/foreign.json"
is "another's spec is looked at" 'foreign.json stale hook,numbers' "$(status_of "$specs" | grep foreign)"
like 'its numbers are compared with the node' "nvidia-uvm: 4000:0 in the spec, [0-9]+:0 on this host" "$(status || true)"
like 'its hook must be there' '/usr/bin/nvidia-cdi-hook-of-a-test: not there' "$(status || true)"
cp "$specs/foreign.json" "$T/foreign.json"
like 'refresh leaves it to its maker' "foreign.json: left alone: nvbind did not make it" "$(refresh)"
same_file 'it is as it was' "$T/foreign.json" "$specs/foreign.json"
rm "$specs/foreign.json"

cp "$spec" "$specs/copy.yaml"
is 'a device in two specs' 'copy.yaml conflict conflict
nvidia.com-gpu.yaml conflict conflict' "$(status_of "$specs")"
ends 'makes both useless' 1 status
ends 'which no refresh mends' 1 refresh
rm "$specs/copy.yaml"
nvbind cdi show --format json "$spec" | jq '(.devices[] | select(.name == "0")).containerEdits.deviceNodes[0].hostPath |=
	sub("nvidia0"; "nvidia5")' >"$T/later/x.json"
is 'a spec that another one hides is not stale' 'nvidia.com-gpu.yaml hidden hidden' "$(status_of "$specs" "$T/later" | grep yaml)"
like 'but is said to be, and what differs' "nvidia.com/gpu=0 is $host/dev/nvidia0 here and $host/dev/nvidia5 in $T/later/x.json" \
	"$(nvbind cdi status --root "$host" --spec-dir "$specs" --spec-dir "$T/later" || true)"

# --- edited, damaged, not to be trusted ------------------------------------------------------------------------------

cp "$spec" "$T/good.yaml"
sed -i 's/NVIDIA_VISIBLE_DEVICES=void/NVIDIA_VISIBLE_DEVICES=all/' "$spec"
is 'an edit by hand is seen' 'nvidia.com-gpu.yaml stale other' "$(status_of "$specs")"
refresh >/dev/null
same_file 'and taken back' "$T/good.yaml" "$spec"
head -c 700 "$T/good.yaml" >"$spec"
printf '\n  broken: [' >>"$spec"
is 'a damaged spec' 'nvidia.com-gpu.yaml invalid invalid' "$(status_of "$specs")"
ends 'makes status end with 1' 1 status
refresh >/dev/null
same_file 'is made again' "$T/good.yaml" "$spec"
rm "$host/usr/bin/nvidia-smi"
chmod 666 "$spec"
like 'a recipe that anybody could have written is not followed' 'left alone: others than root' "$(refresh || true)"
ends 'and that is no success' 1 refresh
like 'nothing was written' nvidia-smi "$(cat "$spec")"
chmod 644 "$spec"
chmod 777 "$specs"
like 'nor one in a directory that anybody can write' 'left alone: others than root and its owner can write its directory' "$(refresh || true)"
chmod 755 "$specs"
sed -i '2s/.*/# nvbind cdi generate --frobnicate yes/' "$spec"
like 'nor one that is not understood' "left alone: how it was made cannot be understood: '--frobnicate'" "$(refresh || true)"
cp "$T/good.yaml" "$spec"
generate --output "$specs/" >/dev/null
ends 'a hook that is no program' 1 env -C "$T" bash -c '
	cp "$1" "$2/h.yaml" && sed -i "s|kind: .*|kind: h.org/gpu|; s|path: .*nvbind-hook|path: /etc/passwd|" "$2/h.yaml" && sed -i 1,2d "$2/h.yaml" &&
	nvbind cdi status --root "$3" --spec-dir "$2"' bash "$spec" "$specs" "$host"
like 'is named' 'hook /etc/passwd: no program that can be run' "$(status || true)"
rm "$specs/h.yaml"

# --- bad input -------------------------------------------------------------------------------------------------------

refuses 'a file that is not there' 2 nowhere.yaml nvbind cdi diff "$T/nowhere.yaml" "$spec"
refuses 'twice what would be made' 2 'give a file to compare it with' nvbind cdi diff - -
refuses 'one file' 2 'argument' nvbind cdi diff "$spec"
refuses 'watching without doing' 2 'exclude each other' nvbind cdi refresh --watch --dry-run
printf 'a: [' >"$T/bad.yaml"
refuses 'what is no spec' 2 'bad.yaml' nvbind cdi diff "$T/bad.yaml" "$spec"
printf '# nvbind cdi generate --mode gds\ncdiVersion: "0.5.0"\nkind: a.com/b\ndevices: [{name: "\\e[31mx", containerEdits: {env: [A=1]}}]\n' >"$specs/escape.yaml"
unlike 'what is in a spec does not reach the terminal raw' "$(printf '\033')" "$(status 2>&1 || true)"
rm "$specs/escape.yaml"

# --- killed at every step --------------------------------------------------------------------------------------------

if is_sanitized; then
	echo '# left out: a sanitizer cannot be traced'
else
	old_driver
	rm -f "$specs"/*
	generate --output "$specs/" --class a
	generate --output "$specs/" --class b --layout tree --tree-dir "$T/crash-trees"
	for c in a b; do cp "$specs/nvidia.com-$c.yaml" "$T/old-$c"; done
	new_driver
	refresh >/dev/null
	for c in a b; do cp "$specs/nvidia.com-$c.yaml" "$T/new-$c"; done
	# Refreshes and is killed as it enters CALL for the Nth time; false when it did not get that far.
	killed_at() {
		local status=0
		strace -o /dev/null -e trace="$1" -e "inject=$1:signal=KILL:when=$2" \
			nvbind cdi refresh --spec-dir "$specs" >/dev/null 2>&1 || status=$?
		[ "$status" -eq 137 ]
	}
	kills=0 half=0
	for call in openat write fsync renameat renameat2 linkat symlinkat mkdirat fchmodat unlinkat; do
		for ((n = 1; n <= 400; n += (n < 6 ? 1 : 29))); do
			for c in a b; do cp "$T/old-$c" "$specs/nvidia.com-$c.yaml"; done
			rm -rf "$T/crash-trees"
			killed_at "$call" "$n" 2>/dev/null || break
			kills=$((kills + 1))
			for c in a b; do
				cmp -s "$T/old-$c" "$specs/nvidia.com-$c.yaml" || cmp -s "$T/new-$c" "$specs/nvidia.com-$c.yaml" ||
					half=$((half + 1))
			done
		done
	done
	is "killed $kills times, every spec is the old or the new one" 0 "$half"
	like 'these were many' '^[0-9]{2,}$' "$kills"
	refresh >"$T/log" 2>&1 || fail 'the next refresh works' "$(cat "$T/log")"
	same_file 'and ends where an undisturbed one does' "$T/new-b" "$specs/nvidia.com-b.yaml"
	check 'the killed ones left something' test "$(find "$specs" -name '.nvb-*' | wc -l)" -gt 0
	touch "$specs/.nvb-notes"
	find "$specs" -name '.nvb-*' -exec touch -d '2 hours ago' {} +
	refresh >/dev/null
	is 'which goes, and nothing else' "$specs/.nvb-notes" "$(find "$specs" -name '.nvb-*')"
	is 'what the killed ones left is no spec' 2 "$(find "$specs" -name '*.yaml' -o -name '*.json' | wc -l)"
fi

# --- NVIDIA's own tool -----------------------------------------------------------------------------------------------

if [ -n "${NVB_TEST_NVIDIA_CTK:-}" ]; then
	rm -f "$specs"/*
	"$NVB_TEST_NVIDIA_CTK" --quiet cdi generate --driver-root "$host" --dev-root "$host" \
		--nvidia-cdi-hook-path /bin/true --output "$specs/ctk.yaml"
	is 'its spec is fresh' 'ctk.yaml fresh ' "$(status_of "$specs")"
	like 'and known as its' 'made by (nvidia-ctk|another program)' "$(status)"
	is 'we list what it lists' "$("$NVB_TEST_NVIDIA_CTK" --quiet cdi list --spec-dir "$specs" | sort)" \
		"$(nvbind cdi list --spec-dir "$specs" | sort)"
	old_driver
	like 'another driver makes it stale' 'ctk.yaml stale driver,gone' "$(status_of "$specs")"
	nodes() { nvbind cdi show --format json "$1" | jq -r '[.. | objects | .deviceNodes // empty | .[].path] | unique | .[]'; }
	for mode in management gds mofed gdrcopy nvswitch; do
		"$NVB_TEST_NVIDIA_CTK" --quiet cdi generate --mode "$mode" --driver-root "$host" --dev-root "$host" \
			--nvidia-cdi-hook-path /bin/true --output "$T/theirs.yaml"
		generate --mode "$mode" --output "$T/ours.yaml"
		is "--mode $mode: no node of theirs is missing" '' "$(comm -23 <(nodes "$T/theirs.yaml") <(nodes "$T/ours.yaml"))"
		rm -f "$specs"/*
		cp "$T/ours.yaml" "$specs/"
		is "--mode $mode: it reads ours" "$(nvbind cdi list --spec-dir "$specs")" \
			"$("$NVB_TEST_NVIDIA_CTK" --quiet cdi list --spec-dir "$specs")"
	done
fi
