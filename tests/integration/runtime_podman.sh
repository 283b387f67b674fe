#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nvbind runtime configure and check with real podman, whose directories are replaced in a mount namespace.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-runtime podman jq
R=$NVB_BUILD/bin/nvbind-runtime

with_podman() {
	mkdir -p "$T/etc"
	cp -a /etc/containers/. "$T/etc/"
	rm -rf "$T/etc/containers.conf.d"
	mount --bind "$T/etc" /etc/containers
	configure() { nvbind runtime configure --runtime podman --state-dir "$T/state" --runtime-path "$R" "$@"; }
	local drop_in=/etc/containers/containers.conf.d/99-nvbind.conf info out

	out=$(nvbind runtime check --runtime podman) && fail 'not configured is a problem' ||
		like 'not configured' "podman does not know 'nvbind' \(nvbind runtime configure --runtime podman\)" "$out"
	before=$(podman info --format '{{.Host.OCIRuntime.Name}}')
	configure >/dev/null 2>"$T/err"
	unlike 'podman has nothing to reload' 'takes effect' "$(cat "$T/err")"
	check 'a drop-in is written' test -f "$drop_in"
	is 'podman finds it by name' "$R" "$(podman --runtime nvbind info --format '{{.Host.OCIRuntime.Path}}')"
	is 'the default is as before' "$before" "$(podman info --format '{{.Host.OCIRuntime.Name}}')"
	is 'the other runtimes are still known' runc "$(podman --runtime runc info --format '{{.Host.OCIRuntime.Name}}')"
	out=$(nvbind runtime check --runtime podman) && pass 'check is content' || fail 'check is content' "$out"
	like 'check names it' "names $R" "$out"

	configure --set-default >/dev/null 2>&1
	info=$(podman info --format '{{json .Host.OCIRuntime}}')
	is 'as the default' "nvbind $R" "$(jq -r '"\(.name) \(.path)"' <<<"$info")"
	like 'check says so' 'containers that name no runtime get nvbind' "$(nvbind runtime check --runtime podman)"
	like 'CDI needs nothing' 'podman reads the CDI specs in /etc/cdi and /var/run/cdi by itself' "$(configure --cdi 2>&1)"

	configure --undo >/dev/null 2>&1
	check 'nothing is left' test ! -e /etc/containers/containers.conf.d
	is 'the default is as it was' "$before" "$(podman info --format '{{.Host.OCIRuntime.Name}}')"

	# A runtime that went away.
	cp "$R" "$T/nvbind-runtime"
	nvbind runtime configure --runtime podman --state-dir "$T/state" --runtime-path "$T/nvbind-runtime" >/dev/null 2>&1
	rm "$T/nvbind-runtime"
	out=$(nvbind runtime check --runtime podman) && fail 'a runtime that is gone is a problem' || like 'a runtime that is gone' 'names a runtime that is not there|does not know' "$out"
}
export R
in_mount_namespace with_podman
