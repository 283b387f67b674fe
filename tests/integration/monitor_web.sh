#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind monitor --web in a real browser: what the page shows, live, of GPUs and capsules; what it says when one of them
# or the connection is lost; on a desktop and on a phone; who is let in when others reach it.
# Pictures of it are kept in $NVB_TEST_SCREENS, where that names a directory: docs/screens is made so.

# Capsules of its own: bolt's directories are empty in a mount namespace of the test's. Pictures show a host's name that
# is nobody's.
if [ "$(id -u)" = 0 ] && [ -z "${NVB_OWN_MOUNTS-}" ]; then
	exec env NVB_OWN_MOUNTS=1 unshare -m -u --propagation private bash "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/serve.sh"
need_root
need nvbind nvbind-sim bolt busybox curl jq openssl python3
need_exporter
programs=$NVB_SOURCE/tests/integration/programs
python3 -c "import sys; sys.path.insert(0, '$programs'); import browser; sys.exit(not browser.program())" ||
	skip "needs chromium-headless-shell or another Chromium"

echo gpu-host >/proc/sys/kernel/hostname

make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host
make_glibc_root "$T/root"
cp "$NVB_BUILD/tests/integration/cuda-toy" "$T/root/bin/"
nvbind-sim set "$T/host" vary=on gpu0.utilization=31 gpu2.utilization=92 gpu3.utilization=95 gpu5.utilization=48 \
	gpu2.power=640 gpu3.power=655 gpu2.temperature=67 gpu3.temperature=69 >/dev/null

# Capsules that hold memory on a GPU each.
capsules() {
	local name gpu mib
	while read -r name gpu mib; do
		bolt capsule create "$name" --image "$T/root" --gpu "$gpu" --network none -- \
			sh -c "sleep 1000 | cuda-toy hold 0 $mib" >/dev/null
		bolt capsule start "$name" >/dev/null
	done <<-END
		gaming-workstation 0 4000
		llm-training 2 98000
		llm-evaluation 3 61000
		notebook-anna 5 12000
	END
}

# page ARG...: the checks of web_page.py, counted with ours.
page() {
	timeout 200 python3 "$programs/web_page.py" "$@" | tee -a "$LIB_RESULTS"
	[ "${PIPESTATUS[0]}" = 0 ] || fail "web_page.py $1 came to its end"
}

remove_capsules() { bolt capsule rm -f gaming-workstation llm-training llm-evaluation notebook-anna >/dev/null 2>&1 || true; }

everything() {
	local link port address picture p
	defer remove_capsules
	capsules
	mkdir -p "$T/pictures"

	serve web --web --listen 127.0.0.1:0 --interval 250ms
	like 'it says where the page is' 'nvbind: page at http://127.0.0.1:[0-9]+/$' "$(cat "$T/web.log")"
	is 'nobody else is asked for anything' "default-src 'none'" \
		"$(curl -sI "$url/" | sed -n "s/^Content-Security-Policy: \(default-src 'none'\).*/\1/p")"
	is 'a name that a stranger made lead here' '421 421 421' \
		"$(for p in / /events /page.js; do code -H 'Host: evil.example' "$url$p"; done | sed 's/.../& /g; s/ $//')"
	is 'another site asks for what is read here' '403 403' \
		"$(for p in /events /session; do code -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: cors' "$url$p"; done | sed 's/.../& /; s/ $//')"
	is 'a link on another site leads here' 200 "$(code -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate' "$url/")"
	timeout 3 curl -sN "$url/events" >"$T/events" || true
	check 'samples are sent when they are there' test "$(grep -c '^event: sample' "$T/events")" -ge 6
	page live "$url/" "$server" "$T/host" "$T/pictures"
	stop_server web

	# 64 GPUs, the first divided by MIG.
	if [ -n "${NVB_TEST_SCREENS-}" ] || ! is_sanitized; then
		python3 - "$NVB_SOURCE/sim/scenarios/big.toml" >"$T/big.toml" <<-'END'
			import re, sys
			text = open(sys.argv[1]).read()
			gpu = text[text.index("[[gpu]]"):]
			whole = re.sub(r"(?m)^mig = .*\n", "", gpu).replace("mig_mode = true", "mig_mode = false")
			print(text.replace("count = 64", "count = 1") + "\n" + whole.replace("count = 64", "count = 63"))
		END
		nvbind-sim create --scenario "$T/big.toml" "$T/big" >/dev/null
		for i in $(seq 1 63); do echo "gpu$i.utilization=$((i * 37 % 101))" "gpu$i.memory_used=$((i * 7919 % 80000))"; done |
			xargs nvbind-sim set "$T/big" >/dev/null
		nvbind-sim fail "$T/big" gpu 40 lost >/dev/null
		NVBIND_ROOT=$T/big serve web --web --listen 127.0.0.1:0
		page many "$url/" "$T/pictures"
		stop_server web
		nvbind-sim destroy "$T/big"
	fi

	# Where others reach it, nobody comes in without the token or the link, which works once.
	openssl rand -hex 24 >"$T/token"
	chmod 600 "$T/token"
	serve web --web --listen 0.0.0.0:0 --token-file "$T/token"
	port=${url##*:} address=http://127.0.0.1:${url##*:}
	unlike 'with a token nobody needs to be warned' 'can read its metrics' "$(cat "$T/web.log")"
	is 'the page and what it reads are closed' '401 401 401 401' \
		"$(for p in / /events /session /metrics; do code "$address$p"; done | sed 's/.../& /g; s/ $//')"
	is 'the token opens them to programs' 204 "$(code -H "Authorization: Bearer $(cat "$T/token")" "$address/session")"
	is 'a wrong token does not begin a session' 403 "$(code -d token=wrong "$address/enter")"
	link=$(sed -n 's/.*page at [^ ]*\(\/enter?link=[0-9a-f]*\) (lets one.*/\1/p' "$T/web.log")
	like 'the link is printed' '^/enter\?link=[0-9a-f]{64}$' "$link"
	page enter "$address" "$link" "$T/token" "$T/pictures"
	is 'it worked once' 403 "$(code "$address$link")"
	check 'and the next was printed' until_true grep -q "page at .*/enter?link=" <(tail -n 1 "$T/web.log")
	is 'which is another' 2 "$(grep -o '/enter?link=[0-9a-f]*' "$T/web.log" | sort -u | wc -l)"
	stop_server web
	serve web --web --listen 0.0.0.0:0
	address=http://127.0.0.1:${url##*:}
	like 'whoever opens metrics to all is told' 'warning: whoever reaches this host can read its metrics' "$(cat "$T/web.log")"
	is 'without a token the page is closed all the same' '401 200' "$(code "$address/") $(code "$address/metrics")"
	is 'by its name, too' 421 "$(code -H 'Host: gpu.example' "$address/")"
	serve web --web --listen 0.0.0.0:0 --allow-host gpu.example
	is 'unless it is said to be called so' 401 "$(code -H 'Host: gpu.example' "http://127.0.0.1:${url##*:}/")"

	[ -z "${NVB_TEST_SCREENS-}" ] || cp "$T"/pictures/*.webp "$NVB_TEST_SCREENS/"
	for picture in "$T"/pictures/*.webp; do
		check "${picture##*/} is small enough to be kept" test "$(stat -c %s "$picture")" -lt 153600
	done
}

surge_state everything
