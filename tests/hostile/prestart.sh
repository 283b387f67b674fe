# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Images against the prestart hook (nvidia-container-runtime-hook), which gives GPUs to a container that is being
# created: it clones the host's files, enters the container's mount namespace, and attaches them in the image's tree.

need nvbind-hook nvbind-sim
SAYS=nvbind-hook
HOOK=$BIN/nvbind-hook
make_sim rtx4090x1 "$T/host"
VERSION=$(cd "$T/host$LIBDIR" && echo libcuda.so.*.*)
VERSION=${VERSION#libcuda.so.}
DRIVER=.$LIBDIR/libcuda.so.$VERSION
export VERSION DRIVER
rm "$TEMPLATE/rootfs$LIBDIR"/libcuda.so.*
printf '[roots]\nroot = "%s"\n[cache]\ndirectory = "%s"\n' "$T/host" "$T/cache" >"$T/config.toml"

# variables NAME=VALUE...: the environment that the image asks with; any bytes JSON can carry.
variables() {
	jq -cn --args '{ociVersion: "1.0.2", root: {path: "rootfs"}, process: {env: $ARGS.positional}}' -- "$@" >"$BUNDLE/config.json"
}
variables_of_template() { BUNDLE=$TEMPLATE variables "$@"; }
variables_of_template NVIDIA_VISIBLE_DEVICES=all LD_PRELOAD="$EVIL" LD_LIBRARY_PATH=/nowhere

attack() {
	local options=() pid
	is_sanitized || options+=(--trace)
	begin_container
	pid=$(cat "$CASE/pid" 2>/dev/null || cat "$CASE/container")
	[ ! -e "$CASE/state.in" ] || sed "s/PID/$pid/" "$CASE/state.in" >"$CASE/state"
	[ -e "$CASE/state" ] ||
		echo "{\"ociVersion\":\"1.0.2\",\"id\":\"x\",\"status\":\"creating\",\"pid\":$pid,\"bundle\":\"$BUNDLE\"}" >"$CASE/state"
	attempt "${options[@]}" --stdin "$CASE/state" ${GUARD:+NVB_TEST_GUARD_OFF="$GUARD"} "${HOSTILE_ENVIRONMENT[@]}" \
		"$HOOK" prestart --config "$T/config.toml"
	# The stand-in for a container has no control group: so the hook says each time, and it is not what is tested.
	sed -i '/warning: the container has no cgroup of its own/d' "$CASE/stderr"
}

# has PATH...: in the container, as mounts or nodes that the hook put there.
has() {
	local path
	for path; do
		inside test -e "$ROOT/$path" || {
			[ -n "$GUARD" ] || echo "    lacks $path"
			return 1
		}
	done
}
work_done() { has dev/nvidia0 dev/nvidiactl "$DRIVER" ".$LIBDIR/libcuda.so.1"; }

judge_process() {
	[ "$mounts" = 0 ] || wrong "$mounts mounts are on the host"
	! is_sanitized || return 0
	[ "$forks" = 0 ] || wrong "it made processes"
	[ "$execs" = 1 ] || wrong "it executed something"
	[ "$no_new_privs" = 1 ] || wrong "it could get privileges"
	[ "$seccomp" = 2 ] || [ "$status" = 1 ] || wrong "no system call filter"
}

hostile 'a good image' '' done <<-'END'
	then
	test "$(inside stat -c %t:%T "$ROOT/dev/nvidia0")" = "$(stat -c %t:%T "$T/host/dev/nvidia0")"
	inside cmp "$ROOT/$DRIVER" "$T/host$LIBDIR/libcuda.so.$VERSION"
	test "$(stat -c %s "$DRIVER")" = 0
END

# --- mount points of libraries ---------------------------------------------------------------------------------------

hostile 'the library directory is a link to the host' 'in-root walk-nofollow' "fails:libcuda.so.*No such file" <<-'END'
	link "$OUTSIDE/lib" ".$LIBDIR"
END
hostile 'the library directory is a link up and out' 'in-root walk-dotdot' "fails:libcuda.so.*No such file" <<-'END'
	link "../../../../outside/lib" ".$LIBDIR"
END
hostile 'the library directory is a descriptor of the hook' 'in-root' 'fails:libcuda.so' <<-'END'
	mount -t proc proc proc
	link /proc/self/fd/9/lib ".$LIBDIR"
END
# (Which is "/" once it has entered the container's mounts; read as a text that leads to the image's root.)
hostile 'the library directory is its working directory' 'in-root' any <<-'END'
	mount -t proc proc proc
	link /proc/self/cwd ".$LIBDIR"
END
hostile 'the library directory is the root of the first process' 'in-root' 'fails:libcuda.so' <<-'END'
	mount -t proc proc proc
	link "/proc/1/root$OUTSIDE/lib" ".$LIBDIR"
END
hostile 'the library directory is elsewhere in the image' '' done <<-'END'
	mv ".$LIBDIR" opt
	ln -s ../../opt ".$LIBDIR"
END
hostile 'the library directory is a loop' '' 'fails:libcuda.so.*[Tt]oo many.*links' <<-'END'
	link x86_64-linux-gnu ".$LIBDIR"
END
hostile 'the library directory is a file' '' 'fails:libcuda.so' <<-'END'
	rm -r ".$LIBDIR"
	: >".$LIBDIR"
END
hostile 'the library directory is a volume' 'volumes' 'fails:libcuda.so.*lies in a volume' <<-'END'
	mount --bind "$DISK/empty" ".$LIBDIR"
END
hostile 'the library is a link to a file of the host' 'in-root' 'fails:libcuda.so.*leads nowhere' <<-'END'
	ln -s "$OUTSIDE/libcuda.so.1" "$DRIVER"
END
hostile 'the library is a link to a file of the image' '' done <<-'END'
	echo mine >var/mine
	ln -s ../../../var/mine "$DRIVER"
	then
	grep -q mine var/mine
END
hostile 'the library dangles' '' 'fails:libcuda.so.*leads nowhere' <<-'END'
	ln -s nowhere "$DRIVER"
	then
	test ! -e ".$LIBDIR/nowhere"
END
hostile 'the library is a hard link to a file of the host' '' done <<-'END'
	ln "$OUTSIDE/libcuda.so.1" "$DRIVER"
END
hostile 'the library is a directory' '' 'fails:libcuda.so.*a directory there' <<-'END'
	mkdir "$DRIVER"
END
hostile 'libraries are a FIFO, a socket and a device' '' done <<-'END'
	mkfifo "$DRIVER"
	mknod ".$LIBDIR/libnvidia-ml.so.$VERSION" c 1 5
	python3 -c "import os, socket; os.chdir('.$LIBDIR'); socket.socket(socket.AF_UNIX).bind('libnvidia-cfg.so.$VERSION')"
END
hostile 'the library is a sysctl' 'target-file-system' 'fails:libcuda.so.*file system of the kernel' <<-'END'
	mount -t proc proc proc
	ln -s /proc/sys/kernel/hostname "$DRIVER"
END
hostile 'the library is an attribute below /sys' 'target-file-system' 'fails:libcuda.so.*file system of the kernel' <<-'END'
	mkdir sys
	mount -t sysfs sysfs sys
	ln -s /sys/kernel/uevent_seqnum "$DRIVER"
END
hostile 'the library is the program of the hook' '' 'fails:libcuda.so' <<-'END'
	mount -t proc proc proc
	ln -s /proc/self/exe "$DRIVER"
	then
	cmp "$HOOK" "$NVB_BUILD/bin/nvbind-hook"
END
hostile 'a program is a directory, which is optional' '' 'left:left out: .*nvidia-smi' <<-'END'
	mkdir usr/bin/nvidia-smi
	then
	work_done
END
hostile 'the directory of programs is a link to the host' 'in-root walk-nofollow' 'left:left out: .*nvidia-smi' <<-'END'
	link "$OUTSIDE/empty" usr/bin
	then
	work_done
END
hostile '/run is a link to the host' 'in-root walk-nofollow' any <<-'END'
	link "$OUTSIDE/empty" run
	then
	work_done
END
hostile '/etc is a link to the host' 'in-root walk-nofollow' 'left:left out: .*OpenCL' <<-'END'
	link "$OUTSIDE/empty" etc
	then
	work_done
END
hostile '/usr is a link to the host' 'in-root walk-nofollow' 'fails:libcuda.so' <<-'END'
	link "$OUTSIDE" usr
END

# --- device nodes ----------------------------------------------------------------------------------------------------

hostile '/dev is a link to the host' 'in-root walk-nofollow' 'fails:/dev/nvidia' <<-'END'
	link "$OUTSIDE/empty" dev
END
hostile '/dev is a link up and out' 'in-root walk-dotdot' 'fails:/dev/nvidia' <<-'END'
	link "$UP/empty" dev
END
hostile '/dev is a volume' 'volumes' 'fails:/dev/nvidia.*lies in a volume' <<-'END'
	mount --bind "$DISK/empty" dev
END
hostile '/dev is a file' '' 'fails:/dev/nvidia' <<-'END'
	rm -r dev
	: >dev
END
hostile '/dev is a tmpfs of its own' '' done <<-'END'
	mount -t tmpfs tmpfs dev
END
hostile 'the host has its nodes in a volume already' '' done <<-'END'
	mount --bind "$T/host/dev" dev
END
hostile 'a node is another device' '' 'fails:/dev/nvidia0: the container has something else there' <<-'END'
	mknod dev/nvidia0 c 1 5
END
hostile 'a node is a disk' '' 'fails:/dev/nvidia0: the container has something else there' <<-'END'
	mknod dev/nvidia0 b 7 250
END
hostile 'a node is a file' '' 'fails:/dev/nvidia0: the container has something else there' <<-'END'
	: >dev/nvidia0
END
hostile 'a node is a link to a file of the host' '' 'fails:/dev/nvidia0: the container has something else there' <<-'END'
	ln -s "$OUTSIDE/passwd" dev/nvidia0
END
hostile 'a node is a link to the right device' '' 'fails:/dev/nvidia0: the container has something else there' <<-'END'
	mkdir other
	cp -a "$T/host/dev/nvidia0" other/
	ln -s ../other/nvidia0 dev/nvidia0
END
hostile 'a node is a FIFO' '' 'fails:/dev/nvidiactl: the container has something else there' <<-'END'
	mkfifo dev/nvidiactl
END

# --- roots -----------------------------------------------------------------------------------------------------------

hostile 'the root is read-only' '' any <<-'END'
	mount -t tmpfs tmpfs dev
	mount --rbind "$ROOT" "$ROOT"
	mount -o remount,bind,ro "$ROOT"
	then
	has "$DRIVER" dev/nvidia0
END
hostile 'the root is read-only and leads to the host' 'in-root' 'fails:libcuda.so' <<-'END'
	mount -t tmpfs tmpfs dev
	link "$OUTSIDE/lib" ".$LIBDIR"
	mount --rbind "$ROOT" "$ROOT"
	mount -o remount,bind,ro "$ROOT"
END
hostile 'the root is a link' '' done <<-'END'
	mv "$ROOT" "$CASE/real"
	ln -s ../real "$ROOT"
END
hostile 'the process has the mounts of the host' 'own-mount-namespace' 'fails:no mount namespace of its own' <<-'END'
	echo $$ >"$CASE/pid"
END
hostile 'a volume is shared with the host' 'shared-mounts' any <<-'END'
	echo shared >"$CASE/shared"
	cp -a usr "$CASE/usr"
	(cd "$T/host$LIBDIR" && find . -maxdepth 1 -type f) | (cd "$CASE$LIBDIR" && xargs touch)
	mount --bind "$CASE/usr" usr
	mount --make-shared usr
	then
	grep -q 'shared with the host' "$CASE/stderr"
END
hostile 'the process is gone' '' 'fails:process' <<-'END'
	sh -c 'echo $$' >"$CASE/pid"
END
hostile 'the driver.s parameters lead to the host' 'in-root' any <<-'END'
	mount -t tmpfs tmpfs proc
	mkdir -p proc/driver/nvidia
	ln -s "$OUTSIDE/passwd" proc/driver/nvidia/params
	then
	inside test -h "$ROOT/proc/driver/nvidia/params"
END
hostile 'the directory of the driver.s parameters leads to the host' 'in-root' any <<-'END'
	mount -t tmpfs tmpfs proc
	mkdir -p proc/driver
	: >"$OUTSIDE/params"
	ln -s "$OUTSIDE" proc/driver/nvidia
END

# --- what the image asks with ----------------------------------------------------------------------------------------

hostile 'it asks for a line feed' '' 'fails:NVIDIA_VISIBLE_DEVICES' <<-'END'
	variables $'NVIDIA_VISIBLE_DEVICES=0\nnvbind-hook: all is well'
END
hostile 'it asks for an escape sequence' '' 'fails:NVIDIA_VISIBLE_DEVICES' <<-'END'
	variables $'NVIDIA_VISIBLE_DEVICES=\033]0;gotcha\a\033[2J'
END
hostile 'it asks for capabilities that are none' '' 'fails:NVIDIA_DRIVER_CAPABILITIES' <<-'END'
	variables NVIDIA_VISIBLE_DEVICES=0 $'NVIDIA_DRIVER_CAPABILITIES=compute,\033[31m../../etc'
END
hostile 'it asks for a hundred thousand GPUs' '' 'fails:more than (4096 devices|the 32 KiB)' <<-'END'
	jq -n '{root: {path: "rootfs"}, process: {env: ["NVIDIA_VISIBLE_DEVICES=" + ([range(100000) | "0"] | join(","))]}}' >../config.json
END
hostile 'it asks for a megabyte' '' 'fails:NVIDIA_VISIBLE_DEVICES' <<-'END'
	jq -n '{root: {path: "rootfs"}, process: {env: ["NVIDIA_VISIBLE_DEVICES=" + "x" * 1000000]}}' >../config.json
END
hostile 'it asks for a requirement that is none' '' 'fails:NVIDIA_REQUIRE_CUDA' <<-'END'
	variables NVIDIA_VISIBLE_DEVICES=0 $'NVIDIA_REQUIRE_CUDA=cuda>=1 \n$(touch /x) %n%n%s'
END
for name in nvidia.com/gpu=../../../etc/passwd ../gpu=0 /nvidia.com/gpu=0 nvidia.com/../gpu=all; do
	hostile "it asks for the CDI device $name" '' 'fails:' <<-END
	variables NVIDIA_VISIBLE_DEVICES=$name
	END
done
hostile 'its id leads elsewhere' '' done <<-'END'
	echo "{\"id\":\"../../../../..$OUTSIDE/passwd\",\"pid\":PID,\"bundle\":\"$BUNDLE\"}" >"$CASE/state.in"
	then
	test -z "$(find /run/nvbind -name '*passwd*')"
END
hostile 'its id has a line feed' '' 'fails:control character' <<-'END'
	echo "{\"id\":\"x\\ny\",\"pid\":PID,\"bundle\":\"$BUNDLE\"}" >"$CASE/state.in"
END
hostile 'config.json is a FIFO' '' 'fails:config.json' <<-'END'
	rm ../config.json
	mkfifo ../config.json
END
hostile 'config.json is endless' '' 'fails:config.json' <<-'END'
	link /dev/zero ../config.json
END
hostile 'config.json is huge' '' 'fails:config.json' <<-'END'
	truncate -s 1T ../config.json
END
hostile 'the state has no end' 'state-size' 'fails:container state' <<-'END'
	ln -s /dev/zero "$CASE/state"
END
hostile 'root.path leads to nothing' '' 'fails:' <<-'END'
	jq '.root.path = "nowhere"' ../config.json >../new
	mv ../new ../config.json
END

# --- races -----------------------------------------------------------------------------------------------------------

times=15
! is_sanitized || times=3

hostile 'racing: the library directory against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/lib" ".${LIBDIR}2"
	runs $times
	beside swap ".$LIBDIR" ".${LIBDIR}2"
END
hostile 'racing: a directory above against a link up and out' '' any <<-'END'
	ln -s ../outside usr2
	runs $times
	beside swap usr usr2
END
hostile 'racing: /dev against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/empty" dev2
	runs $times
	beside swap dev dev2
END
hostile 'racing: the library against a link to the host' '' any <<-'END'
	: >"$DRIVER"
	ln -s "$OUTSIDE/libcuda.so.1" ".$LIBDIR/other"
	runs $times
	beside swap "$DRIVER" ".$LIBDIR/other"
END
hostile 'racing: the library against a directory' '' any <<-'END'
	: >"$DRIVER"
	mkdir ".$LIBDIR/other"
	runs $times
	beside swap "$DRIVER" ".$LIBDIR/other"
END
hostile 'racing: the library against a sysctl' '' any <<-'END'
	mount -t proc proc proc
	: >"$DRIVER"
	ln -s /proc/sys/kernel/hostname ".$LIBDIR/other"
	runs $times
	beside swap "$DRIVER" ".$LIBDIR/other"
END
hostile 'racing: a node against a link to the host' '' any <<-'END'
	ln -s "$OUTSIDE/passwd" dev/other
	cp -a "$T/host/dev/nvidia0" dev/nvidia0
	runs $times
	beside swap dev/nvidia0 dev/other
END
