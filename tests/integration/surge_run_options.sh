#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt surge run: what the options do inside the container, and what they refuse.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq runc

export ROOT=$T/root
make_busybox_root "$ROOT"
cat >"$ROOT/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
jo:x:1000:1001:Jo:/home/jo:/bin/sh
END
cat >"$ROOT/etc/group" <<'END'
root:x:0:
jo:x:1001:
video:x:44:root,jo
games:x:60:jo
END
mkdir -p "$ROOT/home/jo" "$ROOT/root" "$ROOT/data" "$ROOT/var"
chmod 700 "$ROOT/root"
chmod 1777 "$ROOT/tmp"
chown 1000:1001 "$ROOT/home/jo"
ln -s ../run "$ROOT/var/run"
ln -s /run/elsewhere/resolv.conf "$ROOT/etc/resolv.conf"
ln -s /proc/self/mounts "$ROOT/etc/kernels"
mkdir -p "$T/share"
chmod 777 "$T/share"
echo from-host >"$T/share/file"
printf '# comment\n\nA=1\nFROM_HOST\nB=two words\n' >"$T/env"

environment() {
	is "$WORLD: -e" value "$(inside -e NAME=value -- 'echo $NAME')"
	is "$WORLD: -e without a value hands on the caller's" mine "$(NAME=mine inside -e NAME -- 'echo $NAME')"
	is "$WORLD: -e without a value and nothing to hand on" unset "$(inside -e NAME -- 'echo ${NAME-unset}')"
	is "$WORLD: --env-file, and -e over it" '1:host:3' \
		"$(FROM_HOST=host inside --env-file "$T/env" -e B=3 -- 'echo $A:$FROM_HOST:$B')"
	is "$WORLD: HOME and PATH" /root:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		"$(inside -- 'echo $HOME:$PATH')"
	is "$WORLD: odd characters arrive" $'a"b\\c\td' "$(inside -e X=$'a"b\\c\td' -- 'printf %s "$X"')"
}

users() {
	is "$WORLD: -u by name, with its groups" 'uid=1000(jo) gid=1001(jo) groups=44(video),60(games)' \
		"$(inside -u jo -- id | sed 's/groups=1001(jo),/groups=/')"
	is "$WORLD: -u by number of a known user" /home/jo "$(inside -u 1000 -- 'echo $HOME')"
	is "$WORLD: -u by number of nobody known" '4242:0:/' "$(inside -u 4242 -- 'echo $(id -u):$(id -g):$HOME')"
	is "$WORLD: -u with a group" '1000:60:60' "$(inside -u jo:games -- 'echo $(id -u):$(id -g):$(id -G)')"
	refuses "$WORLD: an unknown user" 125 "user 'nobody' is not in the image" surge -u nobody "$ROOT" true
	refuses "$WORLD: an unknown group" 125 "group 'nogroup' is not in the image" surge -u jo:nogroup "$ROOT" true
}

files() {
	is "$WORLD: -w" /data "$(inside -w /data -- pwd)"
	is "$WORLD: -w makes the directory" /new/one "$(inside -w /new/one -- pwd)"
	is "$WORLD: -v read-write" from-host:inside "$(inside -v "$T/share:/mnt/x" -- 'cat /mnt/x/file; echo inside >/mnt/x/new' | tr -d '\n'):$(cat "$T/share/new")"
	like "$WORLD: -v read-only" 'Read-only file system' "$(inside -v "$T/share:/mnt/x:ro" -- 'touch /mnt/x/no')"
	is "$WORLD: -v of a file" from-host "$(inside -v "$T/share/file:/etc/one" -- 'cat /etc/one')"
	is "$WORLD: -v through a link of the image" from-host "$(inside -v "$T/share:/var/run/x" -- 'cat /run/x/file')"
	is "$WORLD: -v of a path that is not there makes a directory" ok "$(inside -v "$T/made:/made" -- 'echo ok >/made/x; cat /made/x')"
	is "$WORLD: -v relative" from-host "$(cd "$T" && inside -v ./share:/x -- 'cat /x/file')"
	is "$WORLD: -v inside -v" from-host "$(inside -v "$T/share/file:/a/b/c" -v "$T/made:/a" -- 'cat /a/b/c')"
	is "$WORLD: --tmpfs" 'tmpfs 1024' "$(inside --tmpfs /t:size=1m -- "df -k /t | awk 'NR==2 {print \$1, \$2}'")"
	is "$WORLD: --shm-size" 262144 "$(inside --shm-size 256m -- "df -k /dev/shm | awk 'NR==2 {print \$2}'")"
	is "$WORLD: /dev/shm by default" 65536 "$(inside -- "df -k /dev/shm | awk 'NR==2 {print \$2}'")"
	like "$WORLD: --read-only" 'Read-only file system' "$(inside --read-only -- 'touch /x')"
	is "$WORLD: --read-only leaves /dev/shm and volumes" ok \
		"$(inside --read-only -v "$T/made:/made" -- 'touch /dev/shm/x /made/y && echo ok')"
	is_rootless || is "$WORLD: the image is not written" '' "$(inside -- 'echo x >/data/x; rm /etc/group; mkdir /dir'; ls -A "$ROOT/data"; ls -d "$ROOT/dir" 2>/dev/null)"
	is "$WORLD: owners and modes of the image stay" '700 0 1000 1777' "$(inside -v "$T/share:/home/jo/x" -v "$T/share:/root/x" --tmpfs /tmp/y -- \
		'echo $(stat -c %a /root) $(stat -c %u /root) $(stat -c %u /home/jo) $(stat -c %a /tmp)')"
	is "$WORLD: a link into /proc gives way to what is mounted there" from-host "$(inside -v "$T/share/file:/etc/kernels" -- 'cat /etc/kernels')"
	is "$WORLD: resolv.conf behind a dangling link" "$(cat /etc/resolv.conf)" "$(inside -- 'cat /etc/resolv.conf')"
}

rest() {
	is "$WORLD: --hostname" there "$(inside --hostname there -- hostname)"
	is "$WORLD: the host's name on the host's network" "$(hostname)" "$(inside -- hostname)"
	is "$WORLD: --network none has a loopback alone" 'lo: UP' \
		"$(inside --network none -- "ip -o link | awk -F'[:<,>]' '{printf \"%s:\", \$2; print (/LOWER_UP/ ? \" UP\" : \" down\")}'" | sed 's/^ //')"
	is "$WORLD: --network host has the host's" "$(ls /sys/class/net | sort | tr '\n' ' ')" "$(inside -- "ip -o link | awk -F': ' '{print \$2}' | sed 's/@.*//' | sort" | tr '\n' ' ')"
	is "$WORLD: --ulimit" '100 200' "$(inside --ulimit nofile=100:200 -- 'echo $(ulimit -Sn) $(ulimit -Hn)')"
	is "$WORLD: --entrypoint takes the arguments" 'a b' "$(surge --entrypoint /bin/echo "$ROOT" a b)"
	is "$WORLD: --device" '1:7 rw' "$(inside --device /dev/full:/dev/mine:rw -- 'echo $(stat -c %t:%T /dev/mine) rw')"
	like "$WORLD: a command is run as it stands" '^-n --rm \$X$' "$(surge "$ROOT" echo ' -n' --rm '$X' | sed 's/^ //')"
}

refusals() {
	local before
	before=$(leftovers)
	refuses "$WORLD: no image" 125 'argument|IMAGE' surge
	refuses "$WORLD: an unknown option" 125 'no-such-option' surge --no-such-option "$ROOT" true
	refuses "$WORLD: a directory that is not there" 125 "$T/none" surge "$T/none" true
	refuses "$WORLD: an image that is not here" 125 'nosuchimage' surge --pull never nosuchimage true
	refuses "$WORLD: an image that cannot be pulled" 125 'localhost:1' surge localhost:1/no/image true
	is_rootless || refuses "$WORLD: no program" 125 'names no program' surge "$ROOT"
	refuses "$WORLD: a volume without a target" 125 "volume '/x'" surge -v /x "$ROOT" true
	refuses "$WORLD: a volume with a relative target" 125 'absolute' surge -v /tmp:x "$ROOT" true
	refuses "$WORLD: a volume that climbs" 125 "'\.\.'" surge -v /tmp:/a/../.. "$ROOT" true
	refuses "$WORLD: a volume over the root" 125 'root cannot be mounted over' surge -v /tmp:/ "$ROOT" true
	refuses "$WORLD: a volume by name" 125 'no volumes by name' surge -v data:/x "$ROOT" true
	refuses "$WORLD: a volume with an unknown option" 125 "unknown option 'rx'" surge -v /tmp:/x:rx "$ROOT" true
	refuses "$WORLD: a volume at /dev without nodes" 125 'has no null' surge -v "$T/share:/dev" "$ROOT" true
	refuses "$WORLD: a directory over a file" 125 '/etc/passwd' surge -v "$T/share:/etc/passwd" "$ROOT" true
	refuses "$WORLD: an unknown limit" 125 'no such limit' surge --ulimit nofiles=3 "$ROOT" true
	refuses "$WORLD: a soft limit above the hard one" 125 'above the hard' surge --ulimit nofile=3:2 "$ROOT" true
	refuses "$WORLD: an unknown capability" 125 "capability 'CAP_NO'" surge --cap-add CAP_NO "$ROOT" true
	refuses "$WORLD: a GPU runtime that is not ours" 125 "'docker'" surge --gpu-runtime docker "$ROOT" true
	refuses "$WORLD: BOLT_GPU_RUNTIME is read" 125 "BOLT_GPU_RUNTIME 'nvidia'" env BOLT_GPU_RUNTIME=nvidia bolt surge run "$ROOT" true
	refuses "$WORLD: a device that is not there" 125 '/dev/nosuch' surge --device /dev/nosuch "$ROOT" true
	refuses "$WORLD: a device that is none" 125 'not a device' surge --device /etc/passwd "$ROOT" true
	refuses "$WORLD: an OCI runtime that is not there" 125 'nosuch' bolt surge run --runtime nosuch "$ROOT" true
	refuses "$WORLD: a seccomp profile that is none" 125 'seccomp profile' surge --security-opt seccomp=/etc/passwd "$ROOT" true
	refuses "$WORLD: a stop signal that is none" 125 'SIGNONE' surge --stop-signal SIGNONE "$ROOT" true
	is "$WORLD: refusals leave nothing" "$before" "$(leftovers)"
}

names() {
	bolt surge run --rm --runtime "$RUNTIME" --name one "$ROOT" sleep 5 &
	local pid=$! i
	for ((i = 0; i < 100; i++)); do
		[ ! -L $BOLT_DATA/names/one ] || break
		sleep 0.05
	done
	refuses "$WORLD: a name that is taken" 125 "the name 'one' belongs to" surge --name one "$ROOT" true
	for ((i = 0; i < 100; i++)); do
		! ls "$BOLT_RUN"/capsules/*/init >/dev/null 2>&1 || break
		sleep 0.05
	done
	kill -USR1 "$pid"
	kill -KILL "$(cut -d' ' -f1 "$BOLT_RUN"/capsules/*/init)"
	wait "$pid" || true
	is "$WORLD: and is free again afterwards" 0 "$(status surge --name one "$ROOT" true)"
}

world() {
	environment
	users
	files
	rest
	refusals
	names
	is "$WORLD: nothing is left" '' "$(leftovers)"
}
each_world world
# What root made is not the user's to write.
rm -rf "$T/made" "$T/share/new"
each_user_world world
