#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind runtime check for CRI-O, which Debian does not package: what CRI-O answers to GET /config (its configuration in
# force, as TOML) is said by a stand-in on its socket, below a /run of the test's own.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-runtime python3
export R=$NVB_BUILD/bin/nvbind-runtime

with_crio() {
	local out file=$T/crio/crio.conf.d/99-nvbind.conf
	mount -t tmpfs tmpfs /run
	mkdir -p /run/crio "$T/crio/crio.conf.d"
	check_it() { nvbind runtime check --runtime crio --config "$file"; }
	# say TEXT: one answer of CRI-O's.
	say() {
		rm -f /run/crio/crio.sock
		python3 - "$1" <<-'EOF' &
			import socket, sys
			s = socket.socket(socket.AF_UNIX)
			s.bind("/run/crio/crio.sock")
			s.listen(1)
			c, _ = s.accept()
			request = c.recv(4096)
			assert request.startswith(b"GET /config HTTP/1.0\r\n"), request
			c.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/toml\r\n\r\n" + sys.argv[1].encode())
		EOF
		for ((i = 0; i < 100; i++)); do
			[ ! -S /run/crio/crio.sock ] || return 0
			sleep 0.1
		done
	}

	out=$(check_it) && fail 'not configured is a problem' || like 'not configured' "has no runtime 'nvbind'" "$out"
	like 'not running' 'crio does not run: .*crio.sock' "$out"
	nvbind runtime configure --runtime crio --config "$file" --state-dir "$T/state" --runtime-path "$R" --set-default >/dev/null 2>&1

	say '[crio.runtime]
default_runtime = "crun"'
	out=$(check_it) && fail 'not restarted is a problem' ||
		like 'not restarted' "as it runs does not know 'nvbind' \(systemctl restart crio\)" "$out"
	wait
	say "$(cat "$file")"
	out=$(check_it) && pass 'after the restart all is good' || fail 'after the restart all is good' "$out"
	wait
	like 'the default is named' 'containers that name no runtime get nvbind' "$out"
	say "$(sed 's/default_runtime = .*/default_runtime = "nvidia"/' "$file")"
	out=$(check_it) && fail 'another default is a problem' ||
		like 'another default' 'uses nvidia for containers that name no runtime, the file says nvbind' "$out"
	wait
	say 'no toml'
	out=$(check_it) && fail 'an answer that is none is a problem' || like 'an answer that is none' "CRI-O's configuration:1:4" "$out"
	wait
}
in_mount_namespace with_crio
