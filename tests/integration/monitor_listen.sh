#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind monitor --listen: metrics that promtool and a running Prometheus take, DCGM's names, TLS, a token, reloading,
# ending, sockets handed over; the dashboard asks for nothing that is not there; clients that mean ill.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/serve.sh"
need_root
need nvbind nvbind-sim curl jq openssl python3
need_exporter
programs=$NVB_SOURCE/tests/integration/programs

make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host
nvbind-sim set "$T/host" vary=off gpu0.utilization=37 gpu0.power=412 gpu0.temperature=61 gpu0.sm_clock=1755 \
	gpu0.memory_used=2048 >/dev/null
toy=$NVB_BUILD/tests/integration/cuda-toy
mkfifo "$T/hold"
LD_LIBRARY_PATH=$T/host/usr/lib/x86_64-linux-gnu "$toy" hold 1 1024 <"$T/hold" >"$T/held" &
holder=$!
exec 7>"$T/hold"
defer end_of "$holder"

# --- what is said ----------------------------------------------------------------------------------------------------
serve plain --listen 127.0.0.1:0 --interval 200ms
plain=$url plain_pid=$server
like 'it says where on stderr' '^nvbind: metrics at http://127.0.0.1:[0-9]+/metrics$' "$(cat "$T/plain.log")"
is 'and nothing on stdout' '' "$(cat "$T/plain.out")"
is 'nothing but metrics without --web' '404 404' "$(code "$url/") $(code "$url/events")"
check 'telemetry gets there' until_true in_metrics '^nvbind_gpu_utilization_ratio\{gpu="0".* 0\.37$'
text=$(metrics)
like 'power in watts' '^nvbind_gpu_power_watts\{gpu="0".* 412$' "$text"
like 'degrees Celsius' '^nvbind_gpu_temperature_celsius\{gpu="0".* 61$' "$text"
like 'clocks in hertz' '^nvbind_gpu_sm_clock_hertz\{gpu="0".* 1755000000$' "$text"
like 'memory in bytes' '^nvbind_gpu_memory_used_bytes\{gpu="0".* 2147483648$' "$text"
is 'eight GPUs are up' 8 "$(grep -c '^nvbind_gpu_up{.* 1$' <<<"$text")"
check 'whose processes use a GPU' until_true in_metrics '^nvbind_workload_memory_bytes\{gpu="1".*owner="[a-z]+".* 1342177280$'
like 'its own cost' '^nvbind_sampler_cpu_seconds_total [0-9.e-]+$' "$text"
unlike 'what this card does not tell has no line' fan_speed "$text"
headers=$(curl -sI "$url/metrics")
like 'HEAD has the headers' '^Content-Type: text/plain; version=0.0.4' "$headers"
like 'OpenMetrics for who asks for it' '^Content-Type: application/openmetrics-text; version=1.0.0' \
	"$(curl -sI -H 'Accept: application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5' "$url/metrics")"
is 'which ends as it must' '# EOF' "$(openmetrics | tail -n 1)"
if command -v promtool >/dev/null; then
	is 'promtool finds nothing to say' '' "$(metrics | promtool check metrics 2>&1)"
else
	echo '# left out: no promtool'
fi

is 'every name is documented' '' "$(comm -23 <(grep -oE '^nvbind_[a-z_]+' <<<"$text" | sort -u) \
	<(grep -oE '`nvbind_[a-z_]+`' "$NVB_SOURCE/docs/exporter.md" | tr -d '`' | sort -u))"

# --- GPUs that go ------------------------------------------------------------------------------------------------------
nvbind-sim fail "$T/host" gpu 5 lost >/dev/null
check 'a lost GPU is down' until_true in_metrics '^nvbind_gpu_up\{gpu="5".* 0$'
text=$(metrics)
like 'and says so' '^nvbind_gpu_state\{gpu="5".*state="lost"\} 1$' "$text"
unlike 'and has no values left' '^nvbind_gpu_(power|temperature|memory|sm|energy)[a-z_]*\{gpu="5"' "$text"
like 'the others have theirs' '^nvbind_gpu_power_watts\{gpu="4"' "$text"
nvbind-sim fail "$T/host" gpu 5 none >/dev/null
check 'it comes back' until_true in_metrics '^nvbind_gpu_power_watts\{gpu="5"'

# --- requests that are refused -------------------------------------------------------------------------------------------
is 'another method' 405 "$(code -X DELETE "$url/metrics")"
like 'is told which' '^Allow: GET' "$(curl -si -X POST -d x=1 "$url/metrics")"
is 'a body that is too long' 413 "$(code --data-binary @"$NVB_BUILD/bin/nvbind-hook" -X GET "$url/metrics")"
is 'a header that is too long' 431 "$(code -H "X: $(head -c 40000 /dev/zero | tr '\0' x)" "$url/metrics")"
is 'a name that leads here' 421 "$(code -H 'Host: evil.example:9400' "$url/metrics")"
is 'no name' 400 "$(printf 'GET /metrics HTTP/1.1\r\n\r\n' | timeout 5 python3 "$programs/web_client.py" raw "$url")"
is 'a page elsewhere that has a browser ask' 403 \
	"$(code -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: no-cors' "$url/metrics")"
is 'a way up' 404 "$(code --path-as-is "$url/../../etc/passwd")"
printf '\0\1\2\3 \r\n\r\n' | timeout 1 python3 "$programs/web_client.py" raw "$url" >"$T/garbage" 2>&1 || true
is 'what is no request at all harms nobody' 200 "$(code "$url/metrics")"
refuses 'a port that is taken' 1 "in use.*another program listens there" nvbind monitor --listen "${url#http://}"
refuses 'no address' 1 'is not an address to listen on.*127.0.0.1:9400' nvbind monitor --listen 9400
refuses 'a name as an address' 1 'is not an address to listen on' nvbind monitor --listen example.com:9400
refuses 'a key without a certificate' 2 'go together' nvbind monitor --listen 127.0.0.1:0 --tls-key "$T/x"
refuses 'a token without a server' 2 'goes with --listen or --web' nvbind monitor --token-file "$T/x"
refuses 'once, for ever' 2 'does not go with' nvbind monitor --listen 127.0.0.1:0 --once

# Those that speak slowly are cut off, those that are many keep nobody out for long. Each has a server of its own, which
# it takes the connections of, and is waited for at the end.
serve slow --listen 127.0.0.1:0
timeout 100 python3 "$programs/web_client.py" slow "$url" >"$T/slow" 2>&1 &
slow=$!
serve crowd --listen 127.0.0.1:0
timeout 100 python3 "$programs/web_client.py" crowd "$url" >"$T/crowd" 2>&1 &
crowd=$!
defer end_of "$slow" "$crowd"

# --- DCGM's names ----------------------------------------------------------------------------------------------------------
serve dcgm --listen 127.0.0.1:0 --compat dcgm --interval 200ms
dcgm=$url
check 'percents' until_true in_metrics '^DCGM_FI_DEV_GPU_UTIL\{gpu="0",UUID="GPU-[0-9a-f-]+",pci_bus_id="0000[0-9A-F]{4}:[0-9A-F]{2}:00\.0",device="nvidia[0-9]+",modelName="NVIDIA H200",Hostname="[^"]+".* 37$'
text=$(openmetrics)
like 'MiB' '^DCGM_FI_DEV_FB_USED\{gpu="0".* 2048$' "$text"
like 'MHz' '^DCGM_FI_DEV_SM_CLOCK\{gpu="0".* 1755$' "$text"
like 'whole millijoules' '^DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION\{.* [0-9]+$' "$text"
like 'in the older format alone' '^Content-Type: text/plain; version=0.0.4' \
	"$(curl -sI -H 'Accept: application/openmetrics-text' "$url/metrics")"
# What NVIDIA's own dashboard for dcgm-exporter asks for.
for name in GPU_UTIL GPU_TEMP POWER_USAGE SM_CLOCK FB_USED; do
	is "eight of DCGM_FI_DEV_$name" 8 "$(grep -c "^DCGM_FI_DEV_$name{" <<<"$text")"
done

# --- TLS and a token -----------------------------------------------------------------------------------------------------------
make_certificate one
make_certificate two
openssl rand -hex 24 >"$T/token"
refuses 'a token that others can read' 1 'others may read.*chmod 600' nvbind monitor --listen 127.0.0.1:0 --token-file "$T/token"
chmod 600 "$T/token"
echo short >"$T/short"
chmod 600 "$T/short"
refuses 'a token that can be guessed' 1 'could be guessed' nvbind monitor --listen 127.0.0.1:0 --token-file "$T/short"
refuses 'a key of another certificate' 1 'TLS with .*one.pem and .*two.key' \
	nvbind monitor --listen 127.0.0.1:0 --tls-cert "$T/one.pem" --tls-key "$T/two.key"
refuses 'no certificate' 1 'certificate for TLS' nvbind monitor --listen 127.0.0.1:0 --tls-cert "$T/no" --tls-key "$T/no"
cp "$T/one.pem" "$T/tls.pem"
cp "$T/one.key" "$T/tls.key"
serve tls --listen 127.0.0.1:0 --tls-cert "$T/tls.pem" --tls-key "$T/tls.key" --token-file "$T/token" --interval 200ms
tls=$url
like 'TLS' '^https://' "$url"
is 'nobody without the token' 401 "$(code "$url/metrics")"
is 'nor with another' 401 "$(code -H "Authorization: Bearer $(openssl rand -hex 24)" "$url/metrics")"
bearer="Authorization: Bearer $(cat "$T/token")"
is 'with it, and a certificate that holds' 200 \
	"$(curl -s -o /dev/null -w '%{http_code}' --cacert "$T/one.pem" -H "$bearer" "$url/metrics")"
check 'without TLS there is nothing' bash -c "! curl -s --max-time 5 ${url/https/http}/metrics"
if ! is_sanitized; then
	is 'TLS before 1.2 is not spoken' 35 "$(curl -sk --tls-max 1.1 --max-time 5 -o /dev/null "$url/metrics" && echo 0 || echo $?)"
fi
# A renewed certificate, then one that is broken.
cp "$T/two.pem" "$T/tls.pem"
cp "$T/two.key" "$T/tls.key"
kill -HUP "$server"
renewed() { curl -s --max-time 5 -o /dev/null --cacert "$T/two.pem" -H "$bearer" "$url/metrics"; }
check 'SIGHUP reads a renewed certificate' until_true renewed
open_before=$(ls "/proc/$server/fd" | wc -l)
echo broken >"$T/tls.pem"
kill -HUP "$server"
check 'one that cannot be read is said' until_true grep -q 'nvbind: TLS with' "$T/tls.log"
check 'and the former stays' renewed
is 'and nothing stays open of the attempt' yes "$([ "$(ls "/proc/$server/fd" | wc -l)" -le "$open_before" ] && echo yes)"
cp "$T/two.pem" "$T/tls.pem"

# --- a socket handed over ------------------------------------------------------------------------------------------------------
python3 "$programs/web_client.py" activate nvbind monitor --listen 127.0.0.1:1 >"$T/activated.out" 2>"$T/activated.log" &
activated=$!
defer end_of "$activated"
check 'a socket of systemd is used' until_true grep -q 'metrics at' "$T/activated.log"
url=$(sed -n 's/.*metrics at \(.*\)\/metrics.*/\1/p' "$T/activated.log")
is 'instead of --listen' 200 "$([ "${url##*:}" != 1 ] && measured activated && code "$url/metrics")"
refuses 'what is no socket' 1 'no socket that listens' bash -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec nvbind monitor --listen 127.0.0.1:0 3</dev/null'

# --- Prometheus ------------------------------------------------------------------------------------------------------------------
# ask EXPRESSION: what it answers to a query, as JSON.
ask() { curl -s --max-time 10 --data-urlencode "query=$1" "http://127.0.0.1:$prometheus_port/api/v1/query"; }
value() { ask "$1" | jq -r '.data.result[0].value[1]'; }
is_up() { [ "$(value 'count(up == 1)')" = 3 ]; }

if command -v prometheus >/dev/null; then
	prometheus_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	cat >"$T/prometheus.yml" <<-END
		global: {scrape_interval: 1s, scrape_timeout: 1s}
		scrape_configs:
		  - {job_name: plain, static_configs: [{targets: ["${plain#http://}"]}]}
		  - {job_name: dcgm, static_configs: [{targets: ["${dcgm#http://}"]}]}
		  - job_name: tls
		    scheme: https
		    tls_config: {ca_file: $T/two.pem}
		    authorization: {credentials_file: $T/token}
		    static_configs: [{targets: ["${tls#https://}"]}]
	END
	prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/tsdb" --log.level=error \
		--web.listen-address="127.0.0.1:$prometheus_port" >"$T/prometheus.log" 2>&1 &
	prometheus=$!
	defer end_of "$prometheus"
	check 'Prometheus scrapes all three' until_true is_up
	is 'what it keeps is what was measured' 0.37 "$(value 'nvbind_gpu_utilization_ratio{job="plain",gpu="0"}')"
	is 'over TLS with the token, too' 412 "$(value 'nvbind_gpu_power_watts{job="tls",gpu="0"}')"
	is 'and by the names of DCGM' 37 "$(value 'DCGM_FI_DEV_GPU_UTIL{gpu="0"}')"
	is 'types came along' counter \
		"$(curl -s "http://127.0.0.1:$prometheus_port/api/v1/targets/metadata?metric=nvbind_gpu_energy_joules" | jq -r '.data[0].type')"
	is 'and units, which OpenMetrics alone has' joules \
		"$(curl -s "http://127.0.0.1:$prometheus_port/api/v1/targets/metadata?metric=nvbind_gpu_energy_joules" | jq -r '.data[0].unit')"

	# Every query of the dashboard, as Grafana would send it, has an answer; those of errors are about two scrapes.
	failed=
	while IFS= read -r expression; do
		filled=${expression//\$__rate_interval/5s} filled=${filled//\$instance/.*} filled=${filled//\$gpu/.*}
		[[ $filled != *'== 1'* ]] || filled=${filled/ == 1/}
		for _ in $(seq 60); do
			[ "$(ask "$filled" | jq -r '.status, (.data.result | length > 0)' | xargs)" != 'success true' ] || continue 2
			sleep 0.1
		done
		failed+="$expression -> $(ask "$filled" | head -c 300)"$'\n'
	done < <(jq -r '.. | objects | select(has("expr")) | .expr' "$NVB_SOURCE/packaging/grafana/nvbind.json")
	is 'every query of the dashboard has an answer' '' "$failed"
else
	echo '# left out: no prometheus'
fi
is 'the dashboard names nothing that is not there' '' "$(comm -23 \
	<(jq -r '.. | objects | (.expr?, .definition?) | strings' "$NVB_SOURCE/packaging/grafana/nvbind.json" | grep -oE 'nvbind_[a-z_]+' | sort -u) \
	<(curl -s "$plain/metrics" | grep -oE '^nvbind_[a-z_]+' | sort -u))"

# --- ill will, and the end ---------------------------------------------------------------------------------------------------------
wait "$crowd" || true
is 'a crowd of silent clients keeps nobody out' 'served' "$(cat "$T/crowd")"
wait "$slow" || true
is 'one that says a byte a second is cut off, in its headers and in its reading' 'cut off, cut off' "$(cat "$T/slow")"
is 'and both servers are well' '200 200' "$(for name in slow crowd; do
	code "$(sed -n 's/.*metrics at //p' "$T/$name.log")"
	echo
done | xargs)"
child=$(pgrep -P "$plain_pid" | head -n 1)
kill -TERM "$plain_pid"
status=0
wait "$plain_pid" || status=$?
is 'SIGTERM ends it, and that is a success' 0 "$status"
is 'its child with it' '' "$([ ! -e "/proc/$child" ] || cat "/proc/$child/cmdline")"
is 'having said nothing else' 1 "$(wc -l <"$T/plain.log")"
