#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind-hook as a real runtime's createContainer hook: programs in the container find the driver's libraries, on a root
# that can be written, one that is mounted read-only and one that is read-only through and through.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/container_lib.sh"
need_root
need nvbind-hook cc jq runc
[ "$(uname -m)" = x86_64 ] || skip "the stub libraries are for x86-64"
lower=$(debian_root bookworm) || skip "no Debian 12 (debootstrap failed: see $NVB_TEST_CACHE/bookworm.log)"
hook=$(realpath "$NVB_BUILD/bin/nvbind-hook")
make_driver "$T/driver"

# What every container's root is made of: the image, and the program that looks.
fresh_root "$lower" "$T/image"
image=$T/image/root
build_dlopen_all "$image" "$LIBDIR"
for file in "$T/driver"/*; do
	: >"$image$LIBDIR/${file##*/}"
done

# bundle DIR: runs dlopen_all with all SONAMES on DIR/rootfs, with the driver mounted file by file and our hook.
bundle() {
	local args=(nvbind-hook apply --library-directory "$LIBDIR" --log-level debug
		--link "libcuda.so.$DRIVER_VERSION::$LIBDIR/libcuda.so.1" --link "libcuda.so.1::$LIBDIR/libcuda.so")
	make_bundle "$1" /dlopen_all "${DRIVER_SONAMES[@]}" libcuda.so
	(cd "$T/driver" && ls) | jq -Rn --tab --slurpfile spec "$1/config.json" --arg driver "$T/driver" --arg dir "$LIBDIR" \
		--arg hook "$hook" --args '[inputs] as $files | $spec[0]
		| .mounts += [$files[] | {destination: "\($dir)/\(.)", source: "\($driver)/\(.)", type: "bind",
			options: ["bind", "ro", "nosuid", "nodev"]}]
		| .hooks.createContainer = [{path: $hook, args: $ARGS.positional, env: []}]' -- "${args[@]}" >"$1/new"
	mv "$1/new" "$1/config.json"
}

edit() { # BUNDLE JQ-FILTER
	jq --tab "$2" "$1/config.json" >"$1/new"
	mv "$1/new" "$1/config.json"
}

# finds WHAT OUTPUT: all SONAMEs were found.
finds() {
	unlike "$1: every SONAME is found" 'cannot open|No such' "$2"
	is "$1: as many as there are" "$((${#DRIVER_SONAMES[@]} + 1))" "$(grep -cE ' => (/usr)?/lib/' <<<"$2")"
}

for runtime in runc crun; do
	if ! runtime_works "$runtime" v1; then
		echo "SKIP: $runtime: $(tail -1 "$T/.works.$runtime.v1")" >&2
		continue
	fi

	fresh_root "$image" "$T/$runtime.plain"
	mkdir "$T/$runtime.plain/rootfs"
	mount --bind "$T/$runtime.plain/root" "$T/$runtime.plain/rootfs"
	bundle "$T/$runtime.plain"
	mounts=$(lib_mounts_below "$T" | wc -l)
	finds "$runtime" "$(with_cgroup_v1 run_bundle "$runtime" "$T/$runtime.plain" 2>&1 || :)"
	is "$runtime: links are there" libcuda.so.1 "$(readlink "$T/$runtime.plain/root$LIBDIR/libcuda.so" || :)"
	is "$runtime: no mount stays" "$mounts" "$(lib_mounts_below "$T" | wc -l)"

	# The driver as one directory: one mount, links that lead into it.
	fresh_root "$image" "$T/$runtime.tree"
	mkdir -p "$T/$runtime.tree/rootfs" "$T/tree$LIBDIR"
	cp "$T/driver"/* "$T/tree$LIBDIR"
	mount --bind "$T/$runtime.tree/root" "$T/$runtime.tree/rootfs"
	rm "$T/$runtime.tree/root$LIBDIR"/*".$DRIVER_VERSION"
	bundle "$T/$runtime.tree"
	tree=/run/nvbind/driver
	edit "$T/$runtime.tree" ".mounts |= map(select(.type != \"bind\"))
		| .mounts += [{destination: \"$tree\", source: \"$T/tree\", type: \"bind\", options: [\"bind\", \"ro\"]}]
		| .hooks.createContainer[0].args = [\"nvbind-hook\", \"apply\", \"--library-directory\", \"$tree$LIBDIR\",
			\"--link\", \"$tree$LIBDIR/libcuda.so.$DRIVER_VERSION::$LIBDIR/libcuda.so.1\",
			\"--link\", \"libcuda.so.1::$LIBDIR/libcuda.so\"]"
	output=$(with_cgroup_v1 run_bundle "$runtime" "$T/$runtime.tree" 2>&1 || :)
	unlike "$runtime, tree: every SONAME is found" 'cannot open|No such' "$output"
	is "$runtime, tree: in the tree" "$((${#DRIVER_SONAMES[@]} + 1))" "$(grep -c " => $tree$LIBDIR/" <<<"$output")"
	is "$runtime, tree: the links lead there" "libcuda.so.1 $tree$LIBDIR/libcuda.so.$DRIVER_VERSION" \
		"$(readlink "$T/$runtime.tree/root$LIBDIR"/libcuda.so{,.1} | xargs || :)"
	umount "$T/$runtime.tree/rootfs" "$T/$runtime.tree/root"

	# root.readonly: hooks run before the runtime makes it so.
	fresh_root "$image" "$T/$runtime.readonly"
	mkdir "$T/$runtime.readonly/rootfs"
	mount --bind "$T/$runtime.readonly/root" "$T/$runtime.readonly/rootfs"
	bundle "$T/$runtime.readonly"
	edit "$T/$runtime.readonly" '.root.readonly = true'
	finds "$runtime, readonly" "$(with_cgroup_v1 run_bundle "$runtime" "$T/$runtime.readonly" 2>&1 || :)"

	# Nothing can be written at all: the cache becomes a mount, and knows the names of the links that cannot be made.
	mkdir -p "$T/$runtime.sealed/rootfs"
	mount -t overlay overlay -o "ro,lowerdir=$image:$T/driver" "$T/$runtime.sealed/rootfs"
	bundle "$T/$runtime.sealed"
	edit "$T/$runtime.sealed" '.root.readonly = true'
	sum=$(sha256sum <"$image/etc/ld.so.cache")
	output=$(with_cgroup_v1 run_bundle "$runtime" "$T/$runtime.sealed" 2>&1 || :)
	finds "$runtime, sealed root" "$output"
	is "$runtime, sealed root: the image is as it was" "$sum" "$(sha256sum <"$image/etc/ld.so.cache")"
	is "$runtime, sealed root: no mount stays" "$((mounts + 3))" "$(lib_mounts_below "$T" | wc -l)"
	edit "$T/$runtime.sealed" '.process.args = ["/bin/sh", "-c", "grep ld.so.cache /proc/self/mountinfo; echo x >>/etc/ld.so.cache"]'
	output=$(with_cgroup_v1 run_bundle "$runtime" "$T/$runtime.sealed" 2>&1 || :)
	like "$runtime, sealed root: the mount is read-only" ' /etc/ld.so.cache ro,nosuid,nodev,noexec' "$output"
	like "$runtime, sealed root: and cannot be written" 'cannot create /etc/ld.so.cache: Read-only' "$output"
	umount "$T/$runtime.sealed/rootfs" "$T/$runtime.readonly/rootfs" "$T/$runtime.readonly/root" \
		"$T/$runtime.plain/rootfs" "$T/$runtime.plain/root"

	# A container without the optional part is better than none.
	fresh_root "$image" "$T/$runtime.odd"
	mkdir "$T/$runtime.odd/rootfs"
	mount --bind "$T/$runtime.odd/root" "$T/$runtime.odd/rootfs"
	rm "$T/$runtime.odd/root/etc/ld.so.cache"
	mkdir "$T/$runtime.odd/root/etc/ld.so.cache"
	bundle "$T/$runtime.odd"
	edit "$T/$runtime.odd" '.process.args = ["/bin/echo", "it runs"] | .hooks.createContainer[0].env
		= ["LD_PRELOAD=/proc/self/cwd/evil.so", "GCONV_PATH=/tmp", "GLIBC_TUNABLES=glibc.malloc.check=3"]'
	like "$runtime: a container whose cache is a directory runs" 'it runs' \
		"$(with_cgroup_v1 run_bundle "$runtime" "$T/$runtime.odd" 2>&1 || :)"
	edit "$T/$runtime.odd" '.hooks.createContainer[0].args += ["--frobnicate"]'
	unlike "$runtime: a malformed hook is an error" 'it runs' \
		"$(with_cgroup_v1 run_bundle "$runtime" "$T/$runtime.odd" 2>&1 || :)"
	umount "$T/$runtime.odd/rootfs" "$T/$runtime.odd/root"
done

# By hand.
hook_is_sanitized || check 'it is static' bash -c '! ldd "$1" >/dev/null 2>&1' bash "$hook"
like '--help names the verb' 'nvbind-hook apply' "$("$hook" --help)"
like '--version' '^nvbind-hook [0-9]' "$("$hook" --version)"
refuses 'an unknown argument' 1 '^nvbind-hook: --frobnicate: unknown argument \(see' "$hook" apply --frobnicate
refuses 'a verb that is none' 1 '^nvbind-hook: frobnicate: unknown verb' "$hook" frobnicate
check 'a root that is not there exits 0' "$hook" apply --root "$T/absent" --library-directory /lib
check 'a state that is none exits 0' bash -c 'echo "{\"bundle\":7}" | "$1" apply --library-directory /lib' bash "$hook"
check 'a state without end exits 0' timeout 20 bash -c 'yes "{" | "$1" apply --library-directory /lib' bash "$hook"
