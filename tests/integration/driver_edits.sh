#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CUDA forward compatibility and the masking of ModifyDeviceFiles, as plan, and in containers that got their GPUs by a
# hook in config.json, by the prestart hook and by bolt.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container_lib.sh"
. "$(dirname "$0")/prestart_lib.sh"
need_root
need nvbind nvbind-hook nvbind-sim cc jq runc
[ "$(uname -m)" = x86_64 ] || skip "the stub libraries are for x86-64"
runtime_works runc v1 || skip "runc: $(tail -1 "$T/.works.runc.v1")"
prestart_machine h200x8
driver=$(basename "$T/host$LIBDIR"/libcuda.so.*.*)
driver=${driver#libcuda.so.}
make_glibc_root "$T/image"
build_dlopen_all "$T/image" "$LIBDIR" 2>/dev/null || build_dlopen_all "$T/image" /lib/x86_64-linux-gnu

# --- the plan says it --------------------------------------------------------------------------------------------------
plan() { nvbind plan --root "$T/host" "$@" --format json | jq -r '.edits[] | select(.rule | startswith("driver."))
	| "\(.kind) \(.path) \(.driver_version // .host) \(.required)"'; }
is 'the plan has both, optional' "cuda-compat /usr/local/cuda/compat $driver false
driver-params /proc/driver/nvidia/params $T/host/proc/driver/nvidia/params false" "$(plan --gpu 0)"
printf '[driver]\ncuda-compat = false\nmask-params = false\n' >"$T/off.toml"
is 'the configuration turns both off' '' "$(plan --gpu 0 --config "$T/off.toml")"
is 'without compute there is no libcuda' "driver-params" "$(plan --gpu 0 --capabilities utility | cut -d' ' -f1)"
make_sim rtx4090x1 "$T/game"
is 'a GeForce takes no other libcuda' 0 "$(nvbind plan --root "$T/game" --gpu 0 --format json | grep -c cuda-compat || :)"
like 'a CDI spec hands both to the hook' "--cuda-compat $driver --driver-params $T/host/proc/driver/nvidia/params" \
	"$(nvbind cdi generate --root "$T/host" --format json --output - 2>/dev/null | jq -r '.containerEdits.hooks[0].args | join(" ")')"

# --- forward compatibility ---------------------------------------------------------------------------------------------
# image NAME VERSION: one with that cuda-compat, which its own cache knows behind everything else, as CUDA images have.
image() {
	local compat=$T/$1/rootfs/usr/local/cuda-13.0/compat
	rm -rf --one-file-system "${T:?}/$1"
	mkdir -p "$T/$1"
	cp -a "$T/image" "$T/$1/rootfs"
	mkdir -p "$compat"
	ln -s cuda-13.0 "$T/$1/rootfs/usr/local/cuda"
	"$MAKE_LIBRARY" libcuda.so.1 "$compat/libcuda.so.$2"
	ln -s "libcuda.so.$2" "$compat/libcuda.so.1"
	ln -s libcuda.so.1 "$compat/libcuda.so"
	mkdir -p "$T/$1/rootfs/etc/ld.so.conf.d"
	echo /usr/local/cuda/compat >"$T/$1/rootfs/etc/ld.so.conf"
	ldconfig -r "$T/$1/rootfs"
}
loads() { # WHAT PATH OUTPUT: what the dlopen of both names led to
	is "$1" "libcuda.so.1 => $2 libcuda.so => $2" "$(sed -n 's/\(libcuda.so[.1]*\) => \(.*\)\/libcuda.*/\1 => \2/p' <<<"$3" | xargs)"
}
injected() { # NAME: run with nvbind-hook as a createContainer hook
	make_bundle "$T/$1" /dlopen_all libcuda.so.1 libcuda.so
	nvbind inject --root "$T/host" --gpu 0 --hook-path "$HOOK" --bundle "$T/$1"
	with_cgroup_v1 run_bundle runc "$T/$1" 2>&1 || :
}
asked() { # NAME: run with the prestart hook
	gpu_bundle "$T/$1" 0 /dlopen_all libcuda.so.1 libcuda.so
	with_cgroup_v1 run_bundle runc "$T/$1" 2>&1 || :
}
newer=580.65.06 older=560.35.03
for way in injected asked; do
	image new "$newer"
	loads "$way: a newer libcuda of the image is found" /usr/local/cuda-13.0/compat "$("$way" new)"
	image old "$older"
	loads "$way: an older one is not" "$LIBDIR" "$("$way" old)"
done
image new "$newer"
printf '[driver]\ncuda-compat = false\n' >>"$T/config.toml"
loads 'the configuration turns it off' "$LIBDIR" "$(asked new)"
sed -i '/^\[driver\]/,$d' "$T/config.toml"
image new "$newer"
mkfifo "$T/new/rootfs/usr/local/cuda/compat/libcuda.so.1.1"
loads 'two of them are none' "$LIBDIR" "$(asked new)"

# --- masking -----------------------------------------------------------------------------------------------------------
# The container's /proc is this namespace's, where the simulated driver's directory stands in for the kernel's.
masked() { # WAY PROGRAM...
	local way=$1
	shift
	mount --bind "$T/host/proc/driver" /proc/driver
	rm -rf --one-file-system "$T/m"
	mkdir "$T/m"
	cp -a "$T/image" "$T/m/rootfs"
	if [ "$way" = injected ]; then
		make_bundle "$T/m" "$@"
		nvbind inject --root "$T/host" --gpu 0 --hook-path "$HOOK" --bundle "$T/m"
	else
		gpu_bundle "$T/m" 0 "$@"
	fi
	edit "$T/m" '.mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "bind", source: "/proc",
		options: ["rbind", "rslave"]} else . end)'
	run_bundle runc "$T/m" 2>&1 || :
	grep '^ModifyDeviceFiles' "$T/host/proc/driver/nvidia/params"
}
[ -d /proc/driver ] || echo '# left out: this kernel has no /proc/driver to stand in for the driver'"'"'s'
for way in $([ ! -d /proc/driver ] || echo injected asked); do
	output=$(with_cgroup_v1 masked "$way" sh -c \
		'exec 2>&1; echo BEGIN; cat /proc/driver/nvidia/params; echo END; echo x >/proc/driver/nvidia/params; grep params /proc/mounts' 2>&1 || :)
	is "$way: the container reads 0, the host 1" 'ModifyDeviceFiles: 0 ModifyDeviceFiles: 1' \
		"$(grep '^ModifyDeviceFiles' <<<"$output" | xargs)"
	is "$way: nothing else is changed" "$(grep -v '^ModifyDeviceFiles' "$T/host/proc/driver/nvidia/params" | md5sum)" \
		"$(sed -n '/^BEGIN/,/^END/p' <<<"$output" | grep -vE '^(ModifyDeviceFiles:|BEGIN|END)' | md5sum)"
	like "$way: it cannot be written" 'Read-only file system' "$output"
done
sed -i 's/^ModifyDeviceFiles: 1/ModifyDeviceFiles: 0/' "$T/host/proc/driver/nvidia/params"
[ ! -d /proc/driver ] || unlike 'a driver that says 0 itself needs no mount' 'params' \
	"$(with_cgroup_v1 masked asked grep params /proc/mounts 2>&1 | grep -v ^Modify || :)"

# --- bolt --------------------------------------------------------------------------------------------------------------
# Compatibility by its layer; masking by the hook, where the kernel shows parameters, and by no hook elsewhere.
if [ -x "$NVB_BUILD/bin/bolt" ]; then
	. "$(dirname "$0")/surge.sh"
	bolted() { NVBIND_ROOT=$T/host bolt surge run --rm "$@" 2>&1 || :; }
	image new "$newer"
	loads 'bolt: a newer libcuda of the image is found' /usr/local/cuda-13.0/compat \
		"$(with_cgroup_v1 own_state bolted --gpu 0 "$T/new/rootfs" /dlopen_all libcuda.so.1 libcuda.so)"
	image old "$older"
	loads 'bolt: an older one is not' "$LIBDIR" \
		"$(with_cgroup_v1 own_state bolted --gpu 0 "$T/old/rootfs" /dlopen_all libcuda.so.1 libcuda.so)"
	# runc allows nothing to be put into /proc; crun does, so there the driver's files can be.
	if [ -d /proc/driver ] && runtime_works crun v1; then
		in_driver() {
			mount --bind "$T/host/proc/driver" /proc/driver
			bolted "$@"
		}
		sed -i 's/^ModifyDeviceFiles: 0/ModifyDeviceFiles: 1/' "$T/host/proc/driver/nvidia/params"
		like 'bolt: the capsule reads 0' '^ModifyDeviceFiles: 0' "$(with_cgroup_v1 own_state in_driver --runtime crun \
			--gpu 0 -v "$T/host/proc/driver:/proc/driver" "$T/image" cat /proc/driver/nvidia/params)"
	fi
fi
