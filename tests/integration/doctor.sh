#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# doctor: every cause has a host on which it is found, and one on which it is not; nothing but the cause is reported.
# The last check asks the table for its ids and misses those that no case here has made fire.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind bolt nvbind-sim jq python3 ldconfig

libraries=usr/lib/x86_64-linux-gnu # of the scenarios that are Debian's
machine=$T/machine
fired=$T/fired
: >"$fired"
mkdir "$T/specs" "$T/programs"
printf '[cdi]\ndirectories = ["%s"]\n' "$T/specs" >"$T/nvbind.toml"

clear() {
	[ ! -d "$machine" ] || nvbind-sim destroy "$machine" >/dev/null 2>&1 || true
	rm -rf --one-file-system "$machine"
}
fresh() { # SCENARIO: a machine of that kind, and a user's kernel log without complaints
	clear
	nvbind-sim create --scenario "$1" --seed 7 "$machine" >/dev/null 2>&1
	: >"$machine/dev/kmsg"
	rm -rf "$T/specs"
	mkdir -p "$T/specs"
}
defer clear
look() { # OPTION...: what doctor says, as JSON
	timeout 100 nvbind doctor --root "$machine" --config "$T/nvbind.toml" --format json "$@" || true
}
status_of() { jq -r --arg id "$1" '.checks[] | select(.id == $id) | .status' <<<"$2"; }
reported() { jq -r '.checks[] | select(.status == "warning" or .status == "failure" or .status == "note") | .id' <<<"$1"; }

declare -A good=() # what is said of a machine of that kind as it is made
# fires ID SCENARIO COMMAND [OPTION...]: on a machine of that kind the check finds nothing; after the command it does,
# with a cause and a command that mends it, and no other check reports anything more.
fires() {
	local id=$1 scenario=$2 command=$3 before after
	shift 3
	[ $# -gt 0 ] || set -- --gpu --no-probe
	fresh "$scenario"
	[ -n "${good["$scenario $*"]:-}" ] || good["$scenario $*"]=$(look "$@")
	before=${good["$scenario $*"]}
	case $(status_of "$id" "$before") in
	fine | 'does not apply') pass "$id: nothing on $scenario" ;;
	*) fail "$id: nothing on $scenario" "$(status_of "$id" "$before")" "$before" ;;
	esac
	(cd "$machine" && eval "$command") || fail "$id: $command"
	after=$(look "$@")
	found "$id" "$after"
	is "$id: nothing else" "$(comm -13 <(reported "$before" | sort) <(reported "$after" | sort))" "$id"
}

found() { # ID JSON: it is reported in full
	local entry
	entry=$(jq -c --arg id "$1" '.checks[] | select(.id == $id and
		(.status == "note" or .status == "warning" or .status == "failure") and
		(.cause | length > 10) and (.looked_at | length > 3) and (.command | length > 3))' <<<"$2")
	if [ -n "$entry" ]; then
		pass "$1: found"
		echo "$1" >>"$fired"
	else
		fail "$1: found" "$(jq -c --arg id "$1" '.checks[] | select(.id == $id)' <<<"$2")" "$(reported "$2")"
	fi
}

# is_so ID SCENARIO [OPTION...]: that kind of machine has it from the start.
is_so() {
	local id=$1 scenario=$2
	shift 2
	[ $# -gt 0 ] || set -- --gpu --no-probe
	fresh "$scenario"
	found "$id" "$(look "$@")"
}

nvml() { # FUNCTION ARGUMENT...: a call of the machine's NVML on GPU 0
	python3 - "$machine/$libraries/libnvidia-ml.so.1" "$@" <<'END'
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
device = ctypes.c_void_p()
assert library.nvmlInit_v2() == 0
assert library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)) == 0
arguments = [ctypes.c_uint(int(a)) for a in sys.argv[3:]]
if sys.argv[2] == "nvmlDeviceSetMigMode":
	arguments.append(ctypes.byref(ctypes.c_uint()))
sys.exit(getattr(library, sys.argv[2])(device, *arguments))
END
}
says() { # NAME TEXT: a program that prints the text
	printf '#!/bin/sh\necho "%s"\n' "$2" >"$T/programs/$1"
	chmod 755 "$T/programs/$1"
}
xid() { # NUMBER: the kernel's line of it, as /dev/kmsg has it
	echo "3,1204,98765432,-;NVRM: Xid (PCI:0000:43:00): $1, pid=4242, name=train, Ch 00000008" >"$machine/dev/kmsg"
}

# --- GPUs, module, libraries -----------------------------------------------------------------------------------------

fresh h200x8
is 'a good machine has nothing' '' "$(reported "$(look --gpu --no-probe)")"
is_so gpu.none no-gpu
is_so driver.nouveau nouveau
is_so driver.mismatch mismatch
one=sys/bus/pci/devices/0000:43:00.0
fires gpu.vfio h200x8 'ln -sfn ../../../bus/pci/drivers/vfio-pci $one/driver'
fires gpu.unbound h200x8 'rm $one/driver'
fires gpu.lost h200x8 'nvbind-sim fail . gpu 3 lost >/dev/null'
fires gpu.silent h200x8 'for f in $libraries/libnvidia-ml.so.*.*; do : >$f; done'
modules='rm -r proc/driver/nvidia sys/module/nvidia sys/bus/pci/devices/*/driver
	mkdir -p lib/modules/$(cat proc/sys/kernel/osrelease); cd lib/modules/$(cat proc/sys/kernel/osrelease)'
fires module.missing h200x8 "$modules; echo kernel/fs/ext4/ext4.ko: >modules.dep"
fires module.not-loaded h200x8 "$modules; echo updates/dkms/nvidia.ko.xz: >modules.dep"
fires module.rejected h200x8 "$modules; echo updates/dkms/nvidia.ko: >modules.dep
	echo '4,700,5000,-;nvidia: Loading of module with unavailable key is rejected: Key was rejected by service' >\$machine/dev/kmsg"
fires driver.libraries h200x8 'find . -name "libcuda.so*" -delete; find . -name "libnvidia-*.so*" -delete'
fires driver.two-versions h200x8 'mkdir -p opt/old && cp $libraries/libcuda.so.*.*.* opt/old/libcuda.so.550.54.15 &&
	ln -s libcuda.so.550.54.15 opt/old/libcuda.so.1 && echo /opt/old >>etc/ld.so.conf && ldconfig -r .'
fires driver.firmware h200x8 'rm -r usr/lib/firmware/nvidia'
fires wsl.shadow wsl2 'mkdir -p $libraries && cp -L usr/lib/wsl/drivers/*/libcuda.so.1.1 $libraries/libcuda.so.1 &&
	echo /$libraries >etc/ld.so.conf && ldconfig -X -r .'

# --- nodes -----------------------------------------------------------------------------------------------------------

fires node.missing h200x8 'rm dev/nvidia3'
fires node.number h200x8 'rm dev/nvidia-uvm; mknod dev/nvidia-uvm c 77 0; chmod 666 dev/nvidia-uvm'
fires node.permission h200x8 'chmod 660 dev/nvidia2'
fires node.modprobe h200x8 'rm usr/bin/nvidia-modprobe'
fires node.setuid h200x8 'chmod u-s usr/bin/nvidia-modprobe'
fires node.char-links h200x8 'mkdir -p run/systemd/system'
like 'with a command for each link' 'ln -sf ../nvidiactl /dev/char/[0-9]+:255' "$(look --gpu --no-probe | jq -r '.checks[].command // empty')"

# --- what the card and the kernel say --------------------------------------------------------------------------------

for n in 48 63 64 74 79 94 95 119; do
	fires "xid.$n" h200x8 "xid $n"
done
like 'an Xid names the GPU' 'Xid 119 on GPU 1 ' "$(look --gpu --no-probe | jq -r '.checks[].cause // empty')"
fires xid.application h200x8 'xid 31'
fires xid.other h200x8 'xid 62'
fires memory.pending h200x8 'nvbind-sim set . gpu2.row_remap_pending=1'
fires memory.failed h200x8 'nvbind-sim set . gpu2.row_remap_failed=1'
is_so persistence.off rtx4090x1
fires persistence.off h200x8 'nvml nvmlDeviceSetPersistenceMode 0'
fires left.compute-mode h200x8 'nvml nvmlDeviceSetComputeMode 3'
fires left.mps h200x8 'mkdir proc/4242; echo nvidia-cuda-mps >proc/4242/comm; : >proc/4242/environ'
fires left.knobs h200x8 'mkdir -p var/lib/nvbind/knobs && cat >var/lib/nvbind/knobs/persistence@0000:1b:00.0 <<END
knob persistence
device 0000:1b:00.0
boot $(cat proc/sys/kernel/random/boot_id)
old 1
set 1
before 1
user 999999 1 bolt gone - on
END'
fires mig.empty h200x8 'nvml nvmlDeviceSetMigMode 1'
fires mig.pending h200x8 'nvbind-sim set . gpu0.mig_waits=1 && nvml nvmlDeviceSetMigMode 1'
fires mig.nodes a100x8-mig 'rm $(ls dev/nvidia-caps/nvidia-cap* | grep -v "cap[12]\$")'
fires fabric.stopped h200x8 'rm -r run/nvidia-fabricmanager'
fires fabric.version h200x8 'printf "#!/bin/sh\necho Fabric Manager version is : 550.54.15\n" >usr/bin/nv-fabricmanager
	chmod 755 usr/bin/nv-fabricmanager'
fires peer.iommu h200x8 'mkdir -p sys/kernel/iommu_groups/7 && echo DMA-FQ >sys/kernel/iommu_groups/7/type &&
	ln -s ../../../kernel/iommu_groups/7 $one/iommu_group'
bridge='real=$(realpath $one); above=$(dirname $real)/0000:40:01.0; mkdir $above; mv $real $above/
	ln -sfn ../../../devices/$(basename $(dirname $above))/0000:40:01.0/0000:43:00.0 $one
	head -c 4096 /dev/zero >$above/config; printf "\15\0\1\0\0\0\14" | dd of=$above/config bs=1 seek=256 conv=notrunc status=none'
fires peer.acs h200x8 "$bridge"
fires graphics.vulkan rtx4090x1 'find . -name "nvidia_icd*.json" -delete'
fires graphics.egl rtx4090x1 'find . -name 10_nvidia.json -delete'

# --- CDI -------------------------------------------------------------------------------------------------------------

generate() { nvbind cdi generate --root "$machine" --output "$1"; }
fires cdi.unreadable h200x8 'chmod 700 $T/specs'
fires cdi.invalid h200x8 'echo nonsense >$T/specs/a.yaml'
fires cdi.conflict h200x8 'generate $T/specs/a.yaml; generate $T/specs/b.yaml'
fires cdi.stale h200x8 'generate $T/specs/a.yaml; mv usr/bin/nvidia-smi usr/bin/nvidia-smi.away'
mkdir "$T/other"
good=()
cp "$T/nvbind.toml" "$T/one.toml"
printf '[cdi]\ndirectories = ["%s", "%s"]\n' "$T/specs" "$T/other" >"$T/nvbind.toml"
fires cdi.hidden h200x8 'generate $T/specs/a.yaml; generate $T/other/b.yaml'
rm -r "$T/other"
mv "$T/one.toml" "$T/nvbind.toml"
good=()

# --- engines, users --------------------------------------------------------------------------------------------------

PATH=$T/programs:$PATH
says dockerd 'Docker version 28.2.1, build abc'
says podman 'podman version 5.4.0'
says containerd 'containerd containerd.io 2.0.1 abc'
says crio 'crio version 1.33.0'
says crun 'crun version 1.14'
says criu 'Version: 4.2'
all='--no-probe'
fires engine.cdi h200x8 'says podman "podman version 4.0.3"' $all
says podman 'podman version 5.4.0'
hook=usr/share/containers/oci/hooks.d
fires engine.hook h200x8 'mkdir -p $hook; echo "{}" >$hook/oci-nvidia-hook.json; says crun "crun version 1.23.1"' $all
says crun 'crun version 1.14'
fires selinux.devices h200x8 'mkdir -p sys/fs/selinux/booleans; printf 1 >sys/fs/selinux/enforce
	printf "0 0" >sys/fs/selinux/booleans/container_use_devices' $all
fires user.namespaces h200x8 'mkdir -p proc/sys/user; echo 0 >proc/sys/user/max_user_namespaces' $all
fires user.namespaces h200x8 'echo 1 >proc/sys/kernel/apparmor_restrict_unprivileged_userns' $all
fires snapshot.criu mismatch 'says criu "Version: 3.17.1"' $all
says criu 'Version: 4.2'
# Somebody who is not root, as sudo tells of him.
fresh_with_user() {
	fresh "$1"
	mkdir -p "$machine/usr/bin"
	echo alice:100000:65536 >"$machine/etc/subuid"
	cp "$machine/etc/subuid" "$machine/etc/subgid"
	: >"$machine/usr/bin/newuidmap"
	: >"$machine/usr/bin/newgidmap"
}
fresh_with_user h200x8
is 'a user with ids and tools has nothing' '' "$(SUDO_USER=alice reported "$(SUDO_USER=alice look $all)")"
rm "$machine/usr/bin/newuidmap"
found user.tools "$(SUDO_USER=alice look $all)"
fresh_with_user h200x8
echo bob:100000:65536 >"$machine/etc/subgid"
found user.ids "$(SUDO_USER=alice look $all)"
is 'subordinate ids are not asked of root' 'does not apply' "$(SUDO_USER=root status_of user.ids "$(look $all)")"
cat >>"$T/nvbind.toml" <<'END'
[runtime]
runtimes = ["no-such-runtime"]
END
fresh h200x8
found runtime.missing "$(look $all)"
sed -i "s|no-such-runtime|$T/programs/broken|" "$T/nvbind.toml"
printf '#!/bin/sh\nexit 1\n' >"$T/programs/broken"
chmod 755 "$T/programs/broken"
is 'a runtime that is there' fine "$(status_of runtime.missing "$(look $all)")"
found runtime.broken "$(look --probe)"
sed -i '/runtime/d' "$T/nvbind.toml"

told() { # an engine that was told of a runtime which then goes away
	mount -t tmpfs tmpfs /var/lib/nvbind
	cp "$(command -v nvbind-runtime)" "$T/programs/nvbind-runtime"
	echo '{}' >"$T/daemon.json"
	nvbind runtime configure --runtime docker --config "$T/daemon.json" --runtime-path "$T/programs/nvbind-runtime" >/dev/null 2>&1
	rm "$T/programs/nvbind-runtime"
	timeout 60 nvbind doctor --root "$1" --config "$2" --format json --no-probe || true
}
mkdir -p /var/lib/nvbind
is 'engines that were told nothing are not judged' 'does not apply' "$(status_of engine.runtime "$(look $all)")"
found engine.runtime "$(T=$T in_mount_namespace told "$machine" "$T/nvbind.toml")"

# --- in a capsule ----------------------------------------------------------------------------------------------------

PATH=${PATH#*:}
fresh h200x8
is 'a GPU program runs in a capsule' fine "$(status_of probe.gpu "$(look --gpu)")"
is 'and says what it did' '8 CUDA devices computed and remembered' \
	"$(look --gpu | jq -r '.checks[] | select(.id == "probe.gpu").looked_at')"
nvbind-sim fail "$machine" gpu 5 ecc >/dev/null
found probe.gpu "$(look --gpu)"
like 'and which card failed' 'CUDA device 5: ' "$(look --gpu | jq -r '.checks[].cause // empty')"
is 'not where a check has failed already' follows "$(rm "$machine/dev/nvidia0"; status_of probe.gpu "$(look --gpu)")"
is 'nothing of it stays' '' "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'nvbind-probe.*' -newer "$fired")"

fresh rtx4090x1
export NVBIND_ROOT=$machine
make_glibc_root "$T/root"
capsule() { # NAME OPTION...: one that sleeps
	local name=$1
	shift
	bolt surge run -d --name "$name" --network none "$@" "$T/root" sleep 600 >/dev/null
	defer bolt capsule rm -f "$name"
	defer bolt capsule kill "$name"
}
inside() { nvbind doctor --config "$T/nvbind.toml" --format json --container "$1" || true; }
tag=doctor-$$
capsule "$tag-good" --gpu 0 -e DISPLAY=:0 -e NVIDIA_REQUIRE_CUDA='cuda>=11.0' --capabilities all
is 'a good capsule has nothing' '' "$(reported "$(inside "$tag-good")")"
is 'and all its checks are made' 'container.' "$(inside "$tag-good" | jq -r '.checks[].id' | sed 's/\..*/./' | sort -u)"
capsule "$tag-none"
found container.nodes "$(inside "$tag-none")"
is 'and nothing that follows' container.nodes "$(reported "$(inside "$tag-none")")"
capsule "$tag" --gpu 0
root=/proc/$(bolt capsule inspect "$tag" | jq '.[0].pid')/root
mv "$root/etc/ld.so.cache" "$root/etc/away"
found container.cuda "$(inside "$tag")"
mv "$root/etc/away" "$root/etc/ld.so.cache"
library=$root$(nsenter -m -t "${root//[^0-9]/}" sh -c "ls -d /usr/lib64/libcuda.so.1 /usr/lib/x86_64-linux-gnu/libcuda.so.1 2>/dev/null | head -n 1")
old=$(readlink "$library")
cp -L "$library" "${library%/*}/libcuda.so.470.82.01"
ln -sfn libcuda.so.470.82.01 "$library"
found container.version "$(inside "$tag")"
ln -sfn "$old" "$library"
is 'mended, it has nothing' '' "$(reported "$(inside "$tag")")"
capsule "$tag-draws" --gpu 0 -e DISPLAY=:0 --capabilities compute,utility
found container.graphics "$(inside "$tag-draws")"
capsule "$tag-wants" --gpu 0 -e NVIDIA_REQUIRE_CUDA='cuda>=99.0'
found container.requires "$(inside "$tag-wants")"
# The driver's numbers change under a container when its modules are loaded anew.
mv "$machine/dev/nvidia-uvm" "$machine/dev/away"
mknod -m 666 "$machine/dev/nvidia-uvm" c 78 0
sed -i 's/^ *[0-9]* nvidia-uvm$/ 78 nvidia-uvm/' "$machine/proc/devices"
found container.number "$(inside "$tag-wants")"
rm "$machine/dev/nvidia-uvm"
mv "$machine/dev/away" "$machine/dev/nvidia-uvm"
# Its device rules: those of cgroup v1 are a list, of v2 a program.
denied() { # v1|v2, in that world
	local pid cgroup major=$((0x$(stat -c %t "$machine/dev/nvidia0"))) name=$tag-$1 report
	bolt surge run -d --name "$name" --network none --gpu 0 "$T/root" sleep 600 >/dev/null
	pid=$(bolt capsule inspect "$name" | jq '.[0].pid')
	is "$1: container.denied: nothing while its rules are those it was given" fine \
		"$(status_of container.denied "$(inside "$name")")"
	if [ "$1" = v1 ]; then
		cgroup=/sys/fs/cgroup/devices$(sed -n 's/^[0-9]*:devices://p' "/proc/$pid/cgroup")
		echo "c $major:0 rwm" >"$cgroup/devices.deny"
	else
		cgroup=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
		python3 "$NVB_SOURCE/tests/integration/programs/deny_device.py" "$cgroup" "$major" 0
	fi
	report=$(inside "$name")
	found container.denied "$report"
	is "$1: and nothing else" container.denied "$(reported "$report")"
	like "$1: the node that is closed" 'has /dev/nvidia0, and its control group does not let it open it' \
		"$(jq -r '.checks[].cause // empty' <<<"$report")"
	bolt capsule kill "$name" >/dev/null
	bolt capsule rm -f "$name" >/dev/null
}
export machine tag fired
for version in v1 v2; do
	if runtime_works runc $version || runtime_works crun $version; then
		with_cgroup_$version denied $version
	else
		echo "# left out: container.denied on cgroup $version, where no runtime works here"
	fi
done
unset NVBIND_ROOT

refuses 'a container that is not there' 2 "no container or capsule is called $tag-nobody" nvbind doctor --container "$tag-nobody"

# --- mending ---------------------------------------------------------------------------------------------------------

fresh h200x8
generate "$T/specs/a.yaml"
mv "$machine/usr/bin/nvidia-smi" "$machine/usr/bin/away"
args=(--root "$machine" --config "$T/nvbind.toml" --gpu --no-probe)
before=$(cat "$T/specs/a.yaml")
refuses 'nobody is asked without a terminal' 2 'nobody to ask \(--yes' nvbind doctor "${args[@]}" --fix </dev/null
is 'and nothing is changed' "$before" "$(cat "$T/specs/a.yaml")"
check '--fix mends what is safe' nvbind doctor "${args[@]}" --fix --yes
unlike 'as the command says' nvidia-smi "$(cat "$T/specs/a.yaml")"
like 'and says so' "cdi.stale: running 'nvbind cdi refresh'" "$(mv "$machine/usr/bin/away" "$machine/usr/bin/nvidia-smi"
	nvbind doctor "${args[@]}" --fix --yes 2>&1)"
# Somebody at a terminal is asked, and heard.
answered() { # ANSWER: what the terminal showed, and the status
	python3 - "$1" nvbind doctor "${args[@]}" --fix <<'PY'
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown, asked = b"", False
while True:
    try:
        got = os.read(terminal, 4096)
    except OSError:
        break
    if not got:
        break
    shown += got
    if not asked and b"[y/N] " in shown:
        asked = True
        os.write(terminal, sys.argv[1].encode())
print(shown.decode().replace("\r", ""))
print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
}
mv "$machine/usr/bin/nvidia-smi" "$machine/usr/bin/away"
before=$(cat "$T/specs/a.yaml")
for answer in $'n\n' $'\n' $'\x04'; do
	out=$(answered "$answer")
	like "asked, $(printf %q "$answer"): the command is shown" "run 'nvbind cdi refresh'\? \[y/N\]" "$out"
	unlike 'and not run' 'cdi.stale: running' "$out"
	like 'and the failure stays one' 'status 2' "$out"
done
is 'the spec is as it was' "$before" "$(cat "$T/specs/a.yaml")"
out=$(answered $'y\n')
like 'yes: it is run' 'cdi.stale: done' "$out"
like 'and all is fine' 'status 0' "$out"
unlike 'really' nvidia-smi "$(cat "$T/specs/a.yaml")"
mv "$machine/usr/bin/away" "$machine/usr/bin/nvidia-smi"
nvbind doctor "${args[@]}" --fix --yes >/dev/null 2>&1 || true
before=$(stat -c %a "$T/specs")
rm "$machine/dev/nvidia3"
like 'commands for this host are not run for another root' "would change this host, and $machine was looked at" \
	"$(nvbind doctor "${args[@]}" --fix --yes 2>&1 || true)"
fresh h200x8
chmod 660 "$machine/dev/nvidia2"
like 'what is not safe is left to the user' 'nothing here can be mended without looking' \
	"$(nvbind doctor "${args[@]}" --fix --yes 2>&1 || true)"
is 'really' 660 "$(stat -c %a "$machine/dev/nvidia2")"

# On a host whose own root is looked at, which a machine becomes by chroot: programs and nodes that it lacks are put there.
if ! ldd "$(readlink -f "$(command -v bolt)")" >/dev/null 2>&1; then
	make_busybox_root "$T/applets"
	fresh h200x8
	mkdir -p "$machine/run/systemd/system" "$machine/dev/char" "$machine/bin"
	cp "$(command -v bolt)" "$machine/bolt"
	cp "$T/applets/bin/busybox" "$machine/bin/ln"
	mknod -m 666 "$machine/dev/null" c 1 3
	out=$(chroot "$machine" /bolt doctor --gpu --no-probe --fix --yes 2>&1) || true
	like 'links for systemd are made' 'node.char-links: done' "$out"
	unlike 'and looked for again' '^warning +node.char-links' "$out"
	is 'each leads to its node' "$(stat -c '%t:%T' "$machine/dev/nvidia5")" \
		"$(stat -L -c '%t:%T' "$machine/dev/char/$((0x$(stat -c %t "$machine/dev/nvidia5"))):5")"
fi

# --- for people and programs -----------------------------------------------------------------------------------------

ends() { # WHAT STATUS COMMAND...
	local what=$1 want=$2 status=0
	shift 2
	"$@" >/dev/null 2>&1 || status=$?
	is "$what" "$want" "$status"
}
fresh h200x8
chmod 660 "$machine/dev/nvidia2"
ends 'warnings end with 1' 1 nvbind doctor "${args[@]}"
rm "$machine/dev/nvidia3"
ends 'failures with 2' 2 nvbind doctor "${args[@]}"
fresh h200x8
ends 'a good machine with 0' 0 nvbind doctor "${args[@]}"
ends 'so does bolt' 0 bolt doctor "${args[@]}"
is 'both say the same' "$(nvbind doctor "${args[@]}" --all)" "$(bolt doctor "${args[@]}" --all)"
rm "$machine/dev/kmsg"
like 'what cannot be looked at is said' 'not looked at  xid.79, xid.48, ' "$(nvbind doctor "${args[@]}")"
refuses 'a format that is none' 2 "no such value 'xml'" nvbind doctor --format xml
refuses '--yes without --fix' 2 '--fix is not given' nvbind doctor --yes
refuses '--probe and --no-probe' 2 'exclude each other' nvbind doctor --probe --no-probe
refuses 'a root that is not there' 2 'check --root' nvbind doctor --root "$T/nowhere"
if others_reach_build; then
	chmod 755 "$T" "$T/specs"
	like 'it runs without root' '[0-9]+ checks: [0-9]+ fine' "$(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$(command -v nvbind)" doctor --root "$machine" --no-probe --gpu 2>&1 || true)"
fi

# --- the table -------------------------------------------------------------------------------------------------------

ids=$(nvbind doctor --list --format json | jq -r '.[].id')
is 'no id twice' '' "$(sort <<<"$ids" | uniq -d)"
is 'every check has fired' '' "$(comm -23 <(sort <<<"$ids") <(sort -u "$fired"))"
is 'docs/doctor.md has every row, as it is' '' "$(comm -3 <(nvbind doctor --list --format json | jq -r \
	'.[] | "| `\(.id)` | \(.looks_at | gsub("\\*"; "\\*")) | \(.cause) | `\(.command | gsub("\\|"; "\\|"))` |"' | sort) \
	<(grep '^| `[a-z]*\.' "$NVB_SOURCE/docs/doctor.md" | sort))"
