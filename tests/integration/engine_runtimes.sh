#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime in front of real runc and crun, called as engines call a runtime, on cgroup v1 and v2: by itself, and
# by conmon as CRI-O does.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
need runc
need nvbind-runtime
engine_prepare h200x8

shim() { nvbind-runtime --root "$T/state.$WORLD.$RUNTIME" "$@" </dev/null; }

# bundle NAME ENV... -- COMMAND...: as `runc spec` writes it, with those variables, for the common root.
bundle() {
	local dir=$T/bundle.$WORLD.$RUNTIME.$1 variables=()
	shift
	while [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	make_bundle "$dir" "${@:2}"
	# CAP_MKNOD, so that what the control group refuses is seen.
	jq --arg root "$T/rootfs" --arg cgroup "/$CGROUP/${dir##*.}" '.root.path = $root | .linux.cgroupsPath = $cgroup
		| .process.capabilities |= map_values(. + ["CAP_MKNOD"]) | .process.env += $ARGS.positional' \
		--args "${variables[@]}" <"$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
	echo "$dir"
}
run() { # NAME ENV... -- COMMAND...
	shim run --bundle "$(bundle "$@")" "nvb-$RUNTIME-$1"
}

by_itself() {
	local dir id=nvb-$RUNTIME-life what=$RUNTIME
	sees "$what run" 2 "$(run one NVIDIA_VISIBLE_DEVICES=2 -- probe)"
	sees "$what run, all" '0 1 2 3 4 5 6 7' "$(run all NVIDIA_VISIBLE_DEVICES=all -- probe)"
	dir=$(bundle none -- probe)
	cp "$dir/config.json" "$T/was"
	sees "$what run, no GPU asked" '' "$(shim run --bundle "$dir" "nvb-$RUNTIME-none")"
	same_file "$WORLD: $what: and config.json is untouched" "$T/was" "$dir/config.json"
	dir=$(bundle wrong NVIDIA_VISIBLE_DEVICES=99 -- true)
	cp "$dir/config.json" "$T/was"
	refuses "$WORLD: $what: a GPU that is not there" 1 '^nvbind-runtime: .*no such GPU: 99' shim run --bundle "$dir" "nvb-$RUNTIME-wrong"
	same_file "$WORLD: $what: and config.json is as it was" "$T/was" "$dir/config.json"

	dir=$(bundle life NVIDIA_VISIBLE_DEVICES=3 -- sleep 1000)
	shim create --bundle "$dir" --pid-file "$dir/pid" "$id" >/dev/null 2>&1 || { fail "$WORLD: $what create"; return 0; }
	is "$WORLD: $what create: the GPU is leased" "shared 3 $id $(cat "$dir/pid")" \
		"$(leases | jq -r '.[] | "\(.mode) \(.devices[].id) \(.container) \(.process)"')"
	shim start "$id"
	sees "$what exec" 3 "$(shim exec "$id" probe)"
	is "$WORLD: $what state" running "$(shim state "$id" | jq -r .status)"
	shim kill "$id" KILL
	shim delete --force "$id"
	is "$WORLD: $what delete: the lease is over" '[]' "$(leases)"
	like "$WORLD: what is asked of the runtime is the runtime's" "$RUNTIME" "$(nvbind-runtime --version)"
}

# The arguments CRI-O gives (internal/oci/runtime_oci.go): conmon tells the container's pid, or why there is none,
# through a pipe, and runs the runtime with an environment that has a PATH at best.
conmon_create() { # BUNDLE ID
	local said=''
	mkdir -p "$T/exits" "$T/persist" "$T/sockets"
	printf '\0' >"$T/start"
	rm -f "$T/sync"
	mkfifo "$T/sync"
	exec 5<>"$T/sync"
	# Descriptors 3 and 4, as CRI-O has them.
	(cd "$1" && env -i "PATH=$PATH" _OCI_SYNCPIPE=3 _OCI_STARTPIPE=4 conmon -b "$1" -c "$2" \
		--exit-dir "$T/exits" -l "$T/log.$2" --log-level debug -n "k8s_$2" -P "$1/conmon-pid" -p "$1/pidfile" \
		--persist-dir "$T/persist" -r "$NVB_BUILD/bin/nvbind-runtime" \
		--runtime-arg "--root=$T/state.$WORLD.$RUNTIME" --socket-dir-path "$T/sockets" --syslog -u "$2" \
		3>&5 4<"$T/start" 5>&- </dev/null >/dev/null 2>&1) || true
	read -r -t 60 said <&5 || true
	exec 5>&-
	echo "$said"
}

by_conmon() {
	local dir id=nvb-$RUNTIME-pod said pid
	command -v conmon >/dev/null || { echo '# left out: no conmon'; return 0; }
	dir=$(bundle pod NVIDIA_VISIBLE_DEVICES=5 -- sleep 1000)
	said=$(conmon_create "$dir" "$id")
	pid=$(jq -r .pid <<<"$said" 2>/dev/null || true)
	is "$WORLD: conmon over $RUNTIME says who runs" "$(cat "$dir/pidfile" 2>/dev/null)" "$pid"
	shim start "$id"
	sees "conmon over $RUNTIME" 5 "$(shim exec "$id" probe)"
	is "$WORLD: conmon over $RUNTIME: the GPU is leased" "5 $id $pid" \
		"$(leases | jq -r '.[] | "\(.devices[].id) \(.container) \(.process)"')"
	shim kill "$id" KILL
	wait_gone "$pid"
	shim delete --force "$id"
	dir=$(bundle badpod NVIDIA_VISIBLE_DEVICES=99 -- true)
	like "$WORLD: conmon hands on why there is no container" 'no such GPU: 99' "$(conmon_create "$dir" "$id-bad")"
}

wait_gone() { # PID
	local i
	for ((i = 0; i < 200; i++)); do
		[ -e "/proc/$1" ] || return 0
		sleep 0.05
	done
}

world() {
	export RUNTIME=$1
	by_itself
	by_conmon
}

for w in $(worlds); do
	for r in runc crun; do
		if runtime_works "$r" "$w"; then
			engine_config "$r"
			in_world "$w" world "$r"
		else
			echo "# left out: $r on cgroup $w: $(cat "$T/.works.$r.$w")"
		fi
	done
done
