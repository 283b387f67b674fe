#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt: bridges, names, published ports, through the CNI plugins and through netavark, with and without address
# translation on the host.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/network.sh"
need_root
need bolt busybox jq runc ip iptables curl python3 nsenter
[ -x /usr/lib/cni/bridge ] || [ -x /usr/lib/podman/netavark ] || skip 'needs containernetworking-plugins or netavark'

export ROOT=$T/root
make_busybox_root "$ROOT"
mkdir -p "$ROOT/www"
echo hello >"$ROOT/www/index.html"

# Echoes datagrams; says whom a connection comes from.
cat >"$T/udp.py" <<'EOF'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if sys.argv[1] == "serve":
    s.bind(("", int(sys.argv[2])))
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(data, peer)
s.settimeout(3)
s.connect(("127.0.0.1", int(sys.argv[2])))
sizes = [1, 100, 1400, 8000]
for n in sizes:
    s.send(b"x" * n)
    assert len(s.recv(65536)) == n
print("ok")
EOF
cat >"$T/who.py" <<'EOF'
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", int(sys.argv[1])))
s.listen()
while True:
    c, peer = s.accept()
    c.sendall(peer[0].encode())
    c.close()
EOF
cat >"$T/ask.py" <<'EOF'
import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).recv(99).decode())
EOF
# Sends much in both directions at once, and half-closes.
cat >"$T/bulk.py" <<'EOF'
import hashlib, os, socket, sys, threading
if sys.argv[1] == "serve":
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", int(sys.argv[2])))
    s.listen()
    def echo(c):
        while data := c.recv(65536):
            c.sendall(data)
        c.shutdown(socket.SHUT_WR)
    while True:
        threading.Thread(target=echo, args=(s.accept()[0],), daemon=True).start()
def one(failed):
    data = os.urandom(1 << 20)
    c = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 10)
    c.settimeout(20)
    def send():
        c.sendall(data)
        c.shutdown(socket.SHUT_WR)
    t = threading.Thread(target=send)
    t.start()
    got = b""
    while part := c.recv(65536):
        got += part
    t.join()
    if got != data:
        failed.append(len(got))
failed = []
threads = [threading.Thread(target=one, args=(failed,)) for _ in range(20)]
[t.start() for t in threads]
[t.join() for t in threads]
print("ok" if not failed else failed)
EOF

addresses() {
	local out
	out=$(inside --network bridge -- 'ip -o -4 addr show eth0; ip route; cat /etc/hosts; cat /etc/resolv.conf; hostname; ping -c1 -W2 10.90.0.1 | grep received')
	like "$WORLD: an address of the bridge" 'inet 10\.90\.0\.2/24' "$out"
	like "$WORLD: a way out" 'default via 10\.90\.0\.1 dev eth0' "$out"
	like "$WORLD: its own name" '^10\.90\.0\.2' "$out"
	like "$WORLD: the host answers" '1 packets received' "$out"
	is "$WORLD: a loopback and eth0, nothing of the host" 'lo eth0' \
		"$(inside --network bridge -- "ip -o link" | sed 's/^[0-9]*: //; s/[@:].*//' | xargs)"
	is "$WORLD: any user binds any port" ok "$(inside --network bridge -u 1000 -- 'timeout 1 nc -l -p 80 & sleep 0.2; echo ok')"
	like "$WORLD: --add-host" '^192\.0\.2\.7	seven' "$(inside --network bridge --add-host seven:192.0.2.7 -- 'cat /etc/hosts')"
	like "$WORLD: --add-host without a network" '^192\.0\.2\.7	seven' "$(inside --network none --add-host seven:192.0.2.7 -- 'cat /etc/hosts')"
	is "$WORLD: nothing is left" '' "$(leftovers)$(left)"
}

names() {
	background web --network bridge --network-alias www -- 'httpd -p 80 -h /www'
	background other --network bridge -- ':'
	is "$WORLD: by name" hello "$(inside --network bridge -- 'timeout 3 wget -qO- http://web/')"
	is "$WORLD: by alias" hello "$(inside --network bridge -- 'timeout 3 wget -qO- http://www/')"
	is "$WORLD: who came later is known to who was there" 1 "$(eventually knows other newcomer && echo 1 & in_background_once; wait)"
	stop web
	check "$WORLD: who has gone is forgotten" eventually forgets other web
	stop other
	is "$WORLD: names leave nothing" '' "$(leftovers)$(left)"
}

hosts_of() { cat "$BOLT_RUN/capsules/$(readlink "$BOLT_DATA/names/$1")/hosts"; }
knows() { hosts_of "$1" | grep -qw "$2"; }
forgets() { ! knows "$1" "$2"; }
in_background_once() { surge --network bridge --name newcomer "$ROOT" sleep 1 >/dev/null; }

networks() {
	is "$WORLD: create prints the name" lab "$(bolt network create lab --subnet 10.7.0.0/24)"
	bolt network create inner --internal >/dev/null
	background a1 --network lab -- 'httpd -p 80 -h /www'
	background b1 --network inner -- 'httpd -p 80 -h /www'
	is "$WORLD: inspect names who is on it" '["a1"]' "$(bolt network inspect lab | jq -c '.[0].capsules[0].names')"
	refuses "$WORLD: rm of one in use" 1 "network 'lab': 1 capsule is on it" bolt network rm lab
	is "$WORLD: one on two networks reaches both" 'hello hello' \
		"$(inside --network lab --network inner -- 'timeout 3 wget -qO- http://a1/; timeout 3 wget -qO- http://b1/' | xargs)"
	unlike "$WORLD: other networks' capsules are not named" a1 "$(inside --network bridge -- 'cat /etc/hosts')"
	if has_nat; then
		like "$WORLD: networks are apart" '^unreachable' \
			"$(inside --network bridge -- "timeout 1 wget -qO- http://10.7.0.2/ 2>&1 || echo unreachable")"
	else
		echo '# left out: networks apart, without iptables'
	fi
	unlike "$WORLD: an internal network has no way out" default "$(inside --network inner -- 'ip route')"
	stop a1
	stop b1
	is "$WORLD: rm" 'lab inner' "$(bolt network rm lab inner | xargs)"
	unlike "$WORLD: the bridge is gone" bolt1 "$(ip -o link)"
	! has_nat || unlike "$WORLD: its rules are gone" '10\.7\.|bolt1' "$(iptables-save)"
	refuses "$WORLD: a network that is not there" 125 "no network 'lab'" surge --network lab "$ROOT" true
	refuses "$WORLD: the nearest name" 125 "did you mean 'bridge'" surge --network brige "$ROOT" true
}

ports() {
	background web -p 8080:80 -p 127.0.0.1:8081:80 -p 5353:5353/udp -p 9000-9001:9000-9001 -- 'httpd -p 80 -h /www'
	local helper bulk
	serve web python3 "$T/udp.py" serve 5353
	helper=$SERVER
	serve web python3 "$T/bulk.py" serve 9000
	bulk=$SERVER
	is "$WORLD: a port by the loopback" hello "$(eventually curl -s -m 3 http://127.0.0.1:8080/)"
	is "$WORLD: by the bridge's address" hello "$(curl -s -m 3 http://10.90.0.1:8080/)"
	[ ! -s /proc/net/if_inet6 ] || is "$WORLD: by IPv6" hello "$(curl -s -m 3 'http://[::1]:8080/')"
	is "$WORLD: on one address" hello "$(curl -s -m 3 http://127.0.0.1:8081/)"
	is "$WORLD: and on no other" 000 "$(curl -s -m 3 -o /dev/null -w '%{http_code}' http://10.90.0.1:8081/ || true)"
	like "$WORLD: from another capsule by the host" '^hello' "$(inside --network bridge -- 'timeout 3 wget -qO- http://10.90.0.1:8080/')"
	is "$WORLD: datagrams" ok "$(eventually python3 "$T/udp.py" ask 5353 2>/dev/null)"
	is "$WORLD: 20 connections at once, a MiB each way" ok "$(python3 "$T/bulk.py" ask 9000)"
	is "$WORLD: a port nobody listens on inside" 000 "$(curl -s -m 3 -o /dev/null -w '%{http_code}' http://127.0.0.1:9001/ || true)"
	refuses "$WORLD: a port that is taken" 125 'port 8080->80/tcp: somebody on the host has port 8080' surge -p 8080:80 "$ROOT" true
	like "$WORLD: inspect shows ports" '127.0.0.1:8081->80/tcp' "$(bolt network inspect bridge)"
	is "$WORLD: the proxy is nobody, without capabilities" '65534 0000000000000000' \
		"$(proxies | while read -r p; do awk '/^Uid/ {u = $2} /^CapEff/ {print u, $2}' "/proc/$p/status"; done)"
	kill "$helper" "$bulk"
	stop web
	is "$WORLD: its ports are free again" 0 "$(status surge -p 8080:80 "$ROOT" true)"
	is "$WORLD: ports leave nothing" '' "$(leftovers)$(left)"
}

# A client on another host: a namespace behind a veth.
clients() {
	local peer who
	unshare -n sleep 60 &
	peer=$!
	eventually differs "$peer"
	ip link add out0 type veth peer name in0 netns "$peer"
	ip addr add 198.51.100.1/24 dev out0
	ip link set out0 up
	nsenter --net="/proc/$peer/ns/net" sh -c 'ip addr add 198.51.100.2/24 dev in0; ip link set in0 up'
	background who -p 7000:7000 -- ':'
	serve who python3 "$T/who.py" 7000
	who=$SERVER
	is "$WORLD: who comes from outside keeps its address" 198.51.100.2 \
		"$(eventually nsenter --net="/proc/$peer/ns/net" python3 "$T/ask.py" 198.51.100.1 7000 2>/dev/null)"
	nsenter --net="/proc/$peer/ns/net" python3 "$T/who.py" 7001 &
	is "$WORLD: the outside sees the host's address" 198.51.100.1 \
		"$(eventually of who python3 "$T/ask.py" 198.51.100.2 7001 2>/dev/null)"
	kill "$who" %% 2>/dev/null || true
	stop who
	kill "$peer"
	ip link del out0 2>/dev/null || true
}

differs() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

# Killed at any moment: the next command finds what it left.
crashes() {
	local i pid
	for i in 0.01 0.03 0.05 0.07 0.09 0.12 0.2 0.4; do
		bolt surge run --rm ${RUNTIME:+--runtime "$RUNTIME"} --name crash -p 8080:80 "$ROOT" sleep 30 >/dev/null 2>&1 &
		pid=$!
		sleep "$i"
		kill -9 "$pid"
		wait "$pid" 2>/dev/null || true
	done
	like "$WORLD: after eight kills a capsule starts, with the same name and port" '^ok' "$(inside --name crash -p 8080:80 -- 'echo ok')"
	check "$WORLD: the ports' processes of the killed end" eventually no_proxies
	is "$WORLD: nothing of the killed is left" '' "$(leftovers)$(left)"
}

no_proxies() { [ -z "$(proxies)" ]; }
# Namespaces end a moment after their last process.
left() { eventually nothing_left || network_leftovers; }
nothing_left() { [ -z "$(network_leftovers)" ]; }

many() {
	local i pids=()
	for i in $(seq 12); do
		surge --network bridge "$ROOT" sh -c 'ip -o -4 addr show eth0 | cut -d" " -f7; sleep 2' >"$T/many.$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	is "$WORLD: 12 at once have an address each" 12 "$(cat "$T"/many.* | grep -c '^10\.90\.0\.' )"
	is "$WORLD: no two the same" '' "$(cat "$T"/many.* | sort | uniq -d)"
}

# Detached: ports and names outlive a killed supervisor, and come back with the capsule.
supervised() {
	local id
	id=$(bolt capsule create web --image "$ROOT" -p 8080:80 -- sh -c 'trap "exit 0" TERM; httpd -p 80 -h /www; while :; do sleep 0.05; done')
	bolt capsule start web >/dev/null
	is "$WORLD: a port of a detached capsule" hello "$(eventually curl -s -m 3 http://127.0.0.1:8080/)"
	kill -9 "$(sed -n 's/^pid //p' "$BOLT_RUN/capsules/$id/record")"
	is "$WORLD: also once its supervisor was killed" hello "$(curl -s -m 3 http://127.0.0.1:8080/)"
	is "$WORLD: and its name" hello "$(inside --network bridge -- 'timeout 3 wget -qO- http://web/')"
	bolt capsule create any --image "$ROOT" -p 80 -- sh -c 'trap "exit 0" TERM; httpd -p 80 -h /www; while :; do sleep 0.05; done' >/dev/null
	bolt capsule start any >/dev/null
	id=$(bolt capsule ps | sed -n 's/.* \([0-9]*\)->80\/tcp.*/\1/p' | grep -v '^8080$')
	is "$WORLD: ps tells the port that was chosen" hello "$(eventually curl -s -m 3 "http://127.0.0.1:$id/")"
	bolt capsule rm --force any >/dev/null
	bolt capsule restart web >/dev/null
	is "$WORLD: and when it was started again" hello "$(eventually curl -s -m 3 http://127.0.0.1:8080/)"
	bolt capsule rm --force web >/dev/null
	is "$WORLD: removed, it leaves nothing" '' "$(left)"
	refuses "$WORLD: nobody listens any more" 7 'Failed to connect' curl -sS -m 3 http://127.0.0.1:8080/
}

# A Boltfile's services: those that say nothing find each other; several networks; a port; a name that changes.
boltfile() {
	cat >"$T/Boltfile.toml" <<EOF
project = "net"
[services.web]
image = "$ROOT"
command = ["sh", "-c", "httpd -p 80 -h /www; exec sleep 100"]
ports = ["8088:80"]
[services.app]
image = "$ROOT"
command = ["sleep", "100"]
[services.both]
image = "$ROOT"
command = ["sleep", "100"]
networks = ["inner", "default"]
[services.deep]
image = "$ROOT"
command = ["sh", "-c", "httpd -p 81 -h /www; exec sleep 100"]
networks = ["inner"]
[services.alone]
image = "$ROOT"
command = ["sleep", "100"]
network_mode = "none"
[networks.inner]
internal = true
EOF
	is "$WORLD: config says which network it is" '["default"]' "$(bolt surge config -f "$T/Boltfile.toml" --format json | jq -c '.services.app.networks')"
	check "$WORLD: services of several networks come up" timeout 60 bolt surge up -d -f "$T/Boltfile.toml"
	is "$WORLD: services find each other by name" hello "$(eventually bolt capsule exec net-app timeout 3 wget -qO- http://web/)"
	is "$WORLD: one on two networks finds those of both" 'hello hello' \
		"$(bolt capsule exec net-both sh -c 'timeout 3 wget -qO- http://web/; timeout 3 wget -qO- http://deep:81/' | xargs)"
	is "$WORLD: it has an interface in each" 'lo eth0 eth1' \
		"$(bolt capsule exec net-both ip -o link | sed 's/^[0-9]*: //; s/[@:].*//' | sort -r | xargs | sed 's/eth1 eth0/eth0 eth1/')"
	check "$WORLD: others' networks are not named" forgets net-app deep
	is "$WORLD: a service's port is the host's" hello "$(eventually curl -s -m 3 http://127.0.0.1:8088/)"
	is "$WORLD: none is none" lo "$(bolt capsule exec net-alone ip -o link | sed 's/^[0-9]*: //; s/[@:].*//' | xargs)"
	bolt capsule rename net-web net-site
	check "$WORLD: a new name is known at once" knows net-app net-site
	check "$WORLD: the old one no more" forgets net-app net-web
	is "$WORLD: by its new name" hello "$(bolt capsule exec net-app timeout 3 wget -qO- http://net-site/)"
	is "$WORLD: and it knows itself" 1 "$(bolt capsule exec net-site grep -cw net-site /etc/hosts)"
	bolt capsule rename net-site net-web
	check "$WORLD: they go" timeout 60 bolt surge down -t 0 -f "$T/Boltfile.toml"
	is "$WORLD: and leave nothing" '' "$(leftovers)$(left)"
}

# Where nothing makes bridges they have the host's network, and names for each other there.
without_bridges() {
	printf '[services.one]\nimage = "%s"\ncommand = ["sleep", "100"]\n[services.two]\nimage = "%s"\ncommand = ["sleep", "100"]\n' \
		"$ROOT" "$ROOT" >"$T/Boltfile.toml"
	check "$WORLD: without bridges services come up" timeout 60 bolt surge up -d -p plain -f "$T/Boltfile.toml"
	is "$WORLD: with the host's network, where the other has a name" '127.0.0.1' \
		"$(bolt capsule exec plain-one grep -w two /etc/hosts | cut -f1)"
	bolt surge down -t 0 -p plain -f "$T/Boltfile.toml" 2>/dev/null
	is "$WORLD: nothing is left" '' "$(leftovers)$(left)"
}

all() {
	echo "# $WORLD"
	boltfile
	addresses
	names
	networks
	ports
	if has_nat; then clients; fi
	supervised
	crashes
}

without_nat() {
	mount --bind /dev/null "$(readlink -f "$(command -v iptables)")"
	WORLD="$WORLD, no address translation"
	like "$WORLD: what it cannot do is said" 'translates no addresses' "$(inside --network bridge -- true)"
	ports
}

# Other tests of the state's own are for one runtime; each has a bridge.
smoke() {
	is "$WORLD: a bridge" ok "$(inside --network bridge -p 8090:80 -- 'ping -c1 -W2 10.90.0.1 >/dev/null && echo ok')"
}

with_backend() { # DIRECTORY-TO-HIDE NAME COMMAND...
	local hide=$1
	WORLD="$WORLD, $2"
	shift 2
	[ ! -d "$hide" ] || mount -t tmpfs none "$hide"
	"$@"
}

each() {
	in_network smoke
	[ ! -e "$T/first" ] || return 0
	: >"$T/first"
	if [ -x /usr/lib/cni/bridge ]; then
		in_mount_namespace with_backend /usr/lib/podman cni in_network all
		in_mount_namespace with_backend /usr/lib/podman cni in_network many
		in_mount_namespace with_backend /usr/lib/podman cni in_network without_nat
	fi
	if [ -x /usr/lib/podman/netavark ]; then
		in_mount_namespace with_backend /usr/lib/cni netavark in_network all
	else
		echo '# left out: netavark is not installed'
	fi
	in_mount_namespace with_backend /usr/lib/podman 'no backend' with_backend /usr/lib/cni 'no plugins' in_network without_bridges
}

refuses 'a port without a network' 125 'cannot be published: the capsule has no network' bolt surge run --network none -p 80:80 "$ROOT" true
refuses 'a port of the host' 125 "cannot be published: the capsule has the host's network" bolt surge run --network host -p 80:80 "$ROOT" true
refuses 'a port that is none' 125 "port '80:x'" bolt surge run -p 80:x "$ROOT" true
refuses 'ranges of different size' 125 'as many ports' bolt surge run -p 1-2:1-3 "$ROOT" true
refuses 'host beside others' 125 'none and host cannot be had beside' bolt surge run --network bridge --network host "$ROOT" true
refuses 'a name of a network' 1 "network 'a/b'" own_state bolt network create a/b
refuses 'a subnet with host bits' 1 'the subnet is 10.7.0.0/24' own_state bolt network create x --subnet 10.7.0.1/24
route=$(ip -o -4 route show scope link | awk '/\// {print $1; exit}')
if [ -n "$route" ]; then
	refuses 'a subnet that the host has' 1 'the host has a route there' own_state bolt network create x --subnet "$route"
else
	echo '# left out: a subnet of the host, which has no route'
fi
each_world each
