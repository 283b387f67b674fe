# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# An ordinary user for tests; sourced after lib.sh. The host's /etc stays as it is: the user stands in copies that are
# mounted over its files in a mount namespace of the test's own.

# as_user COMMAND...: a command, a function of the test too, as a user with subordinate ids, whose home and runtime
# directory lie below $T. as_user_without_ids: the same without them.
as_user() { in_mount_namespace user_enter 65536 "$@"; }
as_user_without_ids() { in_mount_namespace user_enter 0 "$@"; }

export NVB_TEST_UID=61234

user_enter() { # IDS COMMAND...
	local ids=$1 file functions
	shift
	mkdir -p "$T/.etc" "$T/home" "$T/runtime"
	for file in passwd group subuid subgid; do
		[ -e "/etc/$file" ] || : >"/etc/$file"
		cp "/etc/$file" "$T/.etc/$file"
	done
	echo "nvbtest:x:$NVB_TEST_UID:$NVB_TEST_UID::$T/home:/bin/sh" >>"$T/.etc/passwd"
	echo "nvbtest:x:$NVB_TEST_UID:" >>"$T/.etc/group"
	for file in subuid subgid; do
		[ "$ids" = 0 ] || echo "nvbtest:700000:$ids" >>"$T/.etc/$file"
	done
	for file in passwd group subuid subgid; do
		mount --bind "$T/.etc/$file" "/etc/$file"
	done
	# An overlay takes no directory of another overlay to write into, as where the tests run in a container.
	if [ "$(stat -f -c %T "$T")" = overlayfs ]; then
		mount -t tmpfs -o mode=700 none "$T/home"
		mount -t tmpfs -o mode=700 none "$T/runtime"
	fi
	# What the test noted in $T before is the user's to write, too.
	find "$T" -maxdepth 1 -type f -exec chown "$NVB_TEST_UID:$NVB_TEST_UID" {} +
	chown "$NVB_TEST_UID:$NVB_TEST_UID" "$T" "$T/home" "$T/runtime"
	chmod 700 "$T/home" "$T/runtime"
	chmod 755 "$T"
	functions=$(declare -f)
	unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_CACHE_HOME
	HOME=$T/home XDG_RUNTIME_DIR=$T/runtime exec setpriv --reuid "$NVB_TEST_UID" --regid "$NVB_TEST_UID" --init-groups \
		--inh-caps=-all bash -c "set -euo pipefail
LIB_PID=none
$functions
\"\$@\"" bash "$@"
}

# has_user: whether there can be such a user here, who can make a user namespace and run what was built.
has_user() {
	command -v newuidmap >/dev/null || { echo '# left out: needs newuidmap (package uidmap)' && return 1; }
	others_reach_build || return 1
	as_user unshare -Urm true 2>/dev/null || { echo '# left out: no user namespaces for an ordinary user here' && return 1; }
}
