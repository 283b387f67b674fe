#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nvbind cdi: what it writes, where, under which names, and what it says of specs that are wrong.

. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim nvbind-hook jq

make_sim h200x8 "$T/h200"
make_sim a100x8-mig "$T/mig"
make_sim rtx4090x1 "$T/rtx"
generate() { nvbind cdi generate --root "$T/h200" "$@"; }
specs=$T/specs
mkdir "$specs"

# --- where and in which format ---------------------------------------------------------------------------------------

generate >"$T/stdout.yaml"
check 'a directory gets VENDOR-CLASS.yaml' generate --output "$specs/"
same_file 'standard output and file have the same bytes' "$T/stdout.yaml" "$specs/nvidia.com-gpu.yaml"
is 'a spec is readable by all and writable by its owner' 644 "$(stat -c %a "$specs/nvidia.com-gpu.yaml")"
is 'nothing temporary stays' 1 "$(find "$specs" -type f | wc -l)"
generate >"$T/again.yaml"
same_file 'twice gives the same bytes' "$T/stdout.yaml" "$T/again.yaml"
before=$(stat -c '%i %Y' "$specs/nvidia.com-gpu.yaml")
generate --output "$specs/"
is 'a spec that says the same is left alone' "$before" "$(stat -c '%i %Y' "$specs/nvidia.com-gpu.yaml")"
chmod 600 "$specs/nvidia.com-gpu.yaml"
generate --output "$specs/"
is 'but for its mode' 644 "$(stat -c %a "$specs/nvidia.com-gpu.yaml")"
echo '# an edit' >>"$specs/nvidia.com-gpu.yaml"
generate --output "$specs/"
same_file 'an edited one is replaced' "$T/stdout.yaml" "$specs/nvidia.com-gpu.yaml"
check 'a file whose directory is not there yet' generate --output "$T/new/dir/mine.json"
check 'the name of the file decides the format' jq -e .cdiVersion "$T/new/dir/mine.json"
generate --output - --format json >"$T/spec.json"
same_file '- is standard output' "$T/spec.json" "$T/new/dir/mine.json"
check 'vendor, class and format name the file in a directory' \
	generate --vendor my.org --class accel --format json -o "$T/new/"
is 'they are the kind' my.org/accel "$(jq -r .kind "$T/new/my.org-accel.json")"
if python3 -c 'import yaml' 2>/dev/null; then
	is 'YAML and JSON say the same' "$(jq -S . "$T/spec.json")" \
		"$(python3 -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' \
			<"$T/stdout.yaml" | jq -S .)"
fi

# --- what ------------------------------------------------------------------------------------------------------------

names() { jq -r '[.devices[].name] | join(" ")' "$1"; }
uuids=$(sed -n 's/^GPU UUID:[[:space:]]*//p' "$T"/h200/proc/driver/nvidia/gpus/*/information | tr '\n' ' ')
is 'both names by default' "0 1 2 3 4 5 6 7 ${uuids}all" "$(names "$T/spec.json")"
generate --format json --device-name-strategy index >"$T/index.json"
is 'names by index' '0 1 2 3 4 5 6 7 all' "$(names "$T/index.json")"
generate --format json --device-name-strategy uuid >"$T/uuid.json"
is 'names by UUID' "${uuids}all" "$(names "$T/uuid.json")"
is 'the lowest version that does' 0.5.0 "$(jq -r .cdiVersion "$T/spec.json")"
is 'another one on request' 0.7.0 "$(generate --format json --cdi-version 0.7.0 | jq -r .cdiVersion)"
is 'no major or minor number anywhere' 0 "$(jq '[.. | objects | select(has("major") or has("minor"))] | length' "$T/spec.json")"
is 'a device has its own node' "/dev/nvidia3 $T/h200/dev/nvidia3" \
	"$(jq -r '.devices[] | select(.name == "3") | .containerEdits.deviceNodes | map(.path + " " + .hostPath) | join(",")' "$T/spec.json")"
is 'all has all of them, once' 8 \
	"$(jq '.devices[] | select(.name == "all") | [.containerEdits.deviceNodes[].path] | unique | length' "$T/spec.json")"
is 'the control node is common' 1 \
	"$(jq '[.containerEdits.deviceNodes[] | select(.path == "/dev/nvidiactl")] | length' "$T/spec.json")"
is 'every host path is there' '' "$(jq -r '.. | objects | .hostPath // empty' "$T/spec.json" | sort -u | while read -r p; do
	[ -e "$p" ] || echo "$p"; done)"
is 'one hook, ours, by absolute path' "$(readlink -f "$NVB_BUILD/bin/nvbind-hook")" \
	"$(jq -r '[.containerEdits.hooks[].path] | join(" ")' "$T/spec.json")"
is 'another hook path on request' /opt/nvbind-hook \
	"$(generate --format json --hook-path /opt/nvbind-hook 2>/dev/null | jq -r '.containerEdits.hooks[0].path')"
is 'utility alone needs no unified memory' '' \
	"$(generate --format json --capabilities utility | jq -r '.. | objects | .path // empty' | grep uvm || true)"

nvbind cdi generate --root "$T/mig" --format json --device-name-strategy index >"$T/mig.json"
check 'MIG devices are named GPU:DEVICE' jq -e '[.devices[].name] | index("0:1")' "$T/mig.json"
is 'MIG devices have UUIDs, which NVML knows' "$(jq '[.devices[].name | select(contains(":"))] | length' "$T/mig.json")" \
	"$(nvbind cdi generate --root "$T/mig" --format json --device-name-strategy uuid |
		jq '[.devices[].name | select(startswith("MIG-"))] | length')"
is 'a MIG device has its GPU and two capability nodes' 3 \
	"$(jq '.devices[] | select(.name == "0:1") | .containerEdits.deviceNodes | length' "$T/mig.json")"
is 'a GPU with MIG devices is not offered whole' '' \
	"$(jq -r '.devices[] | select(.name == "0") | .name' "$T/mig.json")"
nvbind cdi generate --root "$T/rtx" --format json >"$T/rtx.json"
is 'a node of the display comes with its link by PCI address' 1 \
	"$(jq '[.containerEdits.hooks[0].args | .[index("--device-link"):][] | select(test("dri/by-path.*-card$"))] | length' "$T/rtx.json")"
is 'and there is one hook for the whole spec' 1 "$(jq '[.. | .hooks? // empty | .[]] | length' "$T/rtx.json")"

make_sim wsl2 "$T/wsl2"
nvbind cdi generate --root "$T/wsl2" --format json >"$T/wsl2.json"
is 'WSL2 has one device' all "$(names "$T/wsl2.json")"
is 'which has the one node' /dev/dxg "$(jq -r '.devices[0].containerEdits.deviceNodes[].path' "$T/wsl2.json")"

check 'the driver as one tree' generate --layout tree --tree-dir "$T/trees" -o "$T/tree.json"
is 'a tree takes one mount beside sockets' 1 \
	"$(jq '[.containerEdits.mounts[] | select(.containerPath == "/run/nvbind/driver")] | length' "$T/tree.json")"
tree=$(jq -r '.containerEdits.mounts[] | select(.containerPath == "/run/nvbind/driver") | .hostPath' "$T/tree.json")
check 'the tree is there' test -d "$tree"
check 'it has fewer mounts than file by file' test \
	"$(jq '.containerEdits.mounts | length' "$T/tree.json")" -lt "$(jq '.containerEdits.mounts | length' "$T/spec.json")"

# --- list, show ------------------------------------------------------------------------------------------------------

is 'list prints what --device takes' "$(jq -r '.devices[] | "nvidia.com/gpu=" + .name' "$T/spec.json" | sort)" \
	"$(nvbind cdi list --spec-dir "$specs")"
is 'list as JSON' 17 "$(nvbind cdi list --spec-dir "$specs" --format json | jq length)"
is 'no specs are no error' '' "$(nvbind cdi list --spec-dir "$T/none")"
is 'no specs as JSON' '[]' "$(nvbind cdi list --spec-dir "$T/none" --format json)"
is 'show gives the device and what is common' "0 1" \
	"$(nvbind cdi show --spec-dir "$specs" --format json nvidia.com/gpu=0 |
		jq -r '[.devices[0].name, (.devices | length)] | map(tostring) | join(" ")')"
nvbind cdi show "$specs/nvidia.com-gpu.yaml" >"$T/shown.yaml"
grep -v '^#' "$specs/nvidia.com-gpu.yaml" >"$T/bare.yaml"
same_file 'show writes a whole spec as generate does' "$T/bare.yaml" "$T/shown.yaml"
like 'show without a name is a table of specs' "$specs/nvidia.com-gpu.yaml +nvidia.com/gpu +0.5.0 +17" \
	"$(nvbind cdi show --spec-dir "$specs")"

mkdir "$T/later"
generate --device-name-strategy index --format json | jq '.containerEdits.env += ["WHICH=later"]' >"$T/later/x.json"
like 'a later directory wins' 'WHICH=later' \
	"$(nvbind cdi show --spec-dir "$specs" --spec-dir "$T/later" nvidia.com/gpu=0)"
unlike 'an earlier one does not' 'WHICH=later' \
	"$(nvbind cdi show --spec-dir "$T/later" --spec-dir "$specs" nvidia.com/gpu=0)"

# --- bad input -------------------------------------------------------------------------------------------------------

refuses 'a device that is not there' 1 "no CDI spec in $specs has the device 'nvidia.com/gpu=8'.*nvidia.com/gpu=" \
	nvbind cdi show --spec-dir "$specs" nvidia.com/gpu=8
refuses 'a name that is none' 1 "'gpu=0' is no CDI device name" nvbind cdi show --spec-dir "$specs" gpu=0
refuses 'a vendor that is none' 1 "the vendor '0x' must begin with a letter" generate --vendor 0x
refuses 'a version that is too low' 1 'CDI 0.4.0 has no (hostPath|device name)' generate --cdi-version 0.4.0
refuses 'a version that was never released' 1 "no CDI version '2.0.0' .*1.1.0" generate --cdi-version 2.0.0
refuses 'YAML under the name of JSON' 1 'x.json: YAML in a file whose name says JSON' \
	generate --format yaml -o "$T/x.json"
refuses 'a format that is none' 2 'yaml, json' generate --format xml
refuses 'a strategy that is none' 2 'index, uuid' generate --device-name-strategy name
refuses 'an option that is none' 2 'vendor' generate --vendr x
refuses 'a capability that is none' 1 'graphic' generate --capabilities graphic
refuses 'a root that is not there' 1 "$T/nowhere" nvbind cdi generate --root "$T/nowhere"
refuses 'a directory that cannot be written' 1 '/proc/nvbind' generate -o /proc/nvbind/
refuses 'an argument too many' 2 'argument' generate extra
make_sim no-gpu "$T/none-root"
refuses 'a host without a GPU' 1 'no NVIDIA' nvbind cdi generate --root "$T/none-root"
check 'and nothing was written meanwhile' test ! -e "$T/x.json"

cp "$specs/nvidia.com-gpu.yaml" "$specs/copy.yaml"
refuses 'a device of two specs' 1 "stands in two specs: $specs/copy.yaml and $specs/nvidia.com-gpu.yaml" \
	nvbind cdi show --spec-dir "$specs" nvidia.com/gpu=0
like 'list says so' 'nvidia.com/gpu=0 stands in two specs' "$(nvbind cdi list --spec-dir "$specs" 2>&1 >"$T/listed")"
is 'and does not offer it' '' "$(cat "$T/listed")"
like 'generate says so' "$specs/copy.yaml has nvidia.com/gpu=.* too" "$(generate -o "$specs/" 2>&1)"
rm "$specs/copy.yaml"

printf 'cdiVersion: "0.5.0"\nkind: v.com/c\ndevices:\n- name: a\n  containerEdits:\n    env: [A]\n    mount: []\n' >"$specs/bad.yaml"
status=0
nvbind cdi validate "$specs/nvidia.com-gpu.yaml" "$specs/bad.yaml" "$T/nowhere.yaml" >"$T/out" 2>"$T/err" || status=$?
is 'validate ends with 1' 1 "$status"
is 'validate praises the good one' "$specs/nvidia.com-gpu.yaml: good: CDI 0.5.0, nvidia.com/gpu, 17 devices" "$(cat "$T/out")"
is 'validate names every problem of the others' \
	"$specs/bad.yaml:7: devices[0].containerEdits.mount: containerEdits has no field 'mount' [schema.unknown-field] (did you mean 'mounts'?)
$specs/bad.yaml:6: devices[0].containerEdits.env[0]: 'A' must be NAME=VALUE [env.syntax]
$T/nowhere.yaml: No such file or directory [file]" "$(cat "$T/err")"
is 'validate as JSON' 'env.syntax devices[0].containerEdits.env[0] 6' \
	"$(nvbind cdi validate --format json "$specs/bad.yaml" | jq -r '.[0].problems[1] | [.rule, .path, .line] | map(tostring) | join(" ")')"
like 'a broken spec does not hide the others' 'nvidia.com/gpu=7' "$(nvbind cdi list --spec-dir "$specs" 2>/dev/null)"
like 'but is named' 'bad.yaml:7' "$(nvbind cdi list --spec-dir "$specs" 2>&1 >/dev/null)"
status=0
nvbind cdi validate --spec-dir "$specs" >/dev/null 2>&1 || status=$?
is 'validate without files checks the directories' 1 "$status"
printf 'cdiVersion: "\\e[31m0.5.0"\nkind: v.com/c\ndevices: []\n' >"$T/escape.yaml"
unlike 'what is in a spec does not reach the terminal raw' "$(printf '\033')" \
	"$(nvbind cdi validate "$T/escape.yaml" 2>&1 || true)"
to_full() { "$@" >/dev/full; }
refuses 'a full disk behind standard output is named' 1 'writing to standard output: No space left on device$' \
	to_full nvbind cdi generate --root "$T/h200"
mknod "$T/null" c 1 3
nvbind cdi generate --root "$T/h200" --output "$T/null" 2>/dev/null
is 'a device named as output stays one' 'character special file' "$(stat -c %F "$T/null")"
sed -i "s/^Model:.*/Model: $(printf '\342\200\256\377')evil/" "$(printf '%s\n' "$T/h200"/proc/driver/nvidia/gpus/*/information | head -n 1)"
like 'nor what a foreign /proc says' '^GPU 0: \\u202e\\xffevil' "$(nvbind plan --root "$T/h200" --gpu 0)"
