# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tests of `monitor --listen` and `--web` share; sourced after lib.sh.

# promtool and prometheus are unpacked, not installed: their package starts a service.
[ ! -d "${NVB_TEST_CACHE:-/nonexistent}/prometheus/usr/bin" ] || PATH=$PATH:$NVB_TEST_CACHE/prometheus/usr/bin

need_exporter() { [ -x "$NVB_BUILD/tools/nvbind-exporter" ] || skip "nvbind-exporter was not built: no libmicrohttpd"; }

# serve NAME ARG...: `nvbind monitor ARG...` behind us, on any free port; its address in $url, its process in $server, what
# it said in $T/NAME.log. A later one of the name ends the former.
declare -A SERVERS
serve() {
	local name=$1
	shift
	stop_server "$name"
	: >"$T/$name.log" # the shell that has it written to may come after who reads
	nvbind monitor "$@" >"$T/$name.out" 2>"$T/$name.log" &
	server=$!
	SERVERS[$name]=$server
	url=
	for _ in $(seq 400); do
		url=$(sed -n 's/.*metrics at \(.*\)\/metrics.*/\1/p' "$T/$name.log")
		[ -z "$url" ] || break
		kill -0 "$server" 2>/dev/null || break
		sleep 0.05
	done
	[ -n "$url" ] || {
		cat "$T/$name.log" >&2
		return 1
	}
	measured "$name"
}

# Until there is a first sample; whoever must not ask is told 401 or 421, which is an answer, too. A server of every address
# says the host's name, which need not lead anywhere.
measured() {
	local code place=${url%%://*}://127.0.0.1:${url##*:}
	for _ in $(seq 400); do
		code=$(curl -sk --max-time 10 -o /dev/null -w '%{http_code}' "$place/metrics") || true
		[ "$code" = 503 ] || [ "$code" = 000 ] || return 0
		sleep 0.05
	done
	return 1
}

stop_server() {
	local pid=${SERVERS[$1]-}
	[ -n "$pid" ] || return 0
	kill -CONT "$pid" 2>/dev/null || true
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	SERVERS[$1]=
}

stop_servers() {
	local name
	for name in "${!SERVERS[@]}"; do stop_server "$name"; done
}
defer stop_servers

# end_of PID...: those that still run.
end_of() { kill "$@" 2>/dev/null || true; }

metrics() { curl -s --max-time 10 "$@" "$url/metrics"; }
openmetrics() { metrics -H 'Accept: application/openmetrics-text; version=1.0.0' "$@"; }
code() { curl -sk --max-time 10 -o /dev/null -w '%{http_code}' "$@"; }

# until_true COMMAND...: tries again for fifteen seconds.
until_true() {
	local i
	for ((i = 0; i < 300; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	return 1
}

# in_metrics REGEX [CURL-ARG...]: whether a line of the metrics matches.
in_metrics() {
	local regex=$1
	shift
	metrics "$@" | grep -qE -e "$regex"
}

# make_certificate NAME: NAME.pem and NAME.key in $T, for 127.0.0.1.
make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout "$T/$1.key" -out "$T/$1.pem" 2>/dev/null
}
