# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The table of runtime.sh.

hostile 'a good image' 'hook-environment' done <<-'END'
END
hostile 'an image that asks for nothing' '' any <<-'END'
	variables PATH=/evil LD_PRELOAD=/evil.so
	then
	untouched
END

# --- the file --------------------------------------------------------------------------------------------------------

hostile 'config.json is a link to the host' 'config-link' 'fails:symbolic link' <<-'END'
	mv ../config.json "$OUTSIDE/config.json"
	ln -s outside/config.json ../config.json
	rm -f "$CASE/sum"
END
hostile 'config.json is a FIFO' '' 'fails:config.json' <<-'END'
	rm ../config.json
	mkfifo ../config.json
END
hostile 'config.json is an endless device' '' 'fails:config.json' <<-'END'
	rm ../config.json
	mknod ../config.json c 1 5
END
hostile 'config.json is a directory' '' 'fails:config.json' <<-'END'
	rm ../config.json
	mkdir ../config.json
END
hostile 'config.json is a socket' '' 'fails:config.json' <<-'END'
	rm ../config.json
	python3 -c 'import os, socket; os.chdir(".."); socket.socket(socket.AF_UNIX).bind("config.json")'
END
hostile 'config.json is huge' 'config-size' 'fails:more than the 8 MiB' <<-'END'
	truncate -s 1T ../config.json
END
hostile 'config.json has 10 MB' 'config-size' 'fails:more than the 8 MiB' <<-'END'
	truncate -s 10M ../config.json
END
hostile 'config.json has another name on the host' '' done <<-'END'
	ln ../config.json "$CASE/hard"
	cp ../config.json "$CASE/before-hard"
	then
	cmp "$CASE/hard" "$CASE/before-hard"
END
hostile 'config.json is immutable' '' 'fails:config.json: .*not permitted' <<-'END'
	chattr +i ../config.json 2>/dev/null || leave_out 'no immutable files here'
END
hostile 'the bundle is read-only' '' 'fails:Read-only' <<-'END'
	mount --bind .. ..
	mount -o remount,bind,ro "$BUNDLE"
END
hostile 'the bundle is a file' '' 'fails:[Nn]ot a directory' <<-'END'
	: >"$CASE/file"
	echo "$CASE/file" >"$CASE/path"
END
hostile 'the bundle is a link' '' done <<-'END'
	ln -s bundle "$CASE/link"
	echo "$CASE/link" >"$CASE/path"
END
hostile 'temporary names are planted' '' done <<-'END'
	for i in $(seq 0 63); do
		ln -s outside/passwd "../.nvb-$(printf %016x "$i")"
	done
END
for percent in 1 30 60 99; do
	hostile "config.json is cut off at $percent per cent" '' 'fails:config.json' <<-END
	truncate -s \$((\$(stat -c %s ../config.json) * $percent / 100)) ../config.json
	END
done
hostile 'config.json is nested without end' '' 'fails:config.json: .*nested|deep' <<-'END'
	{ printf '{"x":'; printf '[%.0s' $(seq 100000); } >../config.json
END
hostile 'config.json has a tail' '' 'fails:config.json' <<-'END'
	echo '{"root": {"path": "/"}}' >>../config.json
END
hostile 'config.json has a NUL' '' 'fails:config.json' <<-'END'
	printf '\0' >>../config.json
END
hostile 'config.json has a byte order mark' '' 'fails:config.json' <<-'END'
	{ printf '\357\273\277'; cat ../config.json; } >"$CASE/new"
	cat "$CASE/new" >../config.json
END

# --- what two readers could understand in two ways -------------------------------------------------------------------

hostile 'a key stands twice' 'json-twice' 'fails:stands twice' <<-'END'
	sed -i '0,/{/s//{"process": {"env": []},/' ../config.json
END
hostile 'a key stands twice by an escape' 'json-twice' 'fails:stands twice' <<-'END'
	sed -i '0,/{/s//{"\\u0070rocess": {"env": []},/' ../config.json
END
hostile 'keys differ in case' 'json-case' 'fails:only in case' <<-'END'
	sed -i 's/"env"/"Env"/' ../config.json
END
hostile 'keys differ in case by a letter of Unicode' 'json-case' 'fails:only in case' <<-'END'
	sed -i 's/"mounts"/"mount\\u017f"/' ../config.json
END
hostile 'half a surrogate pair' '' 'fails:config.json' <<-'END'
	sed -i 's/"hostname": "x"/"hostname": "\\ud800"/' ../config.json
END
hostile 'bytes that are no UTF-8' '' 'fails:config.json' <<-'END'
	LC_ALL=C sed -i 's/"hostname": "x"/"hostname": "\xff\xfe"/' ../config.json
END
hostile 'a NUL in the environment' '' 'fails:config.json|NUL' <<-'END'
	change '.process.env += ["NVIDIA_VISIBLE_DEVICES=0\u0000,1"]'
END
hostile 'a name of the environment in escapes' '' 'fails:NVIDIA_VISIBLE_DEVICES' <<-'END'
	variables X=1
	sed -i 's/"X=1"/"\\u004eVIDIA_VISIBLE_DEVICES=nonsense"/' ../config.json
END
hostile 'types that are not what they should be' '' 'fails:config.json' <<-'END'
	change '.process.env = "NVIDIA_VISIBLE_DEVICES=0"'
END
hostile 'a mount whose destination is a number' '' 'fails:config.json' <<-'END'
	change '.mounts += [{destination: 7, source: "/dev/null"}]'
END
hostile 'linux.devices is an object' '' 'fails:config.json' <<-'END'
	change '.linux.devices = {"path": "/dev/nvidia0"}'
END

# --- what the image asks with ----------------------------------------------------------------------------------------

hostile 'it asks for a line feed' '' 'fails:NVIDIA_VISIBLE_DEVICES' <<-'END'
	variables $'NVIDIA_VISIBLE_DEVICES=0\nnvbind-runtime: all is well'
END
hostile 'it asks for an escape sequence' '' 'fails:NVIDIA_VISIBLE_DEVICES' <<-'END'
	variables $'NVIDIA_VISIBLE_DEVICES=\033]0;gotcha\a\033[2J'
END
hostile 'it asks for what turns text around' '' 'fails:NVIDIA_VISIBLE_DEVICES' <<-'END'
	variables $'NVIDIA_VISIBLE_DEVICES=\u202egnp.exe\u200b'
	then
	! grep -q $'\u202e' "$CASE/stderr"
END
hostile 'it asks for formats' '' 'fails:NVIDIA_DRIVER_CAPABILITIES' <<-'END'
	variables NVIDIA_VISIBLE_DEVICES=0 'NVIDIA_DRIVER_CAPABILITIES=%n%n%s%s'
END
hostile 'it asks for a hundred thousand GPUs' '' 'fails:more than (4096 devices|the 32 KiB)' <<-'END'
	change '.process.env = ["NVIDIA_VISIBLE_DEVICES=" + ([range(100000) | "0"] | join(","))]'
END
hostile 'it asks for a megabyte' '' 'fails:NVIDIA_VISIBLE_DEVICES' <<-'END'
	change '.process.env = ["NVIDIA_VISIBLE_DEVICES=" + "x" * 1000000]'
END
hostile 'it asks in a hundred thousand variables' '' 'fails:more than 1024 variables' <<-'END'
	change '.process.env = [range(100000) | "NVIDIA_REQUIRE_\(.)=cuda>=1"] + ["NVIDIA_VISIBLE_DEVICES=0"]'
END
hostile 'it asks for a requirement without end' '' any <<-'END'
	change '.process.env = ["NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_REQUIRE_CUDA=" + ("cuda>=1,driver>1 " * 20000)]'
END
hostile 'it asks twice' '' 'fails:no such GPU: 9' <<-'END'
	variables NVIDIA_VISIBLE_DEVICES=0 NVIDIA_VISIBLE_DEVICES=9
END
hostile "it asks for another vendor's device" 'environment-names' "fails:no device of NVIDIA's" <<-'END'
	variables NVIDIA_VISIBLE_DEVICES=vendor.com/disk=all
END
for name in runtime.nvidia.com/gpu=vendor.com/disk=all runtime.nvidia.com/gpu=gpu:management.nvidia.com/gpu=all; do
	hostile "it asks for $name" '' 'fails:' <<-END
	variables NVIDIA_VISIBLE_DEVICES=$name
	END
done
for name in nvidia.com/gpu=../../../etc/passwd nvidia.com/../gpu=all ../../nvidia.com/gpu=0 nvidia.com/gpu=.. /nvidia.com/gpu=0; do
	hostile "it asks for the CDI device $name" '' 'fails:' <<-END
	variables NVIDIA_VISIBLE_DEVICES=$name
	END
	hostile "an annotation asks for the CDI device $name" '' 'fails:' <<-END
	change '.annotations["cdi.k8s.io/x"] = "$name"'
	END
done
hostile 'an annotation has a line feed' '' 'fails:annotation' <<-'END'
	change '.annotations["cdi.k8s.io/x\nlevel=error"] = "0\n"'
END
hostile 'there are annotations without end' '' done <<-'END'
	change '.annotations = ([range(50000) | {key: "cdi.k8s.io.not/\(.)", value: "0"}] | from_entries)'
END
hostile 'it asks by a mount' '' any <<-'END'
	change '.process.env = [] | .mounts += [{source: "/dev/null", destination: "/var/run/nvidia-container-devices/0"}]'
	then
	untouched
END
hostile 'it asks by a mount that leads elsewhere' '' any <<-'END'
	echo 'accept-volume-mounts = true' >"$CASE/settings"
	change '.process.env = [] | .mounts += [{source: "/dev/null", destination: "/var/run/nvidia-container-devices/../../../0"}]'
	then
	untouched
END
hostile 'it asks by a mount for what is none' '' 'fails:no CDI device name' <<-'END'
	echo 'accept-volume-mounts = true' >"$CASE/settings"
	change '.mounts += [{source: "/dev/null", destination: "/var/run/nvidia-container-devices/cdi/a/b/c\n/d"}]'
END
hostile 'it asks for rights that it lacks' '' 'fails:only for containers with CAP_SYS_ADMIN' <<-'END'
	variables NVIDIA_VISIBLE_DEVICES=0 NVIDIA_MIG_CONFIG_DEVICES=all
END
hostile 'it says that its devices are void' '' any <<-'END'
	variables NVIDIA_VISIBLE_DEVICES=0,void
	then
	untouched
END

# --- what stands in our places already -------------------------------------------------------------------------------

hostile 'a node of ours is another device' '' done <<-'END'
	change '.linux.devices = [{path: "/dev/nvidia0", type: "b", major: 8, minor: 0}]'
	then
	jq -e '[.linux.devices[] | select(.path == "/dev/nvidia0")] | length == 1 and .[0].type == "c"' "$CASE/given"
END
hostile 'a mount lies over ours' '' done <<-'END'
	change '.mounts += [{destination: "/usr/lib", type: "tmpfs", source: "tmpfs"}]'
	then
	jq -e '([.mounts[].destination] | index("/usr/lib")) < ([.mounts[].destination] | map(test("libcuda.so")) | index(true))' "$CASE/given"
END
hostile 'a mount lies over ours by another name' '' done <<-'END'
	change '.mounts += [{destination: "/usr/../usr//./lib/", type: "tmpfs", source: "tmpfs"}]'
	then
	jq -e '([.mounts[].destination] | index("/usr/../usr//./lib/")) < ([.mounts[].destination] | map(test("libcuda.so")) | index(true))' "$CASE/given"
END
hostile 'a hook of the same path stands there' '' done <<-'END'
	change ".hooks.createContainer = [{path: \"$(dirname "$(readlink -f "$SHIM")")/nvbind-hook\", args: [\"x\", \"apply\", \"--link\", \"a::/etc/passwd\"]}]"
	then
	! grep -q 'a::/etc/passwd' "$CASE/given"
END
hostile 'the root is the host' '' done <<-'END'
	change '.root.path = "/"'
END
hostile 'the id leads elsewhere' '' any <<-'END'
	echo '../../../../../etc/passwd' >"$CASE/id"
END

# --- races -----------------------------------------------------------------------------------------------------------

times=20
! is_sanitized || times=5

hostile 'racing: config.json against a link to the host' '' any <<-'END'
	mv ../config.json "$OUTSIDE/config.json"
	cp "$OUTSIDE/config.json" ..
	ln -s outside/config.json ../.other
	runs $times
	beside swap ../config.json ../.other
END
hostile 'racing: config.json against a FIFO' '' any <<-'END'
	mkfifo ../.other
	runs $times
	beside swap ../config.json ../.other
END
