#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt without root: a network of the capsule's own through slirp4netns, and published ports.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/network.sh"
need_root
need bolt busybox runc slirp4netns curl ip
[ -c /dev/net/tun ] || skip 'needs /dev/net/tun'

export ROOT=$T/root
make_busybox_root "$ROOT"
mkdir -p "$ROOT/www"
echo hello >"$ROOT/www/index.html"

rootless() {
	local out
	out=$(inside --network bridge -- 'ip -o -4 addr; ip route; cat /etc/hosts /etc/resolv.conf') || true
	like "$WORLD: an address" 'tap0 +inet 10\.0\.2\.100/24' "$out"
	like "$WORLD: a way out" 'default via 10\.0\.2\.2' "$out"
	like "$WORLD: its own name" '^10\.0\.2\.100' "$out"
	like "$WORLD: a name server" '^nameserver 10\.0\.2\.3$' "$out"
	background web -p 18080:80 -- 'httpd -p 80 -h /www'
	is "$WORLD: a published port" hello "$(eventually curl -s -m 3 http://127.0.0.1:18080/)"
	refuses "$WORLD: one that is taken" 125 'somebody on the host has port 18080' surge -p 18080:80 "$ROOT" true
	stop web
	refuses "$WORLD: a shared network" 125 "network 'lab': networks that capsules share are root's" surge --network lab "$ROOT" true
	refuses "$WORLD: bolt network" 1 "networks that capsules share are root's" bolt network ls
	is "$WORLD: nothing is left" '' "$(leftovers)"
	check "$WORLD: slirp4netns ends" eventually no_slirp
}

no_slirp() { ! ps -u "$(id -u)" -o comm= | grep -qx slirp4netns; }

# Everybody may open it on ordinary hosts, where udev says so.
with_tun() {
	mknod -m 666 "$T/tun" c 10 200
	mount --bind "$T/tun" /dev/net/tun
	"$@"
}

in_mount_namespace with_tun each_user_world rootless
[ -s "$LIB_RESULTS" ] || skip 'no ordinary user can run bolt here'
