#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind config import: the settings of NVIDIA's runtime become a file that nvbind itself reads, and what has no
# counterpart is said.
. "$(dirname "$0")/lib.sh"
need nvbind

cat >"$T/theirs.toml" <<'EOF'
#accept-nvidia-visible-devices-envvar-when-unprivileged = true
accept-nvidia-visible-devices-envvar-when-unprivileged = false
disable-require = true
supported-driver-capabilities = "compute,utility"

[nvidia-container-cli]
ldconfig = "@/sbin/ldconfig"
root = "/run/nvidia/driver"

[nvidia-container-runtime]
log-level = "debug"
runtimes = ["crun", "/opt/bin/runc"]

[nvidia-container-runtime.modes.cdi]
spec-dirs = ["/opt/cdi"]
EOF
nvbind config import "$T/theirs.toml" >"$T/ours.toml" 2>"$T/err"
is 'keys without a counterpart are named, one a line' \
	"nvbind: $T/theirs.toml:7: nvidia-container-cli.ldconfig: nvbind writes ld.so.cache itself; no ldconfig is run" "$(cat "$T/err")"
is 'the rest is ours' '[roots]
driver = "/run/nvidia/driver"
[log]
level = "debug"
[runtime]
runtimes = ["crun", "/opt/bin/runc"]
accept-environment-when-unprivileged = false
check-requirements = false
capabilities = ["compute", "utility"]
[cdi]
directories = ["/opt/cdi"]' "$(grep -v '^#' "$T/ours.toml" | grep . | sed 's/ # .*//')"

# What it says is in force where nvbind reads it.
mkdir "$T/empty"
like 'nvbind reads it: log level and driver root' "configuration: $T/ours.toml" \
	"$(nvbind --config "$T/ours.toml" cdi list --spec-dir "$T/empty" 2>&1)"
check 'into a file' nvbind config import "$T/theirs.toml" --output "$T/written.toml"
same_file 'the same' "$T/ours.toml" "$T/written.toml"
is 'which all can read' 644 "$(stat -c %a "$T/written.toml")"

printf 'disable-require = true\ndisable-require = false\n' >"$T/twice.toml"
refuses 'no TOML' 1 'twice\.toml:2:1: .*stands already on line 1' nvbind config import "$T/twice.toml" --output "$T/written.toml"
same_file 'what was there stays' "$T/ours.toml" "$T/written.toml"
refuses 'no file' 1 'No such file' nvbind config import "$T/none.toml"
refuses 'a directory' 1 'not a regular file' nvbind config import "$T"
