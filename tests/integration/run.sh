#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `nvbind run`: the command it makes is the one it runs and the one a shell reads back; bolt, podman and docker get
# their devices in the way each can; and the argument list of the existing Bolt is taken word by word.

. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim bolt jq
# Caches of profiles.
[ -d /var/cache/nvbind ] || defer rm -rf /var/cache/nvbind

# Where podman is asked to write, on this host.
[ -d /run/nvbind/podman ] || defer rmdir --ignore-fail-on-non-empty /run/nvbind/podman
make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host
make_glibc_root "$T/rootfs"
mkdir -p "$T/cdi" "$T/fake"
printf '[cdi]\ndirectories = ["%s"]\n' "$T/cdi" >"$T/nvbind.toml"
nvbind cdi generate --output "$T/cdi/"

# --- engines that only say what they were given ----------------------------------------------------------------------

cat >"$T/fake/podman" <<'END2'
#!/bin/sh
printf '<%s>' "${0##*/}" "$@"
echo
exit 42
END2
cat >"$T/fake/docker" <<'END2'
#!/bin/sh
[ "$1" = info ] && { [ -z "$FAKE_STATUS" ] || { echo 'no daemon here' >&2; exit "$FAKE_STATUS"; }; cat "$FAKE_INFO"; exit; }
exec "$(dirname "$0")/podman" "$@"
END2
chmod +x "$T/fake/podman" "$T/fake/docker"
fake() { PATH="$T/fake:$PATH" nvbind run --config "$T/nvbind.toml" "$@" 2>/dev/null; }
refused() { # WHAT REGEX ARGUMENT...
	local what=$1 regex=$2
	shift 2
	PATH="$T/fake:$PATH" refuses "$what" 125 "$regex" nvbind run --config "$T/nvbind.toml" "$@"
}

is 'podman: a device by its CDI name' 'podman run --device nvidia.com/gpu=2 img cmd' \
	"$(fake --runtime podman --dry-run --gpu 2 img cmd)"
is 'all of them' 'podman run --device nvidia.com/gpu=all img' "$(fake --runtime podman --dry-run --gpu all img)"
is 'without --gpu: all' 'podman run --device nvidia.com/gpu=all img' "$(fake --runtime podman --dry-run img)"
is 'by UUID' 'podman run --device nvidia.com/gpu=3 img' "$(fake --runtime podman --dry-run \
	--gpu "$(nvbind info --json | jq -r '.gpus[3].uuid')" img)"
is 'none' 'podman run img' "$(fake --runtime podman --dry-run --gpu none img)"
is 'docker'\''s spelling' 'podman run --device nvidia.com/gpu=0 --device nvidia.com/gpu=5 img' \
	"$(fake --runtime podman --dry-run --gpus '"device=0,5"' img)"
is 'options of the container go on' \
	"podman run --device nvidia.com/gpu=0 --name one --rm --env A=1 --volume /a:/b --user 7 img -x" \
	"$(fake --runtime podman --dry-run --gpu 0 -e A=1 --rm -v /a:/b -u 7 --name one img -- -x)"

# What is shown is what is run, through a shell too.
words=(--env 'A=it'\''s' --env 'B=$HOME "x" `y`' --env 'C=a
b' --gpu 0 'my img' '' '*' ';' '--' '\')
line=$(PATH="$T/fake:$PATH" nvbind run --config "$T/nvbind.toml" --runtime podman --dry-run "${words[@]}")
pasted=$(PATH="$T/fake:$PATH" bash -c "$line") || true
ran=$(fake --runtime podman "${words[@]}") || true
is 'a command that is pasted is the same' "$pasted" "$(sed 's|<--pidfile><[^>]*>||' <<<"$ran")"
like 'every word arrived' "<A=it's>.*<my img><><\*><;><--><.>$" "$(tr '\n' ' ' <<<"$pasted" | sed 's/ $//')"
status=0
fake --runtime podman --gpu 0 img >/dev/null || status=$?
is 'the status is the engine'\''s' 42 "$status"
like 'the command is shown before it runs' '^\+ podman run --device nvidia.com/gpu=0 ' \
	"$(PATH="$T/fake:$PATH" nvbind run --config "$T/nvbind.toml" --runtime podman --gpu 0 img 2>&1 >/dev/null || true)"

refused 'an image that an engine would take for an option' "'--privileged' is not an image" \
	--runtime podman --dry-run --gpu 0 -- --privileged img
refused 'no image at all' "'' is not an image" --runtime podman --dry-run --gpu 0 ''
refused 'a root that bolt would take for an option' 'put ./ before it' --runtime bolt --dry-run --rootfs=--volume=/:/x img

# A profile, as docker and podman spell it; the user's own word counts before it.
line=$(fake --runtime podman --dry-run --gpu 0 --profile ai img)
like 'profile: variables' '--env CUDA_DEVICE_ORDER=PCI_BUS_ID' "$line"
like 'profile: shared memory' '--shm-size 1073741824' "$line"
like 'profile: limits' '--ulimit stack=67108864:67108864' "$line"
like 'profile: CPUs near the GPU' '--cpuset-cpus [0-9,-]+ ' "$line"
like 'profile: caches' '--volume /var/cache/nvbind/kernels:/var/cache/nvbind/kernels ' "$line"
like 'profile: what an engine has no word for is said' 'nice value; .bolt surge run. does it' \
	"$(PATH="$T/fake:$PATH" nvbind run --config "$T/nvbind.toml" --runtime podman --dry-run --gpu 0 --profile ultra-low-latency img 2>&1)"
line=$(fake --runtime podman --dry-run --gpu 0 --profile ai --shm-size 2g --ulimit stack=1:1 img)
unlike 'the user counts before it' '1073741824|67108864' "$line"

# docker: whichever the daemon can.
export FAKE_INFO=$T/info.json
jq -n --arg d "$T/cdi" '{ServerVersion: "28.2.2", CDISpecDirs: [$d], Runtimes: {runc: {}, nvbind: {path: "x"}}}' >"$FAKE_INFO"
is 'docker, exclusively: by the runtime, which holds the lease' \
	'docker run --runtime nvbind --env NVIDIA_VISIBLE_DEVICES=1 --env NVBIND_ISOLATION=exclusive img' \
	"$(fake --runtime docker --dry-run --gpu 1 --isolation exclusive img)"
is 'docker by CDI' 'docker run --device nvidia.com/gpu=1 img' "$(fake --runtime docker --dry-run --gpu 1 img)"
jq '.CDISpecDirs = []' "$FAKE_INFO" >"$T/x" && mv "$T/x" "$FAKE_INFO"
is 'docker by its runtime' 'docker run --runtime nvbind --env NVIDIA_VISIBLE_DEVICES=1,2 img' \
	"$(fake --runtime docker --dry-run --gpu 1 --gpu 2 img)"
is 'by its runtime what CDI names' 'docker run --runtime nvbind --env NVIDIA_VISIBLE_DEVICES=1,4 img' \
	"$(fake --runtime docker --dry-run --gpu 1 --device nvidia.com/gpu=4 --device nvidia.com/gpu=1 img)"
like 'and the profile'\''s capabilities' 'NVIDIA_DRIVER_CAPABILITIES=compute,graphics,utility,video ' \
	"$(fake --runtime docker --dry-run --gpu 1 --profile development img)"
jq '.CDISpecDirs = null | .Runtimes = {runc: {}} | .ServerVersion = "20.10.24"' "$FAKE_INFO" >"$T/x" && mv "$T/x" "$FAKE_INFO"
refused 'docker can neither' 'docker 20.10.24 reads no CDI specs and does not have.*runtime configure' --runtime docker --gpu 1 img
refused 'rootful docker' 'this is root' --runtime docker --rootless img
refused 'exclusive with docker' 'isolation exclusive: docker does not have the runtime nvbind.*runtime configure' \
	--runtime docker --gpu 1 --isolation exclusive img
echo '{"ServerErrors": ["Cannot connect to the Docker daemon"]}' >"$FAKE_INFO"
refused 'no daemon' 'does not answer: Cannot connect.*systemctl start docker' --runtime docker --gpu 1 img
echo '{"ServerVersion": ' >"$FAKE_INFO"
refused 'half an answer' 'docker info: ' --runtime docker --gpu 1 img
: >"$FAKE_INFO"
refused 'no answer' 'does not answer: docker info: ' --runtime docker --gpu 1 img
echo '{}' >"$FAKE_INFO"
refused 'an empty answer' 'does not answer: it says nothing of itself' --runtime docker --gpu 1 img
FAKE_STATUS=1 refused 'a client that fails' 'does not answer: docker failed: no daemon here.*systemctl start docker' --runtime docker --gpu 1 img

# --- what cannot be done ---------------------------------------------------------------------------------------------

refused 'no engine named' '--runtime is missing' img
refused 'an engine nobody knows' "did you mean 'podman'" --runtime podmann img
refused 'no image' 'IMAGE|argument' --runtime podman
refuses 'an engine that is not installed' 125 'podman is not installed' env PATH="$NVB_BUILD/bin" nvbind run --runtime podman img
refused 'a profile nobody knows' "no profile 'gamming' \(did you mean 'gaming'" --runtime podman --profile gamming img
refused 'a GPU that is not there' 'no such GPU: 9' --runtime podman --gpu 9 img
refused 'a CDI device that is not there' "has the device 'foo.com/a=b'" --runtime podman --device foo.com/a=b img
refused '--rootfs with others than bolt' 'only bolt' --runtime podman --rootfs "$T/rootfs" img
refused 'an isolation there is not' "no such value 'virtuel'" --runtime bolt --isolation virtuel img
refused 'a part of a GPU with others than bolt' 'use --runtime bolt' --runtime podman --isolation virtual img
refused 'a limit on a GPU with others than bolt' 'use --runtime bolt' --runtime podman --gpu-memory-limit 8GB img
refused 'a limit without its unit' "'8' lacks its unit" --runtime bolt --gpu-memory-limit 8 img
mkdir "$T/none"
printf '[cdi]\ndirectories = ["%s"]\n' "$T/none" >"$T/none.toml"
PATH="$T/fake:$PATH" refuses 'no spec' 125 'no CDI spec names GPU 0.*nvbind cdi generate --output /etc/cdi/' \
	nvbind run --config "$T/none.toml" --runtime podman --gpu 0 img
sed -i 's|nvidia2$|nvidia3|' "$T/cdi/nvidia.com-gpu.yaml"
refused 'a spec whose numbers moved' 'gpu=2.* does not fit this host any more: /dev/nvidia2 is missing.*generate' --runtime podman --gpu 2 img
is 'while another of its devices still fits' 'podman run --device nvidia.com/gpu=1 img' "$(fake --runtime podman --dry-run --gpu 1 img)"
sed -i 's|libcuda.so.570.133.20|libcuda.so.1.2.3|' "$T/cdi/nvidia.com-gpu.yaml"
refused 'a spec of another driver' 'does not fit this host any more: driver 1.2.3 in the spec' --runtime podman --gpu 1 img

# --- the argument list of the existing Bolt --------------------------------------------------------------------------

check 'nvbind --version' nvbind --version
check 'nvbind info --driver-check' nvbind info --driver-check
is 'GPU once per device' 8 "$(nvbind info | grep -o GPU | wc -l)"
check 'nvbind info --json' nvbind info --json
is 'nvbind info --gpus --format=json' '["compute_capability","driver_version","id","memory_mb","name","uuid"]' \
	"$(nvbind info --gpus --format=json | jq -c '[.[] | keys] | unique[]')"

id=nvb-test-$$-$RANDOM
contract() { nvbind run --name "$id" --runtime bolt "$@" 2>"$T/err"; }
for profile in balanced ultra gaming development ai; do
	out=$(contract --profile "$profile" --driver auto --gpu 1 --gpu 4 --rootfs "$T/rootfs" --env K=V --env L="a b" \
		--gaming --isolation exclusive some/image -- sh -c 'echo $K,$L; ls /dev/nvidia[0-9]*') || fail "--profile $profile" "$(cat "$T/err")"
	is "--profile $profile" "K: V,a b /dev/nvidia1 /dev/nvidia4" "K: $(echo $out)"
done
is '--driver nvidia-open' ok "$(contract --profile balanced --driver nvidia-open --gpu 0 --rootfs "$T/rootfs" img -- echo ok)"
for driver in nvidia-proprietary nouveau; do
	refuses "--driver $driver" 125 "--driver $driver: this host has nvidia-open" \
		nvbind run --runtime bolt --driver "$driver" --gpu 0 --rootfs "$T/rootfs" img -- true
done
refuses '--rootless as root' 125 'this is root' nvbind run --runtime bolt --rootless --gpu 0 --rootfs "$T/rootfs" img -- true
status=0
contract --gpu 0 --rootfs "$T/rootfs" img -- sh -c 'exit 9' || status=$?
is 'the status is the program'\''s' 9 "$status"
out=$(contract --profile ultra --gaming --gpu 0 --rootfs "$T/rootfs" img -- env)
like '--gaming' '^DXVK_ENABLE_NVAPI=1$' "$out"
like '--profile ultra' '^__GL_MaxFramesAllowed=1$' "$out"
is 'profile ai: /dev/shm' 1048576 "$(contract --profile ai --gpu 0 --rootfs "$T/rootfs" img -- df -k /dev/shm | awk 'END {print $2}')"
is 'profile ai: stack' 65536 "$(contract --profile ai --gpu 0 --rootfs "$T/rootfs" img -- sh -c 'ulimit -s')"

# It stays in the foreground, and its process stands for the container: a signal to it reaches the program.
mkfifo "$T/ready"
nvbind run --name "$id" --runtime bolt --gpu 6 --isolation exclusive --rootfs "$T/rootfs" -v "$T/ready:/ready" img -- \
	sh -c 'trap "exit 33" TERM; echo >/ready; while :; do sleep 0.1; done' 2>/dev/null &
pid=$!
read -r _ <"$T/ready"
status=0
nvbind run --runtime bolt --gpu 6 --rootfs "$T/rootfs" img -- true 2>"$T/err" || status=$?
is 'an exclusive GPU is nobody else'\''s' 125 "$status"
like 'and it is said whose' 'GPU 6 .* is held exclusively by bolt' "$(cat "$T/err")"
nvbind cdi generate --output "$T/cdi/"
PATH="$T/fake:$PATH" refuses 'of another engine either' 125 'is held exclusively by bolt' \
	nvbind run --config "$T/nvbind.toml" --runtime podman --gpu 6 img
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
is 'a signal to it is one to the container' 33 "$status"
is 'its name is free again' ok "$(contract --gpu 6 --isolation exclusive --rootfs "$T/rootfs" img -- echo ok)"

# --- profiles --------------------------------------------------------------------------------------------------------

like 'nvbind plan --profile names its edits' '"rule": "profile:ultra"' "$(nvbind plan --gpu 0 --profile ultra --format json)"
is 'cdi generate --profile: a class of its own' 'kind: nvidia.com/gpu-bolt' \
	"$(nvbind cdi generate --profile bolt-gaming 2>/dev/null | grep kind)"
mkdir "$T/spec"
nvbind cdi generate --profile bolt-gaming --output "$T/spec/" 2>/dev/null
printf '[cdi]\ndirectories = ["%s"]\n' "$T/spec" >"$T/spec.toml"
check 'under its name' test -f "$T/spec/nvidia.com-gpu-bolt.yaml"
is 'bolt surge run --cdi-device' 'PROTON_ENABLE_NVAPI=1 8' "$(echo $(bolt surge run --config "$T/spec.toml" --rm \
	--cdi-device nvidia.com/gpu-bolt=all "$T/rootfs" sh -c 'env | grep ENABLE_NVAPI; ls /dev/nvidia[0-9]* | wc -l' | grep -v DXVK))"
mkdir -p "$T/config/nvbind/profiles.d"
printf 'extends = "ai"\n[env]\nMINE = "1"\n' >"$T/config/nvbind/profiles.d/mine.toml"
export XDG_CONFIG_HOME=$T/config
like 'a profile of the user'\''s own' 'MINE=1' "$(nvbind plan --gpu 0 --profile mine)"
like 'with what it extends' 'profile:mine, memory that may be pinned' "$(nvbind plan --gpu 0 --profile mine)"
printf '[cdi]\n[limits]\ndlss = 1\n' >"$T/config/nvbind/profiles.d/mine.toml"
refuses 'a key that does nothing' 1 "mine.toml:3:1: " nvbind plan --gpu 0 --profile mine
for option in '--isolation exclusive' '--capabilities compute' '--mig-match up' '--gpu-memory-limit 8GB' \
	'--gpu-compute-limit 50%'; do
	# shellcheck disable=SC2086
	refuses "$option without a GPU" 125 "$option: no GPU was asked for" bolt surge run $option "$T/rootfs" true
done
refuses 'a profile without a GPU' 125 'no GPU was asked for' bolt surge run --profile ai "$T/rootfs" true
