# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests with real engines share; sourced behind lib.sh. Engines run in worlds: namespaces of their own for
# mounts and processes, where the host is cgroup v1 or v2 alone, /run is empty, /etc may be written to and forgets it,
# and with the end of which everything that was started in it ends. A simulated machine of 8 GPUs is "$T/host"; settings
# of shim and hook are in the world's /etc/nvbind, as engines hand on no environment.

# Engines need not be installed, which would start services: unpacked packages do.
ENGINES=${NVB_TEST_ENGINES:-${NVB_TEST_CACHE:-/nonexistent}/engines}
PATH=$PATH:$ENGINES/usr/bin:$ENGINES/usr/sbin
export PATH

# What is made once for all worlds.
engine_prepare() { # SCENARIO
	need_root
	need nvbind nvbind-sim nvbind-hook jq busybox cc unshare
	export CGROUP=nvb-test-$$-$RANDOM
	defer engine_remove_cgroups
	make_sim "$1" "$T/host"
	make_glibc_root "$T/rootfs"
	local libc
	libc=$(find "$T/rootfs" -name libc.so.6 | head -n 1)
	cc -O1 -nodefaultlibs -Wl,--allow-shlib-undefined -o "$T/rootfs/bin/dlopen_all" \
		"$NVB_SOURCE/tests/integration/programs/dlopen_all.c" "$libc" -lgcc
	install -m 755 "$NVB_SOURCE/tests/integration/programs/engine_probe.sh" "$T/rootfs/bin/probe"
	mkdir -p "$T/etc-nvbind" "$T/cache" "$T/recorded"
	engine_recorder
	engine_config runc
}

# A runtime that keeps each config.json as it reaches it, in $T/recorded/ID.WHICH, and goes on as the next one: before
# and after the shim. Named as the runtime behind it, by which the shim knows where its state is.
engine_recorder() {
	local which next
	for which in before after; do
		mkdir -p "$T/$which"
		for next in runc crun; do
			cat >"$T/$which/$next" <<-END
				#!/bin/sh
				bundle=. id= create=
				previous=
				for word; do
					case \$previous in --bundle | -b) bundle=\$word ;; esac
					case \$word in create | run) create=1 ;; --bundle=*) bundle=\${word#*=} ;; esac
					previous=\$word
				done
				[ -z "\$create" ] || cp "\$bundle/config.json" "$T/recorded/\$previous.$which"
				exec $([ $which = before ] && echo "$NVB_BUILD/bin/nvbind-runtime" || command -v $next || echo false) "\$@"
			END
			chmod 755 "$T/$which/$next"
		done
	done
}

# engine_config RUNTIME [LINE...]: what stands in /etc/nvbind/config.toml of the worlds; LINEs go to [runtime].
engine_config() {
	local runtime=$1
	shift
	{
		printf '[roots]\nroot = "%s"\n' "${ENGINE_ROOT:-$T/host}"
		printf '[cache]\ndirectory = "%s"\n' "$T/cache"
		printf '[hook]\npath = "%s"\n' "$NVB_BUILD/bin/nvbind-hook"
		printf '[runtime]\nruntimes = ["%s"]\n' "$T/after/$runtime"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$T/etc-nvbind/config.toml"
}

# What the end of a world kills is in its control groups for a moment more.
engine_remove_cgroups() {
	local i
	for ((i = 0; i < 100; i++)); do
		find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*" -exec rmdir {} + 2>/dev/null || true
		[ -n "$(find /sys/fs/cgroup -type d -path "*/$CGROUP*" -print -quit)" ] || return 0
		sleep 0.05
	done
}

# Who holds which GPU, as JSON.
leases() { nvbind info --root "$T/host" --leases --json; }

# in_world v1|v2 COMMAND...: a function of the test, in a world; $WORLD names it. Everything it leaves running ends
# with it.
in_world() {
	local functions
	functions=$(declare -f)
	WORLD="$1" unshare -m -p -f --kill-child --mount-proc --propagation private bash -c "set -euo pipefail
LIB_PID=none
$functions
engine_enter \"\$@\"" bash "${@:2}" || fail "world $1 ended early: ${*:2}"
}

# The worlds a test is run in. What cgroups have no part in is tried with sanitizers in one of them: the engines' own
# time is the same again.
worlds() {
	if is_sanitized && runtime_works runc v1; then
		echo v1
	else
		echo v1 v2
	fi
}

engine_enter() {
	mount -t tmpfs -o mode=755 tmpfs /run
	# Nothing is written to the host's /etc: dockerd, for one, keeps a key there.
	mkdir -p /run/lock /run/etc/upper/nvbind /run/etc/work
	mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
	mount --bind "$T/etc-nvbind" /etc/nvbind
	export WORLD
	"lib_$WORLD" "$@"
}

# Until a daemon answers: wait_ready PID LOG COMMAND...
wait_ready() {
	local pid=$1 log=$2 i
	shift 2
	for ((i = 0; i < 600; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	echo "$WORLD: a daemon did not start:" >&2
	tail -n 5 "$log" >&2
	return 1
}

# start_containerd DIR: with its socket at DIR/containerd.sock.
start_containerd() {
	mkdir -p "$1"
	cat >"$1/containerd.toml" <<-END
		version = 2
		root = "$1/containerd"
		state = "$1/run-containerd"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		  address = "$1/containerd.sock"
		[ttrpc]
		  address = "$1/containerd.sock.ttrpc"
	END
	setpriv --pdeathsig KILL containerd -c "$1/containerd.toml" >"$1/containerd.log" 2>&1 &
	wait_ready $! "$1/containerd.log" ctr -a "$1/containerd.sock" version
}

# start_dockerd DIR [ARGUMENT...]: $DOCKER_HOST leads to it, $DOCKERD is its pid.
start_dockerd() {
	local dir=$1
	shift
	[ -S "$dir/containerd.sock" ] || start_containerd "$dir"
	export DOCKER_HOST=unix://$dir/docker.sock DOCKER_CONFIG=$dir/client
	mkdir -p "$DOCKER_CONFIG"
	[ -e "$dir/daemon.json" ] || echo '{}' >"$dir/daemon.json"
	# Its PATH is where it looks for nvidia-container-runtime-hook.
	PATH=$T/hooks:$PATH setpriv --pdeathsig KILL dockerd --config-file "$dir/daemon.json" \
		--containerd "$dir/containerd.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
		--pidfile "$dir/docker.pid" -H "$DOCKER_HOST" --iptables=false --ip6tables=false --bridge=none \
		--cgroup-parent "/$CGROUP" "$@" >"$dir/dockerd.log" 2>&1 &
	DOCKERD=$!
	wait_ready "$DOCKERD" "$dir/dockerd.log" docker version
}

stop_dockerd() {
	kill "$DOCKERD"
	wait "$DOCKERD" || true
}

# --- what a container must show --------------------------------------------------------------------------------------

# Minors of GPUs by their number, which is another.
minors() {
	local index minors=()
	for index; do
		minors+=("$(nvbind info --root "$T/host" --json | jq -r ".gpus[$index].minor")")
	done
	printf '%s\n' "${minors[@]}" | sort -n | tr '\n' ' '
}

# sees WHAT GPUS OUTPUT: what `probe` printed inside must be exactly those GPUs ("2 5", "" for none).
sees() {
	local what="$WORLD: $1" gpus=$2 output=$3 wanted='' minor
	# shellcheck disable=SC2086
	[ -z "$gpus" ] || wanted=$(minors $gpus)
	is "$what: nodes of its GPUs and no other" "$wanted" "$(sed -n 's/^gpus: //p' <<<"$output")"
	# The cgroup decides, whoever makes the node: what may be opened answers "no driver" here.
	is "$what: opens them and no other" "${wanted:+${wanted}255 }" \
		"$(sed -n 's/^open \([0-9]*\): allowed$/\1/p' <<<"$output" | tr '\n' ' ')"
	is "$what: all others are refused" "$((9 - $(wc -w <<<"${wanted:+${wanted}255}")))" \
		"$(grep -c '^open [0-9]*: Operation not permitted$' <<<"$output" || true)"
	if [ -n "$gpus" ]; then
		is "$what: the driver inside sees them" "$(wc -w <<<"$gpus")" "$(sed -n 's/^smi: //p' <<<"$output")"
		is "$what: programs find the libraries" 'libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 ' \
			"$(sed -n 's/^lib: \([^ ]*\) => .*/\1/p' <<<"$output" | tr '\n' ' ')"
	else
		is "$what: no library either" 0 "$(grep -c '^lib: .* => ' <<<"$output" || true)"
	fi
}

# eventually WHAT EXPECTED COMMAND...: what the command prints comes to be that.
eventually() {
	local what=$1 expected=$2 i got=
	shift 2
	for ((i = 0; i < 200; i++)); do
		got=$("$@")
		[ "$got" != "$expected" ] || break
		sleep 0.05
	done
	is "$what" "$expected" "$got"
}

# one_line WHAT REGEX COMMAND...: the engine fails, and what its user reads has one line that says why.
one_line() {
	local what="$WORLD: $1" regex=$2 status=0 output
	shift 2
	output=$("$@" 2>&1) || status=$?
	if [ "$status" -eq 0 ]; then
		fail "$what" "it should have failed: $*" "$output"
	else
		is "$what: one line says why" 1 "$(grep -cE -e "$regex" <<<"$output" || true)"
		grep -qE -e "$regex" <<<"$output" || printf '    %s\n' "$output"
	fi
}
