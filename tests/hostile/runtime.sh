# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What images and whoever writes a config.json put into it, against nvbind-runtime, which edits it as root and becomes
# the real runtime. A stand-in for that keeps the config.json that it is given.

need nvbind-runtime nvbind-hook nvbind-sim jq
SAYS=nvbind-runtime
SHIM=$BIN/nvbind-runtime
make_sim rtx4090x1 "$T/host"

# The shim reads /etc/nvbind/config.toml and nothing else. settings [LINE...]: with these lines in [runtime].
mkdir -p "$T/etc/nvbind" "$T/cdi"
mount -t overlay overlay -o "lowerdir=$T/etc:/etc" /etc
settings() {
	{
		printf '[roots]\nroot = "%s"\n[cache]\ndirectory = "%s"\n[cdi]\ndirectories = ["%s"]\n' "$T/host" "$T/cache" "$T/cdi"
		printf '[runtime]\nruntimes = ["%s"]\n' "$T/runtime"
		printf '%s\n' "$@"
	} >"$T/etc/nvbind/config.toml"
}
cat >"$T/runtime" <<END
#!/bin/sh
exec /bin/dd if="$BUNDLE/config.json" iflag=nonblock of="$CASE/given" status=none
END
chmod +x "$T/runtime"
cat >"$T/cdi/disk.yaml" <<END
cdiVersion: 0.5.0
kind: vendor.com/disk
devices: [{name: all, containerEdits: {env: [FOREIGN=1]}}]
END

# As runc's own, with much of the image's in it.
jq -n --arg evil "$EVIL" '{ociVersion: "1.0.2", root: {path: "rootfs", readonly: true}, hostname: "x",
	process: {terminal: false, user: {uid: 0, gid: 0}, args: ["sh"], cwd: "/",
		env: ["PATH=/evil", "NVIDIA_VISIBLE_DEVICES=all", "LD_PRELOAD=\($evil)", "LD_AUDIT=\($evil)"],
		capabilities: {bounding: ["CAP_CHOWN"]}},
	mounts: [{destination: "/proc", type: "proc", source: "proc"}],
	linux: {namespaces: [{type: "mount"}], resources: {devices: [{allow: false, access: "rwm"}]}}}' >"$TEMPLATE/config.json"

# change FILTER: of the config.json, by jq.
change() {
	jq "$1" "$BUNDLE/config.json" >"$CASE/new"
	cat "$CASE/new" >"$BUNDLE/config.json"
}
# variables NAME=VALUE...: what the image asks with.
variables() { change ".process.env = $(jq -cn '$ARGS.positional' --args -- "$@")"; }

# config.json is what the shim may change; of its directory the time then changes, too.
canary() {
	"$TOOL" canary "$OUTSIDE" "$DISK"
	find "$BUNDLE" -maxdepth 1 ! -name config.json ! -name .other -printf '%f %y %i %m %l\n' | sort
}
attack() {
	settings
	[ -e "$CASE/attackers" ] || [ ! -f "$BUNDLE/config.json" ] || is_huge || cksum <"$BUNDLE/config.json" >"$CASE/sum"
	[ ! -e "$CASE/settings" ] || settings "$(cat "$CASE/settings")"
	attempt PATH=/usr/bin:/bin ${GUARD:+NVB_TEST_GUARD_OFF="$GUARD"} "$SHIM" create --bundle "$(cat "$CASE/path" 2>/dev/null || echo "$BUNDLE")" \
		--pid-file "$CASE/pid-file" "$(cat "$CASE/id" 2>/dev/null || echo x)"
}
is_huge() { [ "$(stat -c %s "$BUNDLE/config.json")" -gt 20000000 ]; }

work_done() {
	[ -e "$CASE/given" ] || return 1
	jq -e '([.linux.devices[].path] | index("/dev/nvidia0")) and (.hooks.createContainer | length == 1)
		and (.hooks.createContainer[0].env | length > 0 and all(startswith("LD_") or startswith("NVIDIA_") | not))
		and (.process.env | index("FOREIGN=1") | not)' "$CASE/given" >/dev/null
}
# untouched: the container starts with the config.json as it was.
untouched() { [ "$(cksum <"$CASE/given")" = "$(cat "$CASE/sum")" ]; }

judge_refusal() {
	[ "$(find "$BUNDLE" -maxdepth 1 -name '.nvb*' | wc -l)" = "$(cat "$CASE/planted" 2>/dev/null || echo 0)" ] || wrong 'a temporary file is left'
	[ ! -e "$CASE/runs" ] || return 0 # of many runs one was refused, another not
	[ ! -e "$CASE/given" ] || wrong "it was refused, and the runtime called"
	[ ! -e "$CASE/sum" ] || [ "$(cksum <"$BUNDLE/config.json")" = "$(cat "$CASE/sum")" ] || wrong 'refused, and edited'
}
judge_process() { [ "$mounts" = 0 ] || wrong "$mounts mounts are left"; }

. "${BASH_SOURCE[0]%/*}/runtime_cases.sh"
