#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime refuses: the container is not started, its config.json is as it was, the user of the engine reads one
# line that says why, on stderr and in the log that the engine named.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/shim.sh"
need_root
need nvbind nvbind-runtime nvbind-sim nvbind-hook jq runc busybox

make_sim h200x8 "$T/host"
mkdir "$T/cdi"
driver=$(cd "$T/host/usr/lib/x86_64-linux-gnu" && echo libcuda.so.*.*)
driver=${driver#libcuda.so.}
# A runtime that tells that it was run.
printf '#!/bin/sh\necho "$*" >>"%s"\n' "$T/ran" >"$T/runtime"
chmod +x "$T/runtime"
usual="runtimes = [\"$T/runtime\"]"

snapshot() { (cd "$1" && find . -path ./rootfs -prune -o -printf '%P %y %m %s %l\n' -type f -exec cksum {} + | sort); }

# The whole of a refusal, for the config.json that is in $T/b.
refused() { # WHAT REGEX [ARGUMENT...]
	local what=$1 regex=$2 before
	shift 2
	[ $# -gt 0 ] || set -- --log "$T/log" --log-format json create --bundle "$T/b" --pid-file "$T/pid" id
	rm -f "$T/log" "$T/ran"
	before=$(snapshot "$T/b")
	refuses "$what" 1 "^nvbind-runtime: .*$regex" shim "$@"
	is "$what: nothing is touched" "$before" "$(snapshot "$T/b")"
	is "$what: nothing is run" absent "$([ -e "$T/ran" ] && echo present || echo absent)"
}

# ... which an engine finds in its log, too.
refused_and_logged() {
	refused "$@"
	like "$1: the engine's log says it" "$2" "$(jq -r 'select(.level == "error") | .msg' "$T/log")"
	like "$1: with the time" '^20[0-9-]+T[0-9:]+Z$' "$(jq -r .time "$T/log")"
}

asks() { # WHAT REGEX NAME=VALUE...
	bundle "$T/b" "$(env_of "${@:3}")"
	refused_and_logged "$1" "$2"
}

configure "$usual"
V=NVIDIA_VISIBLE_DEVICES
asks 'a part of a GPU, which nobody would give back' 'isolation virtual: only bolt chooses parts of GPUs.*MIG' $V=0 NVBIND_ISOLATION=virtual
asks 'a mode that is none' "NVBIND_ISOLATION: .*'virtuell'" $V=0 NVBIND_ISOLATION=virtuell
asks 'no such GPU' 'no such GPU: 8 .*GPUs 0 to 7' $V=8
asks 'no such UUID' 'no such GPU: GPU-00000000' $V=GPU-00000000-0000-0000-0000-000000000000
asks 'no such MIG device' 'no such MIG device: 0:1 .*GPU 0 has no MIG devices' $V=0:1
asks 'no such MIG UUID' 'no such MIG device: MIG-' $V=MIG-00000000-0000-0000-0000-000000000000
asks 'what is no device' "$V: 'fast' is not a GPU selector" $V=fast
asks 'a number that is too large' "$V: '4294967296'" $V=4294967296
asks 'a line break' "$V: 'a.nlevel=error' is not" "$V=a
level=error"
asks 'an escape sequence' "$V: '.x1b.31mx' is not" "$V=$(printf '\033[31mx')"
asks 'a value of 30 KB' "$V: 'x{900,1000}[.]{3} .use an index" $V="$(head -c 30000 /dev/zero | tr '\0' x)"
asks 'both none and a GPU' "$V: both 'none' and a GPU" $V=0,none
asks 'a CDI device that is not there' 'no such GPU: 9' $V=nvidia.com/gpu=9
asks "another vendor's device" 'vendor.com/disk=all is no device of NVIDIA' $V=vendor.com/disk=all
asks 'management without privilege' 'only for containers with CAP_SYS_ADMIN' $V=management.nvidia.com/gpu=all
asks 'what is no capability' "NVIDIA_DRIVER_CAPABILITIES: unknown driver capability 'computee' .*did you mean 'compute'" \
	$V=0 NVIDIA_DRIVER_CAPABILITIES=computee
asks 'a requirement that is not met' \
	"NVIDIA_REQUIRE_CUDA is not met: it wants cuda>=99.9, this host has CUDA [0-9.]+ by driver $driver.*NVIDIA_DISABLE_REQUIRE=1" \
	$V=0 'NVIDIA_REQUIRE_CUDA=cuda>=99.9'
asks 'a requirement of an old image' 'CUDA_VERSION is not met: it wants cuda>=99.9' CUDA_VERSION=99.9.1
asks 'a requirement of the GPU' 'NVIDIA_REQUIRE_GPU is not met: it wants arch<9.0,brand=tesla.*arch 9.0' $V=0 \
	'NVIDIA_REQUIRE_GPU=arch<9.0,brand=tesla cuda<1'
asks 'what is no requirement' "NVIDIA_REQUIRE_CUDA: 'cuda=>12' is no condition: no value" $V=0 'NVIDIA_REQUIRE_CUDA=cuda=>12'
asks 'what is neither true nor false' "NVIDIA_DISABLE_REQUIRE: 'maybe'" $V=0 NVIDIA_DISABLE_REQUIRE=maybe
asks 'MIG rights without privilege' 'NVIDIA_MIG_CONFIG_DEVICES: the right to manage MIG' $V=0 NVIDIA_MIG_CONFIG_DEVICES=all
asks 'what is no feature' "NVIDIA_GDS: '1' means nothing .*NVIDIA_GDS=enabled" $V=0 NVIDIA_GDS=1
asks 'what is no channel' 'NVIDIA_IMEX_CHANNELS: ' $V=0 NVIDIA_IMEX_CHANNELS=first
bundle "$T/b" "$(annotations_of gpu0)"
refused_and_logged 'an annotation that names nothing' "annotation: cdi.k8s.io/test|annotation: 'gpu0' is not a CDI device name"
configure "$usual" 'capabilities = ["utility"]'
asks 'a capability that is not allowed' 'this host does not allow compute' $V=0 NVIDIA_DRIVER_CAPABILITIES=compute
configure "$usual" 'accept-volume-mounts = true'
bundle "$T/b" "$(mounts_of fast)"
refused_and_logged 'a mount that names nothing' "'fast' is not a GPU selector"
configure "$usual"

# Without a log of JSON: runc's text, and none at all.
bundle "$T/b" "$(env_of $V=8)"
refused 'a log of text' 'no such GPU: 8' --log "$T/log" create -b "$T/b" id
like 'a log of text: as runc writes it' '^time="20[^"]+" level=error msg="nvbind-runtime: no such GPU: 8' "$(cat "$T/log")"
refused 'no log' 'no such GPU: 8' run -b "$T/b" id
refused 'a log that cannot be written' 'no such GPU: 8' --log /nowhere/log create -b "$T/b" id
refused 'a log that is stderr' 'no such GPU: 8' --log /dev/stderr create -b "$T/b" id

# A GPU that somebody holds alone, whoever it is; a refusal leaves no lease.
third=$(printf '%s\n' "$T"/host/proc/driver/nvidia/gpus/* | sort | sed -n 3p)
bundle "$T/b" "$(env_of $V=2)"
check 'a first one makes the files of leases' shim create --bundle "$T/b" id
held=$T/host/run/nvbind/leases/devices/${third##*/}
exec 9<"$held"
flock -x 9
asks 'a GPU that is held exclusively' "GPU 2 .*exclusive|exclusive.*GPU 2|held" $V=2
asks 'with others' 'exclusive|held' $V=all
exec 9<&-
is 'a refusal leaves no lease' '[]' "$(nvbind info --root "$T/host" --leases --json)"

# The device is gone, the driver is gone, it is half replaced.
node=$T/host/dev/nvidia$(sed -n 's/^Device Minor:[[:space:]]*//p' "$third/information")
bundle "$T/b" "$(env_of $V=2)"
mv "$node" "$T/node"
refused_and_logged 'a node that is gone' "GPU 2: device node .*${node##*/} is missing"
mv "$T/node" "$node"
mkdir -p "$T/bare/dev" "$T/bare/proc" "$T/bare/sys" "$T/bare/usr"
HOST=$T/bare configure "$usual"
refused_and_logged 'a host without a driver' 'no NVIDIA kernel module is loaded'
HOST=$T/nowhere configure "$usual"
refused_and_logged 'a root that is not there' "$T/nowhere"
configure "$usual"

# The hook must be where the container's runtime will look for it.
printf '[hook]\npath = "/nowhere/nvbind-hook"\n' >>"$T/etc/nvbind/config.toml"
refused_and_logged 'no hook' '/nowhere/nvbind-hook: No such file'
configure "$usual"

# config.json itself.
spoil() { # WHAT REGEX COMMAND...: run in the bundle
	bundle "$T/b" "$(env_of $V=2)"
	(cd "$T/b" && eval "$3")
	refused_and_logged "$1" "$2"
	rm -rf "$T/b"
}
spoil 'cut in half' 'config.json: .*byte' 'truncate -s $(($(stat -c %s config.json) / 2)) config.json'
spoil 'empty' 'config.json: ' ': >config.json'
spoil 'not JSON' 'config.json: ' 'echo hello >config.json'
spoil '10 MB of blanks' 'config.json has 104[0-9]* bytes, more than the 8 MiB' 'truncate -s 10M config.json'
spoil 'missing' 'config.json: No such file' 'rm config.json'
spoil 'a directory' 'config.json' 'rm config.json && mkdir config.json'
spoil 'a FIFO' 'config.json' 'rm config.json && mkfifo config.json'
spoil 'a link' 'config.json is a symbolic link' 'mv config.json real.json && ln -s real.json config.json'
spoil 'a key twice' 'config.json: .*process' "sed -i '0,/{/s//{\"process\": {},/' config.json"
spoil 'keys that differ in case' 'differs from "env" only in case' "sed -i 's/\"env\"/\"Env\"/' config.json"
spoil 'no process' 'process' "jq 'del(.process) | .annotations[\"cdi.k8s.io/a\"] = \"runtime.nvidia.com/gpu=0\"' config.json >n && mv n config.json"
bundle "$T/b" .
refused 'no bundle' '/nowhere: No such file' create --bundle /nowhere id

# One of nearly 8 MiB is edited like any other, in its environment or behind it.
bundle "$T/b" "$(env_of $V=2) | .annotations.padding = (\"x\" * 7000000)"
check 'a large one is taken' shim create --bundle "$T/b" id
is 'and edited' 1 "$(gpus_of "$T/b/config.json" | wc -w)"

# No room to write it: the old one stays.
bundle "$T/b" "$(env_of $V=2)"
small() {
	mount -t tmpfs -o size=8k tmpfs "$T/small"
	cp "$T/b/config.json" "$T/small/"
	cp "$T/small/config.json" "$T/before"
	configured "$@" && return 1
	cmp "$T/before" "$T/small/config.json" && [ "$(ls -A "$T/small")" = config.json ]
}
mkdir "$T/small"
rm -f "$T/ran"
check 'a full disk leaves the file' in_mount_namespace small nvbind-runtime create --bundle "$T/small" id
limited() { (ulimit -f 8 && exec nvbind-runtime create --bundle "$T/b" id); }
cp "$T/b/config.json" "$T/before"
refuses 'a limit on the size of files' 1 'writing config.json: File too large' in_mount_namespace configured limited
same_file 'leaves the file' "$T/before" "$T/b/config.json"
is 'and nothing beside it' 'config.json rootfs' "$(ls -A "$T/b" | tr '\n' ' ' | sed 's/ $//')"
is 'nothing is run' absent "$([ -e "$T/ran" ] && echo present || echo absent)"

# Whichever call of writing fails, and wherever it is killed: the file is the old one or the new one, whole; after a failure
# the old one, with nothing beside it, and nothing is run.
step() { # CALL NUMBER WHAT
	local status=0
	cp "$T/before" "$T/b/config.json"
	rm -f "$T/ran" "$T/b"/.nvb-*
	in_mount_namespace configured strace -qq -o /dev/null -e "trace=$1" -e "inject=$1:$3:when=$2" nvbind-runtime create \
		--bundle "$T/b" id >/dev/null 2>&1 || status=$?
	if [ "$status" -eq 0 ]; then
		cmp -s "$T/after" "$T/b/config.json" && [ -e "$T/ran" ]
	elif [ "$3" = signal=KILL ]; then
		[ ! -e "$T/ran" ] && { cmp -s "$T/before" "$T/b/config.json" || cmp -s "$T/after" "$T/b/config.json"; }
	else
		[ ! -e "$T/ran" ] && cmp -s "$T/before" "$T/b/config.json" && [ "$(ls -A "$T/b" | wc -l)" = 2 ]
	fi
}
steps() {
	local call number
	for call in write:2 renameat:2 fchmod:3 fchown:1 unlinkat:1 getrandom:4; do
		for ((number = 1; number <= ${call#*:}; number++)); do
			step "${call%:*}" "$number" "$1" || echo "${call%:*} $number"
		done
	done
}
if command -v strace >/dev/null && ! is_sanitized; then
	bundle "$T/b" "$(env_of $V=2)"
	cp "$T/b/config.json" "$T/before"
	shim create --bundle "$T/b" id
	cp "$T/b/config.json" "$T/after"
	is 'a call that fails' '' "$(steps error=EIO)"
	is 'a shim that is killed' '' "$(steps signal=KILL)"
fi

# The runtime, and the configuration itself, whatever the command.
cp "$NVB_BUILD/bin/nvbind-runtime" "$T/copy"
configure 'runtimes = ["/nowhere/runc", "no-such-crun"]'
refused_and_logged 'no runtime that exists' 'no OCI runtime: none of /nowhere/runc, no-such-crun is a program'
refused 'no runtime to delete with' 'no OCI runtime' delete id
configure "runtimes = [\"$(readlink -f "$NVB_BUILD/bin/nvbind-runtime")\"]"
refused 'never itself' 'no OCI runtime' state id
echo 'runtimes = 1' >"$T/etc/nvbind/config.toml"
refused 'a configuration that is none' "$T/etc/nvbind/config.toml|/etc/nvbind/config.toml:1"
configure "$usual" 'aceept-volume-mounts = true'
refused 'a key that is none' "config.toml:[0-9:]* .*did you mean 'accept-volume-mounts'|accept-volume-mounts"
echo nonsense >"$T/broken"
chmod +x "$T/broken"
configure "runtimes = [\"$T/broken\"]"
bundle "$T/b" .
refused 'a runtime that cannot be run' "running $T/broken: Exec format error"

# With a warning alone a container starts, and its stderr stays its own.
configure "$usual"
bundle "$T/b" "$(mounts_of 0)"
rm -f "$T/log" "$T/ran"
is 'a warning is not said to the container' '' "$(shim --log "$T/log" --log-format json create -b "$T/b" id 2>&1)"
like 'but to the log' 'are ignored' "$(jq -r 'select(.level == "warning") | .msg' "$T/log")"
is 'and the runtime is run' 1 "$(wc -l <"$T/ran")"
