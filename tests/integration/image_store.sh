#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt image without a registry: import of directories and archives, whiteouts and opaque directories as overlayfs shows
# them, hostile layers, names, rm and prune, and what a killed import leaves.
. "$(dirname "$0")/lib.sh"
need_root
need skopeo python3 jq zstd setfattr
image=$NVB_BUILD/tools/bolt-image
export image # for what runs in namespaces
layout=$NVB_SOURCE/tests/integration/oci_layout.py
S=$T/store

img() {
	local verb=$1
	shift
	"$image" "$verb" --store "$S" "$@"
}

# layers_of NAME: the overlay option for an image's layers, highest first.
layers_of() {
	img inspect "$1" | jq -r '.[0].config.rootfs.diff_ids | reverse | .[]' | sed "s|^sha256:\(.*\)|$S/layers/\1/fs|" |
		paste -sd:
}

# --- import ----------------------------------------------------------------------------------------------------------

mkdir -p "$T/dir/sub/deep" "$T/dir/empty"
echo hello >"$T/dir/sub/file"
ln "$T/dir/sub/file" "$T/dir/sub/hard"
ln -s ../sub/file "$T/dir/empty/soft"
chmod 4755 "$T/dir/sub/file"
chown 1234:5678 "$T/dir/sub/deep"
setfattr -n user.colour -v blue "$T/dir/sub/file"
printf 'x' >"$T/dir/"$'name with\nnewline and \xc3\xa4'
check 'import of a directory' img import "$T/dir" team/app:1
L=$(layers_of team/app:1)
check 'the same files' diff -r --no-dereference "$T/dir" "$L"
is 'modes, owners, links as they were' \
	"$(cd "$T/dir" && find . -printf '%P %m %U %G %n %l\n' | sort)" "$(cd "$L" && find . -printf '%P %m %U %G %n %l\n' | sort)"
is 'user attributes are kept' blue "$(getfattr --only-values -n user.colour "$L/sub/file" 2>/dev/null)"
is 'the same content gives the same image' \
	"$(img inspect team/app:1 | jq -r '.[0].id')" "$(img import "$T/dir" other | awk '{print $2}')"
tar -C "$T/dir" -czf "$T/app.tgz" .
check 'import of a compressed archive' img import "$T/app.tgz" team/tar
check 'the same files from it' diff -r --no-dereference "$T/dir" "$(layers_of team/tar)"
tar -C "$T/dir" -cf - . | check 'import from standard input' img import - team/pipe
is 'the configuration from --change' '["/bin/x","y"] ["A=1"] /w 7:8' "$(
	img import -c 'ENTRYPOINT ["/bin/x","y"]' -c 'ENV A=1' -c 'WORKDIR /w' -c 'USER 7:8' "$T/dir" team/conf >/dev/null
	img inspect team/conf | jq -cr '.[0].config.config | "\(.Entrypoint) \(.Env) \(.WorkingDir) \(.User)"'
)"
refuses 'a stop signal that is none' 1 "'STOPSIGNAL SIGFOO': there is no such signal" img import -c 'STOPSIGNAL SIGFOO' "$T/dir" x
refuses 'a bad --change' 1 "'FROM x' is not understood" img import -c 'FROM x' "$T/dir" x
refuses 'a directory that is not there' 1 'nowhere: No such file' img import "$T/nowhere" x
refuses 'an archive that is none' 1 'importing .*/passwd' img import /etc/passwd x
refuses 'a bad name' 1 "'Team/App' is not an image name" img import "$T/dir" Team/App
head -c 200 "$T/app.tgz" >"$T/cut.tgz"
refuses 'an archive that is cut off' 1 'importing .*cut.tgz' img import "$T/cut.tgz" x
is 'nothing half-done is left' '' "$(ls "$S/tmp")"

# --- layers: whiteouts, opaque directories, forms --------------------------------------------------------------------

cat >"$T/layers.json" <<'END'
{"config": {"Cmd": ["/bin/sh"]}, "layers": [
  [{"name": "a/", "type": "dir"}, {"name": "a/one", "data": "1"}, {"name": "a/two", "data": "2"},
   {"name": "b/", "type": "dir"}, {"name": "b/old", "data": "old"}, {"name": "c/", "type": "dir"},
   {"name": "c/x", "data": "x"}, {"name": "d", "data": "file"}, {"name": "e/", "type": "dir"},
   {"name": "e/low", "data": "low"}],
  {"compress": "zstd", "entries": [
   {"name": "a/.wh.one"}, {"name": "b/"   , "type": "dir"}, {"name": "b/.wh..wh..opq"}, {"name": "b/new", "data": "new"},
   {"name": ".wh.c"}, {"name": ".wh.d"}, {"name": ".wh.e"}, {"name": "e/", "type": "dir"},
   {"name": "e/high", "data": "high"}, {"name": ".wh..wh.plnk", "data": ""}]},
  {"compress": "none", "tail": 4096, "entries": [
   {"name": "./f", "data": "f"}, {"name": "/g", "data": "g"}, {"name": "h", "type": "link", "target": "/g"},
   {"name": "null", "type": "char"}, {"name": "pipe", "type": "fifo"},
   {"name": "evil", "data": "e", "xattrs": {"trusted.overlay.redirect": "/etc", "user.overlay.opaque": "y",
     "user.fine": "1"}}]}
]}
END
"$layout" "$T/layout" "$T/layers.json"
check 'pull from an OCI layout' img pull "oci:$T/layout:image" layered
mkdir "$T/merged"
mount -t overlay overlay -o "lowerdir=$(layers_of layered)" "$T/merged"
is 'what the overlay of its layers shows' \
	"$(printf '%s\n' a a/two b b/new e e/high evil f g h pipe)" "$(cd "$T/merged" && find . -mindepth 1 -printf '%P\n' | sort)"
is 'a hard link within a layer' g "$(cat "$T/merged/h")"
umount "$T/merged"
top=$(layers_of layered | cut -d: -f1)
is 'attributes that overlayfs obeys are left out' 'user.fine' "$(getfattr -m - "$top/evil" 2>/dev/null | grep -v '^#' | grep .)"
check 'an image of no layers' bash -c "
	echo '{\"layers\": []}' >$T/none.json && $layout $T/none $T/none.json && $image pull --store $S oci:$T/none:image none"

# --- hostile layers --------------------------------------------------------------------------------------------------

# hostile WHAT REGEX ENTRIES: a pull that must fail and leave nothing, inside the store or outside.
hostile() {
	local name before
	name=h$RANDOM
	echo "{\"layers\": [$3]}" >"$T/$name.json"
	"$layout" "$T/$name" "$T/$name.json"
	before=$(ls "$S/layers" "$S/images" "$S/refs" | sort)
	refuses "$1" 1 "$2" img pull "oci:$T/$name:image" "$name"
	is "$1: the store is as it was" "$before" "$(ls "$S/layers" "$S/images" "$S/refs" | sort)"
	is "$1: nothing half-done" '' "$(ls "$S/tmp")"
	check "$1: nothing outside" [ ! -e "$S/escaped" ] && check "$1: nothing in /" [ ! -e /escaped ]
}
hostile 'a name with ..' 'contains' '[{"name": "a/../../../../escaped", "data": "x"}]'
# A way through a link is resolved as in the container: it ends inside the layer.
echo '{"layers": [[{"name": "l", "type": "symlink", "target": "/"}, {"name": "l/escaped", "data": "x"},
	{"name": "up", "type": "symlink", "target": "../../../../../.."}, {"name": "up/escaped2", "data": "x"}]]}' >"$T/links.json"
"$layout" "$T/links" "$T/links.json"
check 'ways through links' img pull "oci:$T/links:image" links
is 'end inside the layer' 'escaped escaped2 l up' "$(ls "$(layers_of links)" | paste -sd' ')"
check 'and nowhere else' [ ! -e /escaped ] && check 'nor above' [ ! -e "$S/escaped2" ]
hostile 'a hard link to outside' 'importing|pulling' '[{"name": "l", "type": "link", "target": "/etc/passwd"}]'
hostile 'a whiteout of ..' 'whiteout' '[{"name": "a/", "type": "dir"}, {"name": "a/.wh..", "data": ""}]'
sed 's|"config": {"Cmd"|"diff_ids": ["sha256:'"$(printf '%064d' 0)"'","sha256:x","sha256:y"], "config": {"Cmd"|' \
	"$T/layers.json" >"$T/lie.json"
"$layout" "$T/lie" "$T/lie.json"
refuses 'a config that lies about its layers' 1 'sha256 digests|digest' img pull "oci:$T/lie:image" lie
echo '{"layers": [[{"name": "a"}]], "diff_ids": ["sha256:'"$(printf '%064d' 0)"'"]}' >"$T/lie2.json"
"$layout" "$T/lie2" "$T/lie2.json"
refuses 'a layer that is not what the config says' 1 'digest' img pull "oci:$T/lie2:image" lie2

# What unpacks to all that a file system has is given up before it is full. Holes take nothing.
small_store() { # ARCHIVE
	local status=0
	mkdir -p "$T/small"
	mount -t tmpfs -o size=64m,nr_inodes=20000 tmpfs "$T/small"
	"$image" import --store "$T/small" "$1" bomb || status=$?
	[ "$(find "$T/small/layers" "$T/small/images" "$T/small/tmp" -mindepth 1 | wc -l)" = 0 ] || echo 'something is left' >&2
	return "$status"
}
mkdir "$T/bomb" "$T/many"
head -c 200M /dev/zero >"$T/bomb/zeros"
tar -C "$T/bomb" -czf "$T/bomb.tgz" .
refuses 'an archive of 200 KiB that unpacks to 200 MiB' 1 'layer: after [0-9]+ MiB of it .* has less than 19 MiB left; .*prune' \
	in_mount_namespace small_store "$T/bomb.tgz"
(cd "$T/many" && seq -f 'f%.0f' 25000 | xargs touch)
tar -C "$T/many" -czf "$T/many.tgz" .
refuses 'an archive of more files than there is room for' 1 'layer: after 0 MiB|No space' \
	in_mount_namespace small_store "$T/many.tgz"
rm -rf "$T/bomb" "$T/many"

# --- what others must not reach --------------------------------------------------------------------------------------

is 'the store is for its owner alone: layers hold set-user-ID programs' '' \
	"$(find "$S" -maxdepth 1 -type d -perm /077 ! -path "$S")"
chmod 711 "$S/layers"
img ls >/dev/null
is 'one that others could enter is mended' 700 "$(stat -c %a "$S/layers")"

# A directory is imported while somebody exchanges a part of it for a link outside.
if command -v cc >/dev/null; then
	cc -O1 -o "$T/swap" "$NVB_SOURCE/tests/integration/programs/swap.c"
	mkdir -p "$T/raced/d" "$T/beyond"
	for i in $(seq 100); do
		echo harmless >"$T/raced/d/$i"
		echo precious >"$T/beyond/$i"
	done
	ln -s "$T/beyond" "$T/raced/d2"
	exec 7< <(exec timeout 120 "$T/swap" "$T/raced/d" "$T/raced/d2")
	swapper=$!
	read -r _ <&7
	for _ in $(seq 30); do
		"$image" import --store "$T/raced.store" "$T/raced" raced >/dev/null 2>&1 || true
	done
	kill "$swapper"
	exec 7<&-
	is 'nothing outside of an imported directory gets into the image' '' "$(grep -rl precious "$T/raced.store/layers")"
fi

# --- names, rm, prune ------------------------------------------------------------------------------------------------

refuses 'inspect of an image that is not here' 1 "no such image here: nothing" img inspect nothing
like 'ls names it' 'localhost/team/app:1' "$(img ls)"
check 'inspect by the beginning of an id' img inspect "$(img inspect layered | jq -r '.[0].id' | cut -c8-19)"
img rm other >/dev/null
check 'removing one of two names keeps the image' img inspect team/app:1
exec {held}<"$S/images/$(img inspect layered | jq -r '.[0].id' | cut -c8-)/config.json"
id=$(img inspect layered | jq -r '.[0].id' | cut -c8-)
: >"$S/images/$id/lock"
exec {held}<"$S/images/$id/lock"
flock -s "$held"
refuses 'an image that a capsule runs from stays' 1 'used by a running capsule' img rm layered
exec {held}<&-
img rm layered >/dev/null
check 'rm removes the layers nobody uses' [ ! -e "$top" ]
img prune -a >/dev/null
is 'prune --all leaves an empty store' '' "$(ls "$S/layers" "$S/images" "$S/refs" "$S/blobs/sha256" "$S/tmp" | grep -v ':$' | grep .)"

# --- killed ----------------------------------------------------------------------------------------------------------

mkdir "$T/big"
for i in $(seq 40); do head -c 1000000 /dev/urandom >"$T/big/$i"; done
for delay in 0.01 0.03 0.06 0.1; do
	"$image" import --store "$S" "$T/big" big >/dev/null 2>&1 &
	pid=$!
	sleep "$delay"
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
done
img rm big >/dev/null 2>&1 || true
img prune -a >/dev/null
is 'imports killed at several moments leave nothing after the next command' '' \
	"$(ls "$S/layers" "$S/images" "$S/refs" "$S/tmp" | grep -v ':$' | grep .)"
"$image" import --store "$S" "$T/big" big >/dev/null 2>&1 &
pid=$!
sleep 0.03
kill -TERM "$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || true
is 'an import that is asked to stop leaves nothing at all' '' "$(ls "$S/tmp")"
