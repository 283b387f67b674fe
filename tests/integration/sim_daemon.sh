#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The daemon of a simulated machine survives its clients and goes with its machine.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim
toy=$NVB_BUILD/tests/integration/cuda-toy

make_sim a100x8-mig "$T/host"
root=$T/host
export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu
pid=$(cat "$root/run/nvidia-persistenced/nvidia-persistenced.pid")
descriptors() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }
until_ok() {
	local i
	for ((i = 0; i < 200; i++)); do
		! "$@" || return 0
		sleep 0.02
	done
	return 1
}
few_descriptors() { [ "$(descriptors)" -eq "$before" ]; }

is 'it is a session of its own' "$pid" "$(($(ps -o sid= -p "$pid") == $(ps -o sid= -p $$) ? 0 : pid))"
is 'it holds no terminal' '?' "$(ps -o tty= -p "$pid" | tr -d ' ')"
is 'it has no environment' 0 "$(wc -c <"/proc/$pid/environ")"

before=$(descriptors)
for seed in 1 2 3; do
	check "hostile clients, seed $seed" "$NVB_BUILD/tests/integration/sim-hostile" "$root" "$seed"
	check "the daemon lives, seed $seed" kill -0 "$pid"
done
check 'no descriptor is left' until_ok few_descriptors
is 'no program is left in the list' 0 "$("$root/usr/bin/nvidia-smi" --query-compute-apps=pid --format=csv,noheader | wc -l)"

# Settings need root.
if others_reach_build; then
	chmod 755 "$T"
	like 'who is not root may not switch MIG' ': 4$' \
		"$(setpriv --reuid=65534 --regid=65534 --clear-groups \
			env LD_LIBRARY_PATH="$LD_LIBRARY_PATH" "$NVB_BUILD/tests/integration/sim-mig" mode 5 1 2>&1 || true)"
fi

# A root deeper than a socket's address can say.
deep=$T/$(printf 'a-directory-with-a-long-name/%.0s' 1 2 3 4 5)
mkdir -p "$deep"
make_sim rtx4090x1 "$deep/machine"
check 'a machine deep down works' env LD_LIBRARY_PATH="$deep/machine/usr/lib/x86_64-linux-gnu" "$toy" run

# It goes when its directory goes, also if nobody asked it.
nvbind-sim create --scenario t4x1 "$T/removed" 2>/dev/null
stray=$(cat "$T/removed/run/nvidia-persistenced/nvidia-persistenced.pid")
rm -rf "$T/removed"
check 'no daemon without its machine' until_ok ended "$stray"

# A killed daemon is no obstacle, and a foreign pid in the file is not signalled.
nvbind-sim create --scenario t4x1 "$T/killed" 2>/dev/null
kill -KILL "$(cat "$T/killed/run/nvidia-persistenced/nvidia-persistenced.pid")"
sleep 600 &
bystander=$!
defer kill "$bystander"
echo "$bystander" >"$T/killed/run/nvidia-persistenced/nvidia-persistenced.pid"
check 'a machine whose daemon was killed is destroyed' nvbind-sim destroy "$T/killed"
check 'the process of that number was left alone' kill -0 "$bystander"

# Without root there are no nodes, and a word about it.
if others_reach_build; then
	mkdir "$T/user"
	chown 65534:65534 "$T/user"
	output=$(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all \
		nvbind-sim create --scenario rtx4090x1 "$T/user/m" 2>&1) || fail 'create without root' "$output"
	like 'without root it says what is missing' 'device nodes needs root' "$output"
	check 'libraries are there' test -e "$T/user/m/usr/lib/x86_64-linux-gnu/libcuda.so.1"
	is 'nodes are not' '' "$(find "$T/user/m/dev" -type c)"
	check 'and it is destroyed' setpriv --reuid=65534 --regid=65534 --clear-groups nvbind-sim destroy "$T/user/m"
fi
