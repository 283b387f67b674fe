#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt without root, beyond what the tests of surge run try as an ordinary user, too: owners and whiteouts of images,
# users without subordinate ids, hosts without user namespaces, what belongs to whom.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq nvbind-sim python3 skopeo
has_user || skip 'there is no ordinary user who could run bolt here'

RUNTIME=$(basename "$(command -v crun || command -v runc)") || skip 'needs crun or runc'
export RUNTIME ROOT=$T/root
make_busybox_root "$ROOT"
mkdir -m 700 "$T/closed"
mkdir -p "$T/shared/bolt"
chmod 777 "$T/shared/bolt"
tar --numeric-owner --owner=0 --group=0 -C "$ROOT" -cf "$T/root.tar" .
cat >"$T/layers.json" <<'END'
{"config": {"Cmd": ["/bin/sh"]}, "layers": [
  [{"name": "a/", "type": "dir"}, {"name": "a/one", "data": "1"}, {"name": "a/two", "data": "2"},
   {"name": "b/", "type": "dir"}, {"name": "b/old", "data": "old"}],
  [{"name": "a/.wh.one"}, {"name": "b/", "type": "dir"}, {"name": "b/.wh..wh..opq"}, {"name": "b/new", "data": "new"},
   {"name": "mine", "data": "m", "uid": 1000, "gid": 1001, "mode": 384},
   {"name": "private/", "type": "dir", "uid": 33, "mode": 448}, {"name": "private/x", "data": "x", "uid": 33},
   {"name": "far", "data": "f", "uid": 4000000, "gid": 4000000}, {"name": "suid", "data": "s", "uid": 7, "mode": 2541}]
]}
END
# The layers need a shell below them.
"$NVB_SOURCE/tests/integration/oci_layout.py" "$T/layout" "$T/layers.json"

is_of() { stat -c '%n %u:%g %a' "$@" 2>&1; }

# images WHAT OWNERS: as the user; what the image's files look like to its programs.
images() {
	local text
	cd "$HOME"
	check "$1: pull of layers with owners and whiteouts" bolt image pull "oci:$T/layout:image" layered
	check "$1: import" bolt image import "$T/root.tar" base
	merge
	text=$(surge merged sh -c 'ls a b; stat -c "%n %u:%g %a" mine private private/x far suid bin' 2>&1)
	is "$1: a whiteout hides a file, an opaque directory all below it, owners are the image's" "a:
two

b:
new
$2" "$text"
	is "$1: the store is nobody else's" "$NVB_TEST_UID 700" "$(stat -c '%u %a' "$BOLT_DATA/store/layers")"
	is "$1: image ls and inspect need no namespace" base "$(bolt image ls | awk '/base/ {sub(".*/", ""); sub(":.*", ""); print}')"
	check "$1: image rm" bolt image rm layered base merged
	is "$1: takes the files of other owners along" '' "$(find "$BOLT_DATA/store"/{layers,images,tmp} -mindepth 1)"
}

# One image of both, by hand: the config of the one, the layers of both.
merge() {
	local store=$BOLT_DATA/store base layered
	base=$(bolt image inspect base | jq -c '.[0].config.rootfs.diff_ids')
	layered=$(bolt image inspect layered | jq -c '.[0].config.rootfs.diff_ids')
	jq -nc --argjson a "$base" --argjson b "$layered" --argjson c "$(bolt image inspect layered | jq -c '.[0].config')" \
		'$c | .rootfs.diff_ids = $a + $b' >"$T/merged.json"
	local id
	id=$(sha256sum "$T/merged.json" | cut -d' ' -f1)
	mkdir -p "$store/images/$id"
	cp "$T/merged.json" "$store/images/$id/config.json"
	echo "sha256:$id" >"$store/refs/localhost%2Fmerged:latest"
}

with_ids() {
	user_world
	images 'with ids' 'mine 1000:1001 600
private 33:0 700
private/x 33:0 644
far 0:0 644
suid 7:0 4755
bin 0:0 755'
	killed_pull
	kept_and_removed
	own_directory
	homeless
}

# What a killed pull left belongs to subordinate ids: the next one removes it.
killed_pull() {
	bolt image pull "oci:$T/layout:image" layered >/dev/null
	mkdir -p "$BOLT_DATA/store/tmp/0123456789abcdef"
	mv "$BOLT_DATA/store/layers"/* "$BOLT_DATA/store/tmp/0123456789abcdef/"
	bolt image pull "oci:$T/layout:image" again >/dev/null
	is 'what a killed pull left is removed by the next one' '' "$(ls "$BOLT_DATA/store/tmp")"
	bolt image rm layered again >/dev/null
}

kept_and_removed() {
	bolt image import "$T/root.tar" base >/dev/null
	bolt surge run --name kept base sh -c 'mkdir -m 700 /deep && touch /deep/x && chown -R 5:6 /deep'
	is 'a file of a capsule belongs to a subordinate id' 700004:700005 \
		"$(stat -c %u:%g "$BOLT_DATA/capsules/$(readlink "$BOLT_DATA/names/kept")/upper/deep")"
	check 'capsule rm removes it' bolt capsule rm kept
	surge base sh -c 'mkdir -m 700 /deep && touch /deep/x && chown -R 5:6 /deep'
	is 'so does --rm' '' "$(leftovers)"
	is 'limits above the own ones are dropped with a word' 1 "$(surge --ulimit nofile=9999999:9999999 base true 2>&1 | grep -c 'may not raise')"
}

# A directory that root made is nobody's inside; it runs all the same.
own_directory() {
	cp -a "$ROOT" "$HOME/mine"
	is "a directory of the user's is root's inside" '0 ok' "$(surge "$HOME/mine" sh -c 'touch /etc/x; echo $(stat -c %u /etc) ok' 2>&1)"
	is 'one of root runs, too' ok "$(surge "$ROOT" echo ok 2>&1)"
	is 'import gives the container what is the user'"'"'s' '0:0' "$(bolt image import "$HOME/mine" mine >/dev/null && surge mine stat -c %u:%g /etc)"
	bolt image rm mine base >/dev/null
}

homeless() {
	refuses 'without a home there is no place' 125 'HOME is not set' env -u HOME -u XDG_RUNTIME_DIR bolt surge run --rm "$ROOT" true
	is 'XDG_DATA_HOME and XDG_RUNTIME_DIR will do' ok \
		"$(env -u HOME XDG_DATA_HOME="$T/home/data" bolt surge run --rm "$ROOT" echo ok 2>&1)"
	refuses 'a directory that others write to is no place either' 125 'XDG_RUNTIME_DIR.*of your own' \
		env XDG_RUNTIME_DIR="$T/shared" bolt surge run --rm "$ROOT" true
	refuses 'nor one for both' 125 'are the same' env XDG_DATA_HOME="$XDG_RUNTIME_DIR" bolt surge run --rm "$ROOT" true
	is 'settings of a home that the user may not enter are not his' ok "$(
		env -u HOME XDG_CONFIG_HOME="$T/closed" XDG_DATA_HOME="$T/home/data" bolt surge run --rm "$ROOT" echo ok 2>&1
	)"
	is 'HOME alone, too' ok "$(env -u XDG_RUNTIME_DIR bolt surge run --rm "$ROOT" echo ok 2>&1)"
}

# A GPU that a user holds alone is nobody else's as long as the container runs, whoever kills bolt.
leases() {
	local pid i init busy=()
	user_world
	export NVBIND_ROOT=$T/host
	bolt surge run --rm --runtime "$RUNTIME" --isolation exclusive --gpu 2 "$ROOT" \
		sh -c 'echo up; exec sleep 1000' >"$T/held" &
	pid=$!
	# Its first process is written down before the runtime is told to start it, and would end with a bolt that is
	# killed in between.
	for ((i = 0; i < 400; i++)); do
		! grep -q up "$T/held" || break
		sleep 0.05
	done
	init=$(cut -d' ' -f1 "$BOLT_RUN"/capsules/*/init)
	busy=(env XDG_RUNTIME_DIR="$T/other/run" XDG_DATA_HOME="$T/other/data" bolt surge run --rm --gpu 2 "$ROOT" true)
	mkdir -p "$T/other"/{run,data}
	refuses 'a GPU that is held alone' 125 'GPU 2 .* is held by' "${busy[@]}"
	is 'the others are free' 0 "$(status surge --gpu 3 "$ROOT" true)"
	kill -KILL "$pid"
	wait "$pid" || true
	refuses 'a killed bolt leaves it with the container' 125 'GPU 2 .* is held by' "${busy[@]}"
	kill -KILL "$init"
	for ((i = 0; i < 200; i++)); do
		[ "$(status "${busy[@]}")" != 0 ] || break
		sleep 0.05
	done
	is 'and the container gives it back' 0 "$(status "${busy[@]}")"
	is 'with the next command nothing is left of it' '0 ' "$(status surge "$ROOT" true) $(leftovers)"
}

without_ids() {
	user_world
	images 'without ids' 'mine 0:0 600
private 0:0 700
private/x 0:0 644
far 0:0 644
suid 0:0 4755
bin 0:0 755' 2>&1
	like 'a pull says what it does to owners' 'one owner: /etc/subuid has no line for nvbtest' \
		"$(bolt image pull "oci:$T/layout:image" layered 2>&1)"
	refuses 'another user is refused by name' 125 'cannot run as user 1000: /etc/subuid.*usermod --add-subuids' \
		surge -u 1000 "$ROOT" true
	is 'root alone is there' '0 1' "$(surge "$ROOT" sh -c 'echo $(id -u) $(awk "{print \$3}" /proc/self/uid_map)')"
	is '--network none' 'lo:' "$(surge --network none "$ROOT" ip -o link | awk '{print $2}')"
	is 'nothing is left' '' "$(leftovers)"
}

user_world() {
	export ROOTLESS=1 BOLT_RUN=$XDG_RUNTIME_DIR/bolt BOLT_DATA=$HOME/.local/share/bolt
	cd "$HOME"
}

# The limit of a user namespace of the user's own, which no other process has.
blocked() {
	user_world
	# shellcheck disable=SC2016
	refuses 'a host that allows no user namespaces' 125 'user namespace.*sysctl user.max_user_namespaces=15000' \
		unshare -U --map-user=1000 --keep-caps bash -c \
		'echo 0 >/proc/sys/user/max_user_namespaces && exec bolt surge run --rm "$ROOT" true'
	# shellcheck disable=SC2016
	like 'images come all the same' 'one owner.*localhost/flat:latest sha256' "$(unshare -U --map-user=1000 --keep-caps bash -c \
		'echo 0 >/proc/sys/user/max_user_namespaces && exec bolt image import "$T/root.tar" flat' 2>&1 | tr '\n' ' ')"
	is 'and can be run where there are' ok "$(surge flat echo ok 2>&1)"
	check 'and removed' bolt image rm flat
}

# The files that others lock to hold a GPU are root's to make, as its first container with one does.
make_sim h200x8 "$T/host"
own_state env NVBIND_ROOT="$T/host" bolt surge run --rm --runtime "$RUNTIME" --gpu all "$ROOT" true
as_user leases
as_user with_ids
as_user_without_ids without_ids
as_user blocked
