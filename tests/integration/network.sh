# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of networks share; sourced after surge.sh. Bridges, rules and ports are made in a network namespace of
# the test's own, so nothing of the host is touched.

# in_network COMMAND...: the command, a function too, on a host without interfaces but the loopback.
in_network() {
	local functions
	functions=$(declare -f)
	unshare -n bash -c "set -euo pipefail
LIB_PID=none
$functions
ip link set lo up
\"\$@\"" bash "$@"
}

# background NAME [OPTION...] -- COMMAND: a capsule that runs until `stop NAME`, once it is there.
background() {
	local name=$1 options=() i
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	bolt surge run --rm ${RUNTIME:+--runtime "$RUNTIME"} --name "$name" "${options[@]}" "$ROOT" \
		sh -c "trap 'exit 0' TERM; $2
			: >/tmp/up; while :; do sleep 0.05; done" >"$T/$name.out" 2>&1 &
	echo $! >"$T/$name.pid"
	for ((i = 0; i < 200; i++)); do
		[ -n "$(init_of "$name")" ] && return 0
		kill -0 "$(cat "$T/$name.pid")" 2>/dev/null || break
		sleep 0.05
	done
	fail "$WORLD: capsule $name runs" "$(cat "$T/$name.out")"
}

# init_of NAME: a capsule's first process, once it has one.
init_of() {
	local id
	id=$(readlink "$BOLT_DATA/names/$1") || return 0
	[ ! -e "$BOLT_RUN/capsules/$id/init" ] || cut -d' ' -f1 "$BOLT_RUN/capsules/$id/init"
}

stop() {
	kill -TERM "$(cat "$T/$1.pid")" 2>/dev/null || true
	wait "$(cat "$T/$1.pid")" || true
}

# of NAME COMMAND...: in a capsule's network namespace, with the host's programs.
of() {
	local name=$1
	shift
	nsenter --net="/proc/$(init_of "$name")/ns/net" "$@"
}

# serve NAME COMMAND...: the same behind our back; SERVER is its process alone.
serve() {
	local netns
	netns=/proc/$(init_of "$1")/ns/net
	shift
	nsenter --net="$netns" "$@" &
	SERVER=$!
}

# eventually COMMAND...: within some seconds.
eventually() {
	local i
	for ((i = 0; i < 100; i++)); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}

proxies() { # of this network namespace and state alone
	local pid
	for pid in $(cat "$BOLT_RUN"/capsules/*/network.pids 2>/dev/null | cut -d' ' -f1); do
		[ ! -e "/proc/$pid" ] || echo "$pid"
	done
}

# network_leftovers: what networks can leave behind when no capsule is there.
network_leftovers() {
	# When the rules were last looked at is the network's, as its bridge is.
	find "$BOLT_RUN/networks" -type f ! -name translated 2>/dev/null
	ip -o link | grep -o 'veth[0-9a-f]*' || true
	if has_nat; then iptables -t nat -S | grep -E -e '-j DNAT|bolt:|dnat name' || true; fi
	ps -eo pid,comm | awk '$2 == "bolt-proxy"' | while read -r pid _; do
		[ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ] || echo "proxy $pid"
	done
}

has_nat() { iptables -w -t nat -S >/dev/null 2>&1; }
