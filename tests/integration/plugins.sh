#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plugins: the two examples, and bad ones of every sort: each is named and left out, or fatal, as configured.
. "$(dirname "$0")/lib.sh"
need nvbind nvbind-sim jq gcc
! is_sanitized || skip 'a sanitizer needs more memory than plugins get'
others_reach_build || skip "an ordinary user cannot reach nvbind-plugin"

export SOURCE=$NVB_SOURCE/tests/integration/programs/bad_plugin.c
mkdir -p "$T/plugins"
printf '[plugins]\ndirectory = "%s"\n' "$T/plugins" >"$T/config.toml"
printf '[plugins]\ndirectory = "%s"\nrequired = true\n' "$T/plugins" >"$T/required.toml"
make_sim h200x8 "$T/host"
chmod 755 "$T"

# bad NAME [FLAG...]: one that misbehaves so, alone in the directory.
bad() {
	local name=$1
	shift
	rm -rf "$T/plugins"/*
	gcc -shared -fPIC -w -fvisibility=hidden "-DBAD_$name" "-DNAME=\"$name\"" "-I$NVB_SOURCE/include" "$@" \
		-o "$T/plugins/$name.so" "$SOURCE"
}

plan() { nvbind --config "$T/config.toml" --root "$T/host" plan --gpu 0 "$@"; }
edits_of() { plan --format json 2>"$T/err" | jq -c --arg rule "plugin:$1" '[.edits[] | select(.rule == $rule)]'; }

# misbehaves NAME REGEX [FLAG...]: it is left out with those words, the plan stands without it; required, it is fatal.
misbehaves() {
	local name=$1 regex=$2
	shift 2
	bad "$name" "$@"
	is "$name: nothing of it is taken" '[]' "$(edits_of "$name")"
	like "$name: it is named" "plugin $name is left out: .*($regex)" "$(cat "$T/err")"
	like "$name: the plan says so, too" "plugin $name is left out" "$(plan --format json 2>/dev/null | jq -r '.warnings[]')"
	refuses "$name: fatal where plugins are required" 1 "plugin $name: .*($regex)" \
		nvbind --config "$T/required.toml" --root "$T/host" plan --gpu 0
}

before=$(plan --format json | jq '.edits | length')

misbehaves crash 'it crashed: Segmentation fault'
misbehaves abort 'it crashed: Aborted'
misbehaves hang 'longer than 2 seconds|it crashed: (CPU time|Killed)'
misbehaves sleep 'longer than 2 seconds'
misbehaves fork 'a system call that plugins may not make'
misbehaves exec 'a system call that plugins may not make'
misbehaves connect 'a system call that plugins may not make'
misbehaves constructor 'a system call that plugins may not make'
misbehaves memory 'it crashed'
misbehaves exit 'no record: nothing'
misbehaves fail 'it says that it failed'
misbehaves garbage 'no record|says who it is'
misbehaves flood 'more than a MiB|no record'
misbehaves many 'it says that it failed'
misbehaves gpu 'it says that it failed'
misbehaves mem "device '/dev/mem': plugins give none of that kind"
misbehaves dots "plugins give none of that kind"
misbehaves mknod "access 'rwm'"
misbehaves shadow "source '/etc/shadow': not below a directory"
misbehaves target "target '/etc/ld.so.preload': plugins mount nothing there"
misbehaves preload "variable 'LD_PRELOAD': plugins do not set it"
misbehaves visible "variable 'NVIDIA_VISIBLE_DEVICES'"
misbehaves reason 'not one line'
misbehaves symbol 'no nvb_plugin_descriptor'
misbehaves size 'smaller than one of this version' -DSIZE=8
misbehaves abi 'another version' -DABI=99
misbehaves name "calls itself 'other'" '-DCALLED="other"'
rm -f "$T/plugins"/*
echo 'no shared object' >"$T/plugins/text.so"
like 'a text: it is named' 'plugin text is left out: it cannot be loaded' "$(plan 2>&1 >/dev/null)"

bad print
is 'one that prints is good' BEFORE "$(edits_of print | jq -r '.[].name // .[].env.name' | head -1)"
bad write
like 'it can make no file' 'COULD_WRITE=0' "$(plan)"
check 'nothing was made' test ! -e /tmp/nvbind-plugin-wrote
if [ "$(id -u)" = 0 ]; then
	bad identity
	like 'it runs as nobody' 'USER_ID=65534' "$(plan)"
	like 'and reads nothing of root' 'SHADOW=-1' "$(plan)"
fi

# --- files and directories ---

bad fine
is 'a good one is taken' '["plugin:fine"]' "$(edits_of fine | jq -c 'map(.rule)')"
chmod o+w "$T/plugins/fine.so"
is 'a file that everybody can write is not loaded' '[]' "$(edits_of fine)"
like 'and named' 'fine.so: not loaded, since everybody can write it' "$(cat "$T/err")"
chmod o-w "$T/plugins/fine.so"
chmod o+w "$T/plugins"
is 'a directory that everybody can write' '[]' "$(edits_of fine)"
like 'and named' 'no plugins: .*everybody can write it' "$(cat "$T/err")"
chmod o-w "$T/plugins"
mkdir "$T/open"
mv "$T/plugins" "$T/open/plugins"
ln -s open/plugins "$T/plugins"
chmod o+w "$T/open"
is 'below a directory that everybody can write' '[]' "$(edits_of fine)"
like 'and named' 'of a directory above it, everybody can write it' "$(cat "$T/err")"
chmod o-w "$T/open"
rm "$T/plugins"
mv "$T/open/plugins" "$T/plugins"
if [ "$(id -u)" = 0 ]; then
	chown 65534 "$T/plugins/fine.so"
	is "a file of another user's" '[]' "$(edits_of fine)"
	like 'and named' 'another user owns it' "$(cat "$T/err")"
	chown 0 "$T/plugins/fine.so"
fi
mv "$T/plugins/fine.so" "$T/fine.so"
ln -s "$T/fine.so" "$T/plugins/fine.so"
is 'a link' '[]' "$(edits_of fine)"
like 'and named' 'it is a link' "$(cat "$T/err")"
rm "$T/plugins/fine.so"
mkfifo "$T/plugins/pipe.so"
like 'a FIFO does not hang' 'it is no file' "$(plan 2>&1 >/dev/null)"
rm "$T/plugins/pipe.so"
is 'no plugins, no edits' "$before" "$(plan --format json | jq '.edits | length')"
rmdir "$T/plugins"
is 'no directory, no word' '' "$(plan 2>&1 >/dev/null)"
mkdir "$T/plugins"

# --- verbs ---

bad crash
mv "$T/fine.so" "$T/plugins/fine.so"
list=$(nvbind --config "$T/config.toml" plugin list --format json)
is 'list: who is good, without calling it' 'crash true fine true' "$(jq -r '.[] | .name, .good' <<<"$list" | xargs)"
like 'check prints what it adds' 'plugin fine is good; it adds 1 edit' \
	"$(nvbind --config "$T/config.toml" --root "$T/host" plugin check fine --gpu 0)"
refuses 'check says what is wrong' 1 'plugin crash: it crashed: Segmentation fault' \
	nvbind --config "$T/config.toml" --root "$T/host" plugin check crash --gpu 0
check 'check of a file of the working directory' \
	env -C "$T/plugins" nvbind --config "$T/config.toml" --root "$T/host" plugin check fine.so --gpu 0
refuses 'check of one that is not there' 1 'nosuch.so' nvbind --config "$T/config.toml" --root "$T/host" plugin check nosuch
rm "$T/plugins"/*

# --- the examples ---

cc_example() { gcc -shared -fPIC -fvisibility=hidden -Wall -Werror "-I$NVB_SOURCE/include" "$@"; }
mkdir -p "$T/sources/licenses"
echo key >"$T/sources/licenses/key"
printf 'env SITE=north pole\n# a comment\nmount %s /opt/licenses\n' "$T/sources/licenses" >"$T/site.conf"
cc_example "-DSITE_FILE=\"$T/site.conf\"" -o "$T/plugins/site.so" "$NVB_SOURCE/examples/plugins/site.c"
like 'site: a source that is not allowed' "plugin site is left out.*not below a directory that plugins may mount from" "$(plan 2>&1 >/dev/null)"
printf 'mount-sources = ["%s"]\n' "$T/sources" >>"$T/config.toml"
like 'site: its variable' 'SITE=north pole' "$(plan)"
like 'site: its mount' '/opt/licenses' "$(plan)"
chmod o+w "$T/sources"
like 'site: below a directory that everybody can write' "source '.*/sources': others than root can write it" "$(plan 2>&1 >/dev/null)"
chmod o-w "$T/sources"
printf 'nonsense\n' >>"$T/site.conf"
like 'site: a line that says nothing' "plugin site is left out: it says that it failed: .*site.conf:4: neither env nor mount" "$(plan 2>&1 >/dev/null)"
rm "$T/plugins/site.so"

# Two cards: one behind GPU 0's root port, one on the NUMA node of others alone.
pci=$(nvbind --root "$T/host" info --format json | jq -r '.gpus[0].pci_address // .gpus[0].pci')
device=$(realpath "$T/host/sys/bus/pci/devices/$pci")
port=$(sed -E 's#(.*/pci[^/]*/[^/]*).*#\1#' <<<"$device")
cc_example -o "$T/plugins/rdma.so" "$NVB_SOURCE/examples/plugins/rdma.c"
is 'rdma: without cards nothing' '[]' "$(edits_of rdma)"
mkdir -p "$port/0000:ff:00.0/infiniband_verbs/uverbs8" "$T/host/sys/devices/pci0000:fe/0000:fe:01.0/0000:fe:00.0" \
	"$T/host/sys/class/infiniband_verbs/"{uverbs8,uverbs9} "$T/host/dev/infiniband"
ln -s "$port/0000:ff:00.0" "$T/host/sys/class/infiniband_verbs/uverbs8/device"
ln -s "$T/host/sys/devices/pci0000:fe/0000:fe:01.0/0000:fe:00.0" "$T/host/sys/class/infiniband_verbs/uverbs9/device"
if [ "$(id -u)" = 0 ]; then
	for n in 8 9; do mknod -m 666 "$T/host/dev/infiniband/uverbs$n" c 231 "$((192 + n))"; done
	[ -e "$T/host/dev/infiniband/rdma_cm" ] || mknod -m 666 "$T/host/dev/infiniband/rdma_cm" c 10 57
	is 'rdma: the near card and the manager, not the far card' '/dev/infiniband/rdma_cm /dev/infiniband/uverbs8' \
		"$(edits_of rdma | jq -r '.[] | .container // .device.container // .path' | sort | xargs)"
	like 'rdma: it says why' 'behind the PCIe root port of GPU 0' "$(plan)"
fi

# --- bolt ---

if [ "$(id -u)" = 0 ] && [ -x "$NVB_BUILD/bin/bolt" ] && command -v runc >/dev/null && command -v busybox >/dev/null; then
	. "$(dirname "$0")/surge.sh"
	export ROOT=$T/root
	make_busybox_root "$ROOT"
	mkdir -p "$T/plugins"
	rm -f "$T/plugins"/*
	truncate -s 0 "$T/site.conf"
	printf 'env SITE=north pole\nmount %s /opt/licenses\n' "$T/sources/licenses" >"$T/site.conf"
	cc_example "-DSITE_FILE=\"$T/site.conf\"" -o "$T/plugins/site.so" "$NVB_SOURCE/examples/plugins/site.c"
	capsule() { bolt --config "$1" --root "$T/host" surge run --rm --gpu 0 "$ROOT" sh -c 'echo "$SITE $(cat /opt/licenses/key)"; echo x >/opt/licenses/key' 2>&1; }
	in_bolt() {
		like 'bolt: what a plugin adds is inside' '^north pole key$' "$(capsule "$T/config.toml")"
		is 'bolt: read-only' key "$(cat "$T/sources/licenses/key")"
		bad crash
		like 'bolt: without a plugin that crashes' '^bolt: warning: plugin crash is left out' "$(capsule "$T/config.toml")"
		refuses 'bolt: not without it where plugins are required' 125 'plugin crash: it crashed' \
			bolt --config "$T/required.toml" --root "$T/host" surge run --rm --gpu 0 "$ROOT" true
	}
	with_cgroup_v1 surge_state in_bolt
fi
