# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# docker run --rm --network none of /bin/true, the whole command: with runc, with nvbind-runtime and 8 GPUs, and with
# NVIDIA's nvidia-container-runtime, where NVB_BENCH_NVIDIA_RUNTIME names one. The daemon is this row's own: in namespaces
# of its own for mounts and processes, which end with the row; NVB_TEST_ENGINES names unpacked packages of it.
docker_row() {
	local dir=$T/docker daemon runtimes peer='nvidia-container-runtime: NVB_BENCH_NVIDIA_RUNTIME names none' i
	local PATH=$PATH:${NVB_TEST_ENGINES:-/nonexistent}/usr/bin:${NVB_TEST_ENGINES:-/nonexistent}/usr/sbin
	command -v dockerd >/dev/null && command -v containerd >/dev/null && command -v docker >/dev/null || {
		absent 'docker run with 8 GPUs' 'no dockerd'
		return 0
	}
	sim h200x8
	warm_config
	mkdir -p "$dir/xdg/nvidia-container-runtime" "$dir/client" "$T/etc-nvbind"
	shim_config runc >"$T/etc-nvbind/config.toml"
	printf '[nvidia-container-cli]\nroot = "%s"\n[nvidia-container-runtime]\nruntimes = ["runc"]\nmode = "jit-cdi"\n' \
		"$sim" >"$dir/xdg/nvidia-container-runtime/config.toml"
	jq -n --arg nvbind "$NVB_BUILD/bin/nvbind-runtime" --arg nvidia "${NVB_BENCH_NVIDIA_RUNTIME:-}" \
		'{runtimes: ({nvbind: {path: $nvbind}} + if $nvidia == "" then {} else {nvidia: {path: $nvidia}} end)}' \
		>"$dir/daemon.json"
	# What the daemon starts has its environment and its mounts. Its own control groups, or they would stay.
	XDG_CONFIG_HOME=$dir/xdg PATH="${NVB_BENCH_NVIDIA_RUNTIME:+${NVB_BENCH_NVIDIA_RUNTIME%/*}:}$PATH" \
		unshare -m -p -f --kill-child --mount-proc --propagation private sh -c 'set -e
			mount -t tmpfs tmpfs /run
			mkdir -p /run/etc/upper/nvbind /run/etc/work
			mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
			mount --bind "$0/etc-nvbind" /etc/nvbind
			umount /sys/fs/cgroup/unified 2>/dev/null || true
			exec dockerd --config-file "$0/docker/daemon.json" --data-root "$0/docker/data" --exec-root "$0/docker/exec" \
				--pidfile "$0/docker/pid" -H "unix://$0/docker/sock" --iptables=false --ip6tables=false \
				--bridge=none --cgroup-parent "/nvb-bench-$1"' "$T" "$$" >"$dir/log" 2>&1 &
	daemon=$!
	export DOCKER_HOST=unix://$dir/sock DOCKER_CONFIG=$dir/client
	for ((i = 0; i < 300; i++)); do
		! docker version >/dev/null 2>&1 || break
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.1
	done
	"$top/scripts/make-base-root" "$dir/rootfs"
	if ! tar -C "$dir/rootfs" -c . | docker import - bench >/dev/null 2>&1; then
		absent 'docker run with 8 GPUs' "dockerd does not run here: $(tail -n 1 "$dir/log")"
	else
		local run=(docker run --rm --network none) gpus=(-e NVIDIA_VISIBLE_DEVICES=all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility)
		runtimes=(runc "${run[@]}" bench /bin/true -- nvbind "${run[@]}" --runtime nvbind "${gpus[@]}" bench /bin/true)
		[ -z "${NVB_BENCH_NVIDIA_RUNTIME:-}" ] ||
			runtimes+=(-- nvidia "${run[@]}" --runtime nvidia "${gpus[@]}" bench /bin/true)
		if interleave "${runtimes[@]}"; then
			[ -z "${median[nvidia]:-}" ] || peer="with nvidia-container-runtime ${median[nvidia]} ms"
			result 'docker run --rm, nvbind-runtime, 8 GPUs: the whole command' "${median[nvbind]}" ms - "$peer"
			result 'docker run --rm, the same: over runc without GPUs' "$(minus "${median[nvbind]}" "${median[runc]}")" ms - \
				"docker with runc ${median[runc]} ms"
		else
			absent 'docker run with 8 GPUs' "it failed: $(tail -n 1 "$T/said")"
		fi
	fi
	unset DOCKER_HOST DOCKER_CONFIG
	kill -KILL "$daemon" 2>/dev/null || true
	wait "$daemon" 2>/dev/null || true
	find /sys/fs/cgroup -depth -type d -path "*/nvb-bench-$$*" -exec rmdir {} + 2>/dev/null || true
}
if [ "$(id -u)" = 0 ]; then
	docker_row
else
	absent 'docker run with 8 GPUs' 'needs root'
fi
