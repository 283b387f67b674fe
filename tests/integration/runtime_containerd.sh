#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind runtime configure and check with a real containerd: its own reading of the files has the runtime, and check
# knows whether the daemon that runs has read them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need_root
need nvbind nvbind-runtime containerd python3
R=$NVB_BUILD/bin/nvbind-runtime
export CONTAINERD_ADDRESS=$T/containerd.sock

cat >"$T/config.toml" <<EOF
version = 2
root = "$T/root" # on the fast disk
state = "$T/state"

[grpc]
  address = "$T/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "$T/opt"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  privileged_without_host_devices = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true
EOF
cp "$T/config.toml" "$T/before.toml"
configure() { nvbind runtime configure --runtime containerd --config "$T/config.toml" --state-dir "$T/backup" --runtime-path "$R" "$@"; }
check_it() { nvbind runtime check --runtime containerd --config "$T/config.toml"; }
merged() {
	containerd --config "$T/config.toml" config dump 2>/dev/null | python3 -c '
import sys, tomllib
p = tomllib.load(sys.stdin.buffer)["plugins"]
c = (p.get("io.containerd.cri.v1.runtime") or p["io.containerd.grpc.v1.cri"])["containerd"]
r = c["runtimes"]["nvbind"]
print(c["default_runtime_name"], r["runtime_type"], r["options"]["BinaryName"], r["options"].get("SystemdCgroup", False),
    r["privileged_without_host_devices"], sorted(c["runtimes"]))'
}

start_containerd() {
	containerd --config "$T/config.toml" >"$T/containerd.log" 2>&1 &
	containerd_pid=$!
	for ((i = 0; i < 300; i++)); do
		[ ! -S "$T/containerd.sock" ] || return 0
		kill -0 "$containerd_pid" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}
stop_containerd() {
	[ -n "${containerd_pid-}" ] || return 0
	kill "$containerd_pid" 2>/dev/null || true
	wait "$containerd_pid" 2>/dev/null || true
	rm -f "$T/containerd.sock"
	containerd_pid=
}
defer stop_containerd

out=$(check_it) && fail 'not configured is a problem' || like 'not configured' "has no runtime 'nvbind'" "$out"
like 'and not running is another' 'containerd does not run' "$out"
start_containerd || skip "containerd does not run here: $(tail -n 1 "$T/containerd.log")"
configure >/dev/null 2>"$T/err"
like 'what makes it take effect is said' 'takes effect with: systemctl restart containerd' "$(cat "$T/err")"
is "containerd's own reading has it, as runc is" \
	"runc io.containerd.runc.v2 $R True True ['nvbind', 'runc']" "$(merged)"
out=$(check_it) && fail 'a daemon older than its file is a problem' ||
	like 'a daemon older than its file' "runs since before $T/config.toml was changed \(systemctl restart containerd\)" "$out"
stop_containerd
start_containerd || fail 'containerd starts again' "$(tail -n 3 "$T/containerd.log")"
out=$(check_it) && pass 'after the restart all is good' || fail 'after the restart all is good' "$out"
like 'check names it' "names $R" "$out"
configure --set-default >/dev/null 2>&1
like 'as the default' '^nvbind ' "$(merged)"
configure --undo >/dev/null 2>&1
same_file 'undone' "$T/before.toml" "$T/config.toml"

# A configuration without any CRI table, and one of comments alone.
for text in 'version = 2' '# nothing here'; do
	printf '%s' "$text" >"$T/config.toml"
	configure --set-default >/dev/null 2>&1
	is "containerd reads what becomes of '$text'" "nvbind io.containerd.runc.v2 $R False False ['nvbind', 'runc']" "$(merged)"
	configure --undo >/dev/null 2>&1
	is "and back" "$text" "$(cat "$T/config.toml")"
done

# An imported table takes the place of the whole one before containerd 2.0: there ours goes into the imported file.
mkdir "$T/conf.d"
printf 'version = 2\nimports = ["%s/conf.d/*.toml"]\n' "$T" >"$T/config.toml"
printf '[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/x"\n' >"$T/conf.d/registry.toml"
file=$T/config.toml
if ! configure >/dev/null 2>"$T/err"; then
	like 'an import that would hide ours is refused' "config.toml imports $T/conf.d/registry.toml, .*\(--config $T/conf.d/registry.toml\)" "$(cat "$T/err")"
	file=$T/conf.d/registry.toml
	nvbind runtime configure --runtime containerd --config "$file" --state-dir "$T/backup" --runtime-path "$R" >/dev/null 2>&1
fi
is 'containerd has ours' "runc io.containerd.runc.v2 $R False False ['nvbind', 'runc']" "$(merged)"
check 'undone' nvbind runtime configure --runtime containerd --config "$file" --state-dir "$T/backup" --undo
