#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The prestart hook on bad input, in hostile images and killed at any step: one clear line, the container is not
# started, and nothing of the host is touched.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/prestart_lib.sh"
need_root
need nvbind-hook nvbind-sim runc jq
runtime_works runc v1 || skip "runc: $(tail -1 "$T/.works.runc.v1")"
prestart_machine h200x8
make_busybox_root "$T/image"
host_mounts() { grep -c "$T" /proc/self/mountinfo || :; }

# bundle NAME GPUS: a container that leaves a file when it was started.
bundle() {
	rm -rf --one-file-system "$T/b"
	mkdir -p "$T/b" "$T/out"
	rm -f "$T/out/started"
	cp -a "$T/image" "$T/b/rootfs"
	gpu_bundle "$T/b" "$1" touch /out/started
	edit "$T/b" ".mounts += [{destination: \"/out\", type: \"bind\", source: \"$T/out\", options: [\"bind\"]}]"
}

run() { with_cgroup_v1 run_bundle runc "$T/b" 2>&1 || :; }

# not_started WHAT REGEX: the bundle is refused with one line of ours that says so.
not_started() {
	local output
	output=$(run)
	like "$1: the engine's user reads why" "stderr: nvbind-hook: [^\\]*$2[^\\]*\\\\n\"$" "$output"
	check "$1: the container is not started" test ! -e "$T/out/started"
}

# --- what is asked for -------------------------------------------------------------------------------------------------
bundle 17
not_started 'a GPU that is not there' 'no such GPU: 17'
bundle 0,x
not_started 'a malformed list' "NVIDIA_VISIBLE_DEVICES: 'x'"
bundle GPU-00000000-0000-0000-0000-000000000000
not_started 'a UUID of no GPU' 'no such GPU'
bundle 0
edit "$T/b" '.process.env += ["NVIDIA_DRIVER_CAPABILITIES=compute,flight"]'
not_started 'an unknown capability' "NVIDIA_DRIVER_CAPABILITIES.*'flight'"
bundle 0
edit "$T/b" '.process.env += ["NVIDIA_REQUIRE_DRIVER=driver>=9999"]'
not_started 'a requirement that is not met' 'driver>=9999'
bundle 0
edit "$T/b" '.annotations["cdi.k8s.io/x"] = "nvidia.com/gpu=0"'
not_started 'a CDI name, for which a hook comes too late' 'nvidia.com/gpu=0: a hook cannot give CDI devices'
bundle 0
mv "$T/host/dev/nvidia-uvm" "$T/host/dev/was-uvm"
not_started 'a node that is gone' 'device node .*nvidia-uvm is missing'
mv "$T/host/dev/was-uvm" "$T/host/dev/nvidia-uvm"
bundle 0
echo 'roots = 1' >"$T/bad.toml"
edit "$T/b" ".hooks.prestart[0].args[2] = \"$T/bad.toml\""
not_started 'a configuration that is none' 'bad.toml:1'

# --- what the runtime hands over ---------------------------------------------------------------------------------------
bundle 0
state() { printf '{"ociVersion":"1.0.2","id":"x","status":"creating","pid":%s,"bundle":"%s"}' "$1" "$2"; }
given() { # WHAT STATUS REGEX STATE
	refuses "$1" "$2" "$3" bash -c 'nvbind-hook prestart --config "$T/config.toml" <<<"$1"' bash "$4"
}
given 'no state' 1 'container state' ''
given 'half a state' 1 'container state' '{"pid": 1, "bundle": "/'
given 'a state without a process' 1 'names no process' "$(state 0 "$T/b")"
given 'a bundle that is not there' 1 'nowhere' "$(state $$ "$T/nowhere")"
given 'a process that is not there' 1 '(process|namespace of process) 4194303' "$(state 4194303 "$T/b")"
sleep 600 &
sleeper=$!
defer kill "$sleeper"
mounts=$(host_mounts)
given 'a process in our own mount namespace' 1 'no mount namespace of its own' "$(state "$sleeper" "$T/b")"
is 'and nothing is mounted' "$mounts" "$(host_mounts)"
cp "$T/b/config.json" "$T/whole.json"
head -c 700 "$T/whole.json" >"$T/b/config.json"
given 'a config.json cut in half' 1 'config.json|process' "$(state "$sleeper" "$T/b")"
{ printf '{"x":"'; head -c 17000000 /dev/zero | tr '\0' a; printf '"}'; } >"$T/b/config.json"
given 'a config.json of 17 MB' 1 'config.json' "$(state "$sleeper" "$T/b")"
refuses 'an unknown argument' 1 '--gpu: unknown argument' nvbind-hook prestart --gpu 0
check 'poststop is nothing to do' "$T/bin/nvidia-container-runtime-hook" poststop

# --- hostile images ----------------------------------------------------------------------------------------------------
mkdir "$T/precious"
echo mine >"$T/precious/file"
precious() { (cd "$T/precious" && find . -printf '%p %y %s\n' | sort && cat file) | md5sum; }
before=$(precious)
lib=usr/lib/x86_64-linux-gnu

bundle 0
mkdir -p "$T/b/rootfs/usr/lib"
ln -s "$(printf '../%.0s' {1..20})$T/precious" "$T/b/rootfs/$lib"
run >/dev/null
is 'a link that climbs out' "$before" "$(precious)"
bundle 0
mkdir -p "$T/b/rootfs/usr/lib"
ln -s /proc/1/root "$T/b/rootfs/$lib"
not_started 'a magic link' "$lib"
for place in /proc/sys/kernel /sys/kernel /proc/self/attr; do
	bundle 0
	mkdir -p "$T/b/rootfs/usr/lib"
	ln -s "$place" "$T/b/rootfs/$lib"
	not_started "a link into $place" "$lib/libcuda.so.*(lies in a volume|No such file)"
done
bundle 0
mkdir -p "$T/b/rootfs/$lib"
ln -s /proc/sys/kernel/domainname "$T/b/rootfs/$lib/$(basename "$T/host/$lib"/libcuda.so.*.*)"
not_started 'a library that is a link to a sysctl' 'libcuda.so.*file system of the kernel'
bundle 0
mkdir -p "$T/b/rootfs/usr/bin"
mkdir "$T/b/rootfs/usr/bin/nvidia-smi"
touch "$T/b/rootfs/usr/lib" 2>/dev/null || :
rm -rf "$T/b/rootfs/usr/lib"
touch "$T/b/rootfs/usr/lib"
not_started 'a file in the place of a directory' 'usr/lib'
bundle 0
edit "$T/b" ".mounts |= map(select(.destination != \"/dev\")) | .mounts += [{destination: \"/dev\", type: \"bind\",
	source: \"$T/precious\", options: [\"bind\"]}]"
not_started 'a volume in the place of /dev' '/dev/nvidia.*: lies in a volume'
is 'and the volume is as it was' "$(precious)" "$(rm -rf "$T/precious"/{console,ptmx,fd,std*,core,null,zero,full,tty,random,urandom,pts,shm,mqueue}; precious)"
bundle 0
edit "$T/b" ".mounts += [{destination: \"/usr\", type: \"bind\", source: \"$T/precious\", options: [\"bind\"]}]"
not_started 'a volume where libraries go' 'lies in a volume'
is 'and the volume is untouched' "$before" "$(precious)"
bundle 0
edit "$T/b" ".mounts += [{destination: \"/dev/nvidia0\", type: \"bind\", source: \"/dev/null\", options: [\"bind\"]}]"
not_started 'something else in the place of a node' '/dev/nvidia0: the container has something else there'

# --- volumes that the host sees into -----------------------------------------------------------------------------------
# What is mounted into an rshared volume would be mounted on the host, and stay.
shared_volume() { # WAY DESTINATION: prints what the host has mounted there afterwards
	mount --bind "$T/volume" "$T/volume"
	mount --make-rshared /
	if [ "$1" = prestart ]; then
		gpu_bundle "$T/b" 0 true
	else
		make_bundle "$T/b" true
		nvbind inject --root "$T/host" --gpu 0 --hook-path "$HOOK" --bundle "$T/b"
	fi
	edit "$T/b" ".mounts += [{destination: \"$2\", type: \"bind\", source: \"$T/volume\", options: [\"rbind\", \"rshared\"]}]
		| .linux.rootfsPropagation = \"rshared\""
	run_bundle runc "$T/b" >/dev/null 2>&1 || :
	grep -c "$T/volume" /proc/self/mountinfo
}
for way in prestart createContainer; do
	bundle 0
	rm -rf "$T/volume"
	cp -a "$T/image/etc" "$T/volume"
	mkdir -p "$T/b/rootfs/lib64"
	: >"$T/b/rootfs/lib64/ld-linux-x86-64.so.2"
	cp /etc/ld.so.cache "$T/volume/ld.so.cache"
	is "$way: nothing is mounted over the cache of a shared /etc" 1 "$(with_cgroup_v1 shared_volume "$way" /etc)"
done
bundle 0
rm -rf "$T/volume"
mkdir -p "$T/volume/lib/x86_64-linux-gnu"
touch "$T/volume/lib/x86_64-linux-gnu/$(basename "$T/host/$lib"/libcuda.so.*.*)"
is 'prestart: nor over a library of a shared /usr' 1 "$(with_cgroup_v1 shared_volume prestart /usr)"

# --- traced ------------------------------------------------------------------------------------------------------------
# Root of the container's user namespace, in another process that sees the hook (--pid=host): between entering that
# namespace and becoming its user the hook is the host's user 0 with descriptors of the host's. strace makes that long.
if command -v strace >/dev/null && ! is_sanitized; then
	cat >"$T/traced" <<END
#!/bin/bash
cat >"$T/state"
strace -o "$T/trace" -e trace=setns,setresgid -e inject=setresgid:delay_enter=3000000 \\
	bash -c 'echo \$\$ >"$T/hook-pid"; exec "\$@" <"$T/state"' bash "$HOOK" prestart --config "$T/config.toml" &
users=/proc/\$(jq .pid "$T/state")/ns/user
until [ "\$(readlink "/proc/\$(cat "$T/hook-pid" 2>/dev/null)/ns/user")" = "\$(readlink "\$users")" ]; do
	kill -0 \$! || exit 1
	sleep 0.01
done
nsenter --user="\$users" --setuid 0 --setgid 0 readlink -v "/proc/\$(cat "$T/hook-pid")/exe" >"$T/seen" 2>&1
wait \$!
END
	chmod +x "$T/traced"
	bundle 0
	chown -R "$IDS:$IDS" "$T/b/rootfs" "$T/out"
	with_users "$T/b"
	edit "$T/b" ".hooks.prestart[0] |= (.path = \"$T/traced\" | .args = [\"traced\"] | .env = [\"PATH=$PATH\"])"
	run >/dev/null
	check 'a hook that somebody looks at: the container is started' test -e "$T/out/started"
	like 'and nobody of its user namespace could trace it' 'Permission denied' "$(cat "$T/seen" 2>&1)"
	chown 0:0 "$T/out"
fi

# --- killed ------------------------------------------------------------------------------------------------------------
if command -v strace >/dev/null && ! is_sanitized; then
	cat >"$T/killed" <<END
#!/bin/sh
exec strace -o /dev/null -e trace="\$KILL_CALL" -e inject="\$KILL_CALL:signal=KILL:when=\$KILL_WHEN" \
	"$HOOK" prestart --config "$T/config.toml"
END
	chmod +x "$T/killed"
	for step in open_tree:1 open_tree:9 flock:1 write:1 write:2 pidfd_open:1 setns:1 capset:1 prctl:30 move_mount:1 \
		move_mount:7 mknodat:1 mknodat:4 symlinkat:1 renameat:1 exit_group:1; do
		bundle 0
		edit "$T/b" ".hooks.prestart[0] |= (.path = \"$T/killed\" | .args = [\"killed\"]
			| .env = [\"PATH=/usr/bin:/bin\", \"KILL_CALL=${step%:*}\", \"KILL_WHEN=${step#*:}\"])"
		run >/dev/null
		[ ! -e "$T/out/started" ] || echo "$step" >>"$T/survived"
	done
	# A step that this hook does not take kills nothing; most are taken.
	is 'killed at a step: the container is not started' '' "$(grep -vE '^(write|renameat|symlinkat|flock|exit_group)' "$T/survived" 2>/dev/null | xargs)"
	is 'no mount stays' "$mounts" "$(host_mounts)"
	is 'no cgroup stays' 0 "$(find /sys/fs/cgroup -maxdepth 3 -type d -name "nvb-test-$(basename "$T" | tr . -)*" | wc -l)"
	bundle 0
	like 'and the next container starts' '^$' "$(run)"
	check 'with its GPU' test -e "$T/out/started"
fi
