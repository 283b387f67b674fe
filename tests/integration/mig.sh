#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind mig: what there is, making, removing, files, and what is refused.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim python3
PATH=$NVB_BUILD/tests/integration:$PATH
make_sim a100x8-mig "$T/host"
export NVBIND_ROOT=$T/host
lib=$T/host/usr/lib/x86_64-linux-gnu
query() { python3 -c 'import json,sys; d=json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
profiles() { nvbind mig list --gpu "$1" --format json | query 'sorted(x["profile"] for x in d[0]["devices"])'; }

# --- what is there ---------------------------------------------------------------------------------------------------
is 'eight cards, four divided' '[True, True, True, True, False, False, False, False]' \
	"$(nvbind mig list --format json | query '[g["enabled"] for g in d]')"
is 'devices in the order of the inventory' "$(nvbind info --nvml --json | grep -o 'MIG-[0-9a-f-]*' | head -3)" \
	"$(nvbind mig list --gpu 0 --format json | grep -o 'MIG-[0-9a-f-]*')"
is 'placements are those of the card' '[0, 4]' \
	"$(nvbind mig list --gpu 4 --format json | query '[p["start"] for x in d[0]["profiles"] if x["name"]=="3g.40gb" for p in x["placements"]]')"
refuses 'a card that is not there' 1 "there is no GPU '9'" nvbind mig list --gpu 9

# --- making and removing ---------------------------------------------------------------------------------------------
refuses 'no room' 1 'has no room for 1g.10gb \(there is room for nothing\)' nvbind mig create --gpu 0 1g.10gb
refuses 'no such profile' 1 "has no MIG profile '1g.11gb'.*did you mean 1g.10gb" nvbind mig create --gpu 0 1g.11gb
refuses 'no name of a profile' 1 "'big' is no name of a MIG profile" nvbind mig create --gpu 0 big
refuses 'which card' 2 '--gpu says of which GPU' nvbind mig create 1g.10gb
refuses 'a device that is not there' 1 'there is no MIG device 0:7' nvbind mig destroy 0:7
refuses 'what is no device' 1 "'zero' is no MIG device" nvbind mig destroy zero
check 'removing two' nvbind mig destroy 0:1 0:2
is 'one is left' "['3g.40gb']" "$(profiles 0)"
check 'parts of an instance share it' nvbind mig create --gpu 0 1c.2g.20gb 1c.2g.20gb 1g.10gb
is 'four devices' "['1c.2g.20gb', '1c.2g.20gb', '1g.10gb', '3g.40gb']" "$(profiles 0)"
is '... of three instances' 3 "$(ls -d "$T"/host/proc/driver/nvidia/capabilities/gpu0/mig/gi* | wc -l)"
check 'one part goes' nvbind mig destroy 0:1
is '... its instance stays for the other' "['1c.2g.20gb', '1g.10gb', '3g.40gb']" "$(profiles 0)"
check 'all of a card' nvbind mig destroy --gpu 0
is 'none is left' '[]' "$(profiles 0)"
check 'one that leaves most room' nvbind mig create --gpu 0 1g.10gb
is '... lies at the end' '[6]' "$(nvbind mig list --gpu 0 --format json | query '[x["start"] for x in d[0]["devices"]]')"
for access in "$T"/host/proc/driver/nvidia/capabilities/gpu0/mig/gi*/{,ci*/}access; do
	rm "$T/host/dev/nvidia-caps/nvidia-cap$(awk '/Minor/{print $2}' "$access")"
done
check 'nodes that nobody made are made' nvbind mig create --gpu 0 --no-refresh 2g.20gb
is '... with numbers and mode as the driver says' 0 "$(for f in "$T"/host/proc/driver/nvidia/capabilities/gpu0/mig/gi*/access; do
	minor=$(awk '/Minor/{print $2}' "$f"); [ "$(stat -c %T "$T/host/dev/nvidia-caps/nvidia-cap$minor")" = "$(printf %x "$minor")" ] || echo bad; done | wc -l)"

# --- who uses it -----------------------------------------------------------------------------------------------------
uuid=$(nvbind mig list --gpu 1 --format json | query 'd[0]["devices"][0]["uuid"]')
mkfifo "$T/stdin"
CUDA_VISIBLE_DEVICES=$uuid LD_LIBRARY_PATH=$lib cuda-toy hold 0 64 <"$T/stdin" >"$T/toy" 2>&1 &
toy=$!
stop() { kill "$1" 2>/dev/null || true; }
defer stop "$toy"
exec 9>"$T/stdin"
for _ in $(seq 100); do nvbind mig list --gpu 1 | grep -q cuda-toy && break; sleep 0.05; done
like 'list says who has it open' "1:0 .*process $toy \(cuda-toy\)" "$(nvbind mig list --gpu 1)"
refuses 'what a process has open is not removed' 1 "is used by process $toy \(cuda-toy\)" nvbind mig destroy 1:0
is 'and nothing else was' "['1g.10gb', '2g.20gb', '3g.40gb']" "$(profiles 1)"
check 'what is beside it is' nvbind mig destroy 1:1

# --- files -----------------------------------------------------------------------------------------------------------
cat >"$T/config.yaml" <<'END'
version: v1
mig-configs:
  all-disabled:
    - devices: all
      mig-enabled: false
  balanced:
    - devices: all
      mig-enabled: false
    - devices: [2,3]
      mig-enabled: true
      mig-devices:
        "1g.10gb": 2
        "2g.20gb": 1
        "3g.40gb": 1
  filtered:
    - device-filter: ["0x233510DE"]
      devices: all
      mig-enabled: true
      mig-devices: {"1g.18gb": 7}
    - device-filter: "0x20B210DE"
      devices: [5]
      mig-enabled: true
      mig-devices: {"1g.10gb": 7}
  sum:
    - devices: [6]
      mig-enabled: true
      mig-devices: {"3g.40gb": 2, "1g.10gb": 1}
  busy:
    - devices: [1]
      mig-enabled: false
  beside:
    - devices: [1]
      mig-enabled: true
      mig-devices: {"3g.40gb": 1, "1g.10gb": 3}
END
refuses 'which configuration' 1 'has 6 configurations.*--config NAME' nvbind mig apply "$T/config.yaml"
refuses 'no such configuration' 1 "there is no configuration 'no'" nvbind mig apply -c no "$T/config.yaml"
refuses 'what does not fit' 1 'config.yaml:2[0-9]: GPU 6 .*2 x 3g.40gb, 1g.10gb do not fit together|do not fit' \
	nvbind mig apply -c sum "$T/config.yaml"
refuses 'switching off what is used' 1 'switch MIG off: it is used by|is used by process' nvbind mig apply -c busy "$T/config.yaml"
check 'what is used stays where it is' nvbind mig apply -c beside "$T/config.yaml"
is '... the rest is as asked' "['1g.10gb', '1g.10gb', '1g.10gb', '3g.40gb']" "$(profiles 1)"
is '... and the process goes on' "$uuid" "$(nvbind mig list --gpu 1 --format json | query '[x["uuid"] for x in d[0]["devices"] if x["users"]][0]')"
exec 9>&-
wait "$toy" || true
for _ in $(seq 100); do nvbind mig list --gpu 1 | grep -q cuda-toy || break; sleep 0.05; done

before=$(nvbind mig list --format json)
steps=$(nvbind mig apply --dry-run -c balanced "$T/config.yaml")
is 'a dry run changes nothing' "$before" "$(nvbind mig list --format json)"
is '... and says the same steps' "$steps" "$(nvbind mig apply -c balanced "$T/config.yaml" 2>&1)"
is 'a later rule wins' '[False, False, True, True, False, False, False, False]' \
	"$(nvbind mig list --format json | query '[g["enabled"] for g in d]')"
is 'applying it twice does nothing' 'Nothing to do' "$(nvbind mig apply -c balanced "$T/config.yaml" 2>&1)"
check 'a filter by device' nvbind mig apply -c filtered "$T/config.yaml"
is '... of this card' 7 "$(nvbind mig list --gpu 5 --format json | query 'len(d[0]["devices"])')"
is '... others stay as they are' "['1g.10gb', '1g.10gb', '2g.20gb', '3g.40gb']" "$(profiles 2)"

for format in yaml toml json; do
	nvbind mig export --format "$format" >"$T/export.$format"
	is "export as $format is what there is" 'Nothing to do' "$(nvbind mig apply "$T/export.$format" 2>&1)"
done
nvbind mig apply -c all-disabled "$T/config.yaml" 2>/dev/null
is 'all off' 0 "$(nvbind mig list --format json | query 'sum(g["enabled"] for g in d)')"
nvbind mig apply - <"$T/export.yaml" 2>/dev/null
is 'an export brings it back' "$(cat "$T/export.yaml")" "$(nvbind mig export)"

bad() { # WHAT REGEX TEXT
	printf '%s' "$3" >"$T/bad.yaml"
	refuses "$1" 1 "$2" nvbind mig apply "$T/bad.yaml"
}
bad 'no version' "version: v1" $'mig-configs: {a: [{devices: all, mig-enabled: false}]}\n'
bad 'no YAML' 'bad.yaml:[23]: not YAML' $'version: v1\nmig-configs: [\n'
bad 'a key misspelt' "bad.yaml:4: there is no key 'mig-enable'.*did you mean mig-enabled" \
	$'version: v1\nmig-configs:\n  a:\n  - mig-enable: true\n    devices: all\n    mig-enabled: true\n    mig-devices: {}\n'
bad 'a key missing' "required key is missing: 'devices'" $'version: v1\nmig-configs:\n  a:\n  - mig-enabled: false\n'
bad 'devices of no kind' "'devices' must be 'all' or a list of GPU numbers" \
	$'version: v1\nmig-configs:\n  a:\n  - {devices: some, mig-enabled: false}\n'
bad 'a number that is none' 'a number of devices was expected' \
	$'version: v1\nmig-configs:\n  a:\n  - {devices: all, mig-enabled: true, mig-devices: {1g.10gb: many}}\n'
bad 'nothing but zeros' 'every number' $'version: v1\nmig-configs:\n  a:\n  - {devices: all, mig-enabled: true, mig-devices: {1g.10gb: 0}}\n'
bad 'devices without the mode' "with 'mig-enabled: false'" \
	$'version: v1\nmig-configs:\n  a:\n  - {devices: all, mig-enabled: false, mig-devices: {1g.10gb: 1}}\n'

# --- a mode that waits for a reset -----------------------------------------------------------------------------------
nvbind-sim set "$NVBIND_ROOT" gpu7.mig_waits=1
refuses_lines() { nvbind mig create --gpu 7 --no-refresh 1g.10gb 2>"$T/err" && return 1; grep -q "$1" "$T/err"; }
check 'a mode that waits is refused' refuses_lines 'only with the GPU.s next reset'
is '... and nothing is pending' 'False False' "$(nvbind mig list --gpu 7 --format json | query 'str(d[0]["enabled"])+" "+str(d[0]["pending"])')"
printf 'version: v1\nmig-configs: {a: [{devices: [7], mig-enabled: true, mig-devices: {1g.10gb: 3}}]}\n' >"$T/seven.yaml"
check 'the mode alone may wait' nvbind mig apply --mode-only "$T/seven.yaml"
like '... and is shown so' '7 +on after a reset' "$(nvbind mig list --gpu 7)"
check 'with --reset it is done' nvbind mig apply --reset "$T/seven.yaml"
is '... at once' 3 "$(nvbind mig list --gpu 7 --format json | query 'len(d[0]["devices"])')"

# --- specs follow ----------------------------------------------------------------------------------------------------
mkdir "$T/cdi"
printf '[cdi]\ndirectories = ["%s"]\n' "$T/cdi" >"$T/nvbind.toml"
nv() { nvbind --config "$T/nvbind.toml" "$@"; }
nv cdi generate --output "$T/cdi/" >/dev/null 2>&1
check 'a spec of ours fits' nv cdi status
nv mig destroy --no-refresh --gpu 7 2>"$T/err"
like 'left alone when asked to' 'nvbind cdi refresh' "$(cat "$T/err")"
is_stale() { nv cdi status >"$T/status" 2>&1 && return 1; grep -qi mig "$T/status"; }
check '... and then it is stale, for its MIG devices' is_stale
nv mig create --gpu 7 2g.20gb 2>/dev/null
check 'it follows a change' nv cdi status
like '... and names the device' '7:0' "$(nv cdi list)"

# --- other cards, other users ----------------------------------------------------------------------------------------
nvbind-sim create --scenario rtx4090x1 "$T/game" >/dev/null
defer nvbind-sim destroy "$T/game"
refuses 'a card without MIG' 1 'cannot be divided by MIG' nvbind --root "$T/game" mig create --gpu 0 1g.10gb
printf 'version: v1\nmig-configs: {a: [{devices: [0], mig-enabled: true, mig-devices: {1g.10gb: 1}}]}\n' >"$T/game.yaml"
refuses 'a file that asks for it' 1 'cannot be divided by MIG' nvbind --root "$T/game" mig apply "$T/game.yaml"
refuses 'nothing to export' 1 'no GPU here can be divided' nvbind --root "$T/game" mig export
nvbind-sim create --scenario wsl2 "$T/wsl" >/dev/null
defer nvbind-sim destroy "$T/wsl"
refuses 'WSL2' 1 'MIG cannot be used on WSL2' nvbind --root "$T/wsl" mig list
chmod 755 "$T" "$T/host"
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env NVBIND_ROOT="$NVBIND_ROOT" nvbind "$@"; }
if as_nobody --version >/dev/null 2>&1; then
	refuses 'who is not root changes nothing' 1 'ermission' as_nobody mig create --gpu 4 1g.10gb
fi
