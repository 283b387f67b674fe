#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NVIDIA's own nvidia-smi on the simulated NVML. Opt-in: NVB_TEST_NVIDIA_DIR names a directory with extracted packages
# (Debian's non-free nvidia-smi, say: apt-get download, dpkg -x). Each nvidia-smi there gets a machine of its version.
. "$(dirname "$0")/lib.sh"
[ -n "${NVB_TEST_NVIDIA_DIR:-}" ] || skip 'NVB_TEST_NVIDIA_DIR is not set'
need_root
need nvbind-sim python3

mapfile -t programs < <(find "$NVB_TEST_NVIDIA_DIR" -name nvidia-smi -type f -perm -u+x -size +100k)
[ "${#programs[@]}" -gt 0 ] || skip "no nvidia-smi in $NVB_TEST_NVIDIA_DIR"
scenario=$NVB_SOURCE/sim/scenarios/a100x8-mig.toml

try() { # NUMBER PROGRAM
	local smi=$2 root=$T/$1 version ours
	version=$("$smi" -h | grep -aom1 'v[0-9][0-9.]*$' | cut -c2-)
	sed "s/^driver = .*/driver = \"$version\"/" "$scenario" >"$T/$1.toml"
	make_sim "$T/$1.toml" "$root"
	nvbind-sim set "$root" vary=off
	export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu
	ours=$root/usr/bin/nvidia-smi

	for arguments in '-L' '' '--query-gpu=index,name,uuid,memory.used,fan.speed,mig.mode.current,clocks.sm --format=csv' \
		'--query-gpu=index,pci.bus_id,power.draw,compute_cap --format=csv,noheader,nounits'; do
		# The table's layout changes between branches; ours is that of 550 and later.
		[ -n "$arguments" ] || [ "${version%%.*}" -ge 550 ] || continue
		# shellcheck disable=SC2086 # several words
		is "$version: ours prints the same: ${arguments:-table}" "$("$smi" $arguments | grep -v '^[A-Z][a-z][a-z] ')" \
			"$("$ours" $arguments | grep -v '^[A-Z][a-z][a-z] ')"
	done
	is "$version: -q -x" 8 "$("$smi" -q -x | python3 -c \
		'import sys, xml.dom.minidom as m; print(len(m.parse(sys.stdin).getElementsByTagName("gpu")))')"

	like "$version: the topology" '^GPU0[[:space:]]+X[[:space:]]+NV12' "$("$smi" topo -m)"
	check "$version: dmon" "$smi" dmon -c 1
	mkfifo "$T/$1.in"
	"$NVB_BUILD/tests/integration/cuda-toy" hold 0 1024 <"$T/$1.in" >"$T/$1.out" &
	local holder=$!
	exec 8>"$T/$1.in"
	for _ in $(seq 250); do
		! grep -q ready "$T/$1.out" || break
		sleep 0.02
	done
	is "$version: it shows the program" "$holder, 1280 MiB" \
		"$("$smi" --query-compute-apps=pid,used_memory --format=csv,noheader)"
	like "$version: in the table as well" " $holder +C " "$("$smi")"
	exec 8>&-
	wait "$holder"

	check "$version: MIG on" "$smi" -mig 1 -i 7
	check "$version: instances made" "$smi" mig -cgi 9,14,19 -C -i 7
	is "$version: three MIG devices on GPU 7" 3 "$("$smi" -L | sed -n '/^GPU 7/,$p' | grep -c '^  MIG ')"
	local full=0
	"$smi" mig -cgi 9,9 -i 7 >/dev/null 2>&1 || full=$?
	is "$version: no room for two halves more" 23 "$full" # NVML_ERROR_INSUFFICIENT_RESOURCES
	is "$version: nvbind sees the same" '3g.40gb 2g.20gb 1g.10gb' \
		"$(nvbind --root "$root" mig list --gpu 7 --format json | grep -o '"device": "[^}]*' | grep -o '[1-7]g[^"]*' | paste -sd' ')"
	check "$version: nvbind makes what is missing" nvbind --root "$root" mig apply - <<-'END'
		version: v1
		mig-configs: {a: [{devices: [7], mig-enabled: true, mig-devices: {4g.40gb: 1, 1g.10gb: 3}}]}
	END
	is "$version: it sees nvbind's, with their places" '0:4 4:1 5:1 6:1' \
		"$("$smi" mig -lgi -i 7 | grep -o '[0-9]:[0-9]' | sort | paste -sd' ')"
	check "$version: compute instances destroyed" "$smi" mig -dci -i 7
	check "$version: GPU instances destroyed" "$smi" mig -dgi -i 7
	check "$version: MIG off" "$smi" -mig 0 -i 7
	is "$version: none left" 0 "$("$smi" -L | sed -n '/^GPU 7/,$p' | grep -c '^  MIG ' || true)"

	check "$version: a power limit" "$smi" -pl 300 -i 6
	is "$version: it holds" '300.00 W' "$("$smi" --query-gpu=power.limit --format=csv,noheader -i 6)"
	nvbind-sim fail "$root" gpu 6 lost
	like "$version: a lost GPU" 'GPU is lost' "$("$smi" 2>&1 || true)"
	unset LD_LIBRARY_PATH
}

for i in "${!programs[@]}"; do
	try "$i" "${programs[i]}"
done
