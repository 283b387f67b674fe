#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every scenario becomes a machine, on every layout, and goes without a trace; what cannot be done is refused.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind-sim

daemon_of() { cat "$1/run/nvidia-persistenced/nvidia-persistenced.pid"; }
gone() { ! [ -e "$1" ]; }
# A process that has ended may wait for its parent, here whoever adopted it, to notice.
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }

# Numbers of a node as stat prints them, in decimal.
node_numbers() { echo $((16#$(stat -c %t "$1"))):$((16#$(stat -c %T "$1"))); }

# A machine with `gpus` GPUs of the driver says the same everywhere.
check_driver() { # NAME ROOT GPUS
	local name=$1 root=$2 gpus=$3 major
	is "$name: GPUs in /proc" "$gpus" "$(find "$root/proc/driver/nvidia/gpus" -name information | wc -l)"
	is "$name: GPU nodes" "$gpus" "$(find "$root/dev" -maxdepth 1 -type c -name 'nvidia[0-9]*' | wc -l)"
	is "$name: one version" "$(cat "$root/sys/module/nvidia/version")" \
		"$(grep -oE '[0-9]+\.[0-9.]+' "$root/proc/driver/nvidia/version" | head -1)"
	major=$(awk '$2 == "nvidia" {print $1}' "$root/proc/devices")
	is "$name: major as in /proc/devices" "$major:255" "$(node_numbers "$root/dev/nvidiactl")"
	is "$name: this host serves no such major" '' \
		"$(awk -v m="$major" '/^Block/ {exit} $1 == m' /proc/devices)"
	like "$name: nobody answers a node" 'No such device or address' \
		"$(LC_ALL=C cat "$root/dev/nvidia0" 2>&1 || true)"
	is "$name: a UUID each" "$gpus" "$(cat "$root"/proc/driver/nvidia/gpus/*/information | grep -o 'GPU-.*' | sort -u | wc -l)"
	local address
	for address in "$root"/proc/driver/nvidia/gpus/*; do
		is "$name: ${address##*/} is NVIDIA's in /sys" 0x10de "$(cat "$root/sys/bus/pci/devices/${address##*/}/vendor")"
		is "$name: ${address##*/} is bound" nvidia \
			"$(basename "$(readlink "$root/sys/bus/pci/devices/${address##*/}/driver")")"
	done
}

for scenario in $(nvbind-sim scenarios --format json | jq -r '.[].name'); do
	root=$T/$scenario
	check "$scenario: created" nvbind-sim create --scenario "$scenario" "$root"
	gpus=$(nvbind-sim scenarios --format json | jq -r --arg n "$scenario" '.[] | select(.name == $n).gpus')
	case $scenario in
	wsl2)
		check "$scenario: /dev/dxg" test -c "$root/dev/dxg"
		check "$scenario: no /proc/driver/nvidia" gone "$root/proc/driver/nvidia"
		;;
	nouveau)
		is "$scenario: bound to nouveau" nouveau "$(basename "$(readlink "$root/sys/bus/pci/devices/0000:01:00.0/driver")")"
		check "$scenario: no NVIDIA node" gone "$root/dev/nvidiactl"
		;;
	no-gpu) is "$scenario: nothing of NVIDIA" '' "$(grep -l 0x10de "$root"/sys/bus/pci/devices/*/vendor || true)" ;;
	mismatch)
		check_driver "$scenario" "$root" "$gpus"
		unlike "$scenario: libraries of another version" "$(cat "$root/sys/module/nvidia/version")" \
			"$(find "$root" -name 'libcuda.so.5*')"
		;;
	*) check_driver "$scenario" "$root" "$gpus" ;;
	esac
	pid=
	[ ! -e "$root/run/nvidia-persistenced" ] || pid=$(daemon_of "$root")
	if [ -n "$pid" ]; then
		is "$scenario: listed" "$pid" \
			"$(nvbind-sim list --format json | jq -r --arg r "$root" '.[] | select(.root == $r).pid')"
	fi
	check "$scenario: destroyed" nvbind-sim destroy "$root"
	check "$scenario: no file left" gone "$root"
	[ -z "$pid" ] || check "$scenario: no process left" ended "$pid"
done

for layout in debian debian-alternatives fedora arch nixos; do
	root=$T/layout
	nvbind-sim create --scenario rtx4090x1 --layout "$layout" "$root"
	for bits in 64 32; do
		check "$layout: $bits-bit libcuda" bash -c "find '$root' -name 'libcuda.so.570*' -exec file {} + | grep -q 'ELF $bits-bit'"
	done
	# Every link leads to something in the machine, absolute ones seen from its root.
	broken=$(find "$root" -type l -printf '%h %l\n' | while read -r from target; do
		case $target in
		/*) target=$root$target ;;
		*) target=$from/$target ;;
		esac
		[ -e "$target" ] || [ -L "$target" ] || echo "$target"
	done)
	is "$layout: no broken link" '' "$broken"
	nvbind-sim destroy "$root"
done

# MIG instances of a scenario have their files.
nvbind-sim create --scenario big --gpus 3 "$T/big"
is 'big: 7 instances on each of 3 GPUs' 21 "$(find "$T/big/proc/driver/nvidia/capabilities" -path '*/ci0/access' | wc -l)"
is 'big: two nodes an instance, and two more' 44 "$(find "$T/big/dev/nvidia-caps" -type c | wc -l)"
nvbind-sim destroy "$T/big"

# The same seed, the same cards; without one each machine has its own.
uuids() { cat "$1"/proc/driver/nvidia/gpus/*/information | grep -o 'GPU-.*'; }
for run in 1 2; do
	nvbind-sim create --scenario h200x8 --seed 5 "$T/seeded"
	uuids "$T/seeded" >"$T/uuids.$run"
	nvbind-sim destroy "$T/seeded"
done
same_file 'a seed makes UUIDs again' "$T/uuids.1" "$T/uuids.2"

# Refusals.
mkdir "$T/mine"
echo precious >"$T/mine/file"
refuses 'a directory with files' 1 'not empty' nvbind-sim create --scenario h200x8 "$T/mine"
refuses 'destroying what is no machine' 1 'not a simulated machine' nvbind-sim destroy "$T/mine"
is 'the file is still there' precious "$(cat "$T/mine/file")"
refuses 'an unknown scenario' 1 "no scenario 'h200x9'.*h200x8" nvbind-sim create --scenario h200x9 "$T/x"
refuses 'an unknown layout' 1 'no layout' nvbind-sim create --scenario h200x8 --layout beos "$T/x"
refuses 'no GPU' 1 'between 1 and 64' nvbind-sim create --scenario h200x8 --gpus 0 "$T/x"
refuses 'too many GPUs' 1 'between 1 and 64' nvbind-sim create --scenario h200x8 --gpus 65 "$T/x"
refuses 'a parent that is not there' 1 'No such file' nvbind-sim create --scenario h200x8 "$T/no/where"
printf 'driver = "../../x"\n' >"$T/bad.toml"
refuses 'a version that would leave the tree' 1 'driver version looks like' nvbind-sim create --scenario "$T/bad.toml" "$T/x"
printf 'sumary = "x"\n' >"$T/bad.toml"
refuses 'an unknown key' 1 'sumary' nvbind-sim create --scenario "$T/bad.toml" "$T/x"
sed 's/"3g.40gb", "2g.20gb"/"7g.80gb", "7g.80gb"/' "$NVB_SOURCE/sim/scenarios/a100x8-mig.toml" >"$T/bad.toml"
refuses 'MIG instances that do not fit' 1 'no room for a MIG instance' nvbind-sim create --scenario "$T/bad.toml" "$T/x"
check 'a failed create leaves nothing' gone "$T/x"

# Files of others survive; a machine nobody uses makes way for the next.
nvbind-sim create --scenario t4x1 "$T/again"
nvbind-sim create --scenario rtx4090x1 "$T/again"
like 'an idle machine is replaced' rtx4090x1 "$(cat "$T/again/.nvbind-sim")"
echo mine >"$T/again/notes"
nvbind-sim destroy "$T/again" 2>/dev/null
is 'only what create made is removed' notes "$(ls "$T/again")"

# What is mounted in a machine is not removed with it.
nvbind-sim create --scenario t4x1 "$T/a machine"
mount --bind "$T/mine" "$T/a machine/usr"
refuses 'a machine with something mounted in it' 1 'something is mounted at .*usr' nvbind-sim destroy "$T/a machine"
refuses 'nor is it replaced' 1 'something is mounted at .*usr' nvbind-sim create --scenario t4x1 "$T/a machine"
is 'what was mounted is whole' precious "$(cat "$T/mine/file")"
umount "$T/a machine/usr"
check 'without the mount it goes' nvbind-sim destroy "$T/a machine"
check 'all of it' gone "$T/a machine"
