#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nvbind cdi refresh --watch: it sees what changes, waits for silence, sleeps in between and ends when told to. /proc of a
# simulated machine is files, so inotify sees there what uevents tell of a real one; which uevents count is
# tests/unit/test_watch.c's.

. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim nvbind-hook jq python3 unshare nsenter ip

specs=$T/specs
host=$T/host
spec=$specs/nvidia.com-gpu.yaml
mkdir "$specs"
make_sim a100x8-mig "$host"
nvbind cdi generate --root "$host" --output "$specs/"

# eventually WHAT COMMAND...: within half a minute, which is patience and no measurement.
eventually() {
	local what=$1 i
	shift
	for ((i = 0; i < 300; i++)); do
		if "$@" >/dev/null 2>&1; then
			pass "$what"
			return
		fi
		sleep 0.1
	done
	fail "$what" "never: $*" "$(cat "$T/log")"
}
fresh() { nvbind cdi status --spec-dir "$specs"; }

# What would be the service manager: writes down what it is told.
python3 - "$T/notify" "$T/told" <<'EOF' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[2], "w", buffering=1) as f:
    while True:
        text = s.recv(4096).decode()
        f.write(text + "\n")
        if "STOPPING=1" in text:
            break
EOF
manager=$!
end_manager() { kill "$manager" 2>/dev/null || true; }
defer end_manager
for ((i = 0; i < 100; i++)); do [ -S "$T/notify" ] && break || sleep 0.1; done

NOTIFY_SOCKET=$T/notify unshare -n nvbind cdi refresh --watch --spec-dir "$specs" >"$T/log" 2>&1 &
watcher=$!
end_watcher() { kill -KILL "$watcher" 2>/dev/null || true; }
defer end_watcher
told() { grep -q "$1" "$T/told"; }
eventually 'it says that it is ready' told READY=1
check 'a spec that is fresh stays as it is' fresh

# --- changes ---------------------------------------------------------------------------------------------------------

mv "$host/usr/bin/nvidia-smi" "$T/smi"
without_smi() { ! grep -q /usr/bin/nvidia-smi "$spec"; }
eventually 'it sees that a file is gone' without_smi
mv "$T/smi" "$host/usr/bin/nvidia-smi"
eventually 'and that it is back' grep -q /usr/bin/nvidia-smi "$spec"

libnvml=$(find "$host/usr" -name 'libnvidia-ml.so.1' | head -n 1)
mig() { LD_LIBRARY_PATH=${libnvml%/*} NVBIND_ROOT=$host "$NVB_BUILD/tests/integration/sim-mig" "$@"; }
gpu=$(nvbind cdi list --spec-dir "$specs" | sed -n 's|.*gpu=\([0-9]*\):0$|\1|p' | head -n 1)
instance=$(find "$host/proc/driver/nvidia/capabilities/gpu$gpu/mig" -path '*/ci0' | head -n 1)
gi=$(sed 's|.*/gi\([0-9]*\)/.*|\1|' <<<"$instance")
before=$(nvbind cdi list --spec-dir "$specs" | grep -c "gpu=$gpu:")
if mig destroy "$gpu" "$gi" 0 2>"$T/mig.err"; then
	fewer() { [ "$(nvbind cdi list --spec-dir "$specs" | grep -c "gpu=$gpu:")" = $((before - 1)) ]; }
	eventually 'a MIG device that is destroyed leaves the spec' fewer
else
	fail 'a MIG device is destroyed' "$(cat "$T/mig.err")"
fi

sed -i 's/=void/=all/' "$spec"
eventually 'an edit by hand is taken back' grep -q NVIDIA_VISIBLE_DEVICES=void "$spec"
cp "$spec" "$T/good.yaml"
sed '1,2!d; s/generate/generate --class more/' "$spec" >"$specs/more.yaml"
eventually 'a spec that comes with nothing but how it is made is made' nvbind cdi show --spec-dir "$specs" nvidia.com/more=all
rm "$specs/more.yaml"
rm "$host/dev/nvidia-uvm-tools"
unnamed() { ! grep -q uvm-tools "$spec"; }
eventually 'a device node that is gone' unnamed

driver=$(sed -n 's/^driver = "\(.*\)"/\1/p' "$NVB_SOURCE/sim/scenarios/a100x8-mig.toml")
sed 's/^driver = .*/driver = "599.99.99"/' "$NVB_SOURCE/sim/scenarios/a100x8-mig.toml" >"$T/newer.toml"
nvbind-sim create --scenario "$T/newer.toml" "$host"
eventually 'another driver' grep -q 'libcuda.so.599.99.99$' "$spec"
unlike 'takes the place of the old one' "libcuda.so.$driver" "$(cat "$spec")"
eventually 'in the end all is fresh' fresh
like 'what it did stands in its output' "$spec: made again: driver $driver in the spec, 599.99.99 on this host" "$(cat "$T/log")"

rm "$spec"
kill -HUP "$watcher"
sleep 1
check 'a spec that somebody removed stays away' test ! -e "$spec"
check 'it goes on after SIGHUP' kill -0 "$watcher"
cp "$T/good.yaml" "$spec"
eventually 'one that is put back from an old copy is made again' grep -q 'libcuda.so.599.99.99$' "$spec"

# --- sleeping --------------------------------------------------------------------------------------------------------

switches() { awk '/ctxt_switches/ {n += $2} END {print n}' "/proc/$watcher/status"; }
for ((i = 0; i < 20; i++)); do
	before=$(switches)
	sleep 2
	[ "$before" != "$(switches)" ] || break
done
is 'with nothing to do it does nothing at all' "$before" "$(switches)"
echo x >/dev/null
touch "$T/elsewhere"
is 'nor when others write to /dev/null' "$before" "$(switches)"

# A network interface is a uevent of its network namespace, so a real one can be had without touching this host.
lines=$(wc -l <"$T/told")
if nsenter -t "$watcher" -n ip link add type veth 2>/dev/null; then
	woken() { [ "$before" != "$(switches)" ]; }
	eventually 'a uevent wakes it' woken
	sleep 1
	is 'but one that has nothing to do with GPUs causes no pass' "$lines" "$(wc -l <"$T/told")"
else
	echo '# left out: no network interface can be made here'
fi

# --- the end ---------------------------------------------------------------------------------------------------------

kill -TERM "$watcher"
status=0
wait "$watcher" || status=$?
is 'SIGTERM ends it in good order' 0 "$status"
eventually 'which it says' told STOPPING=1

if command -v systemd-analyze >/dev/null; then
	for unit in "$NVB_SOURCE"/packaging/systemd/*.service "$NVB_SOURCE"/packaging/systemd/*.socket; do
		sed "s,/usr/bin/,$NVB_BUILD/bin/," "$unit" >"$T/${unit##*/}"
	done
	is 'systemd finds nothing wrong with the units' '' "$(systemd-analyze verify "$T"/*.service "$T"/*.socket 2>&1)"
else
	echo '# left out: no systemd-analyze'
fi
