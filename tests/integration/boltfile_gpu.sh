#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GPUs by Boltfile: the examples as they stand, who gets which GPU, and what is refused with which reason.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq crun nvbind-sim

export ROOT=$T/root
make_busybox_root "$ROOT"
make_sim h200x8 "$T/h200"
make_sim rtx4090x1 "$T/rtx"
make_sim wsl2 "$T/wsl2"
cd "$T"

# example NAME FILE: one of the examples, whose image is ours.
example() { sed -E "s#^capsule = .*#capsule = \"$ROOT\"\\ncommand = [\"sleep\", \"100\"]#" "$NVB_SOURCE/tests/boltfile/$1.toml" >"$2"; }
nodes() { bolt capsule exec "$1" ls /dev | grep -E '^nvidia[0-9]' | paste -sd' '; }

examples() {
	local said
	export NVBIND_ROOT=$T/h200
	example gaming gaming.toml
	said=$(timeout 60 bolt surge up -d -p play -f gaming.toml 2>&1) || said="failed $said"
	like 'the gaming capsule comes up' 'play-gaming +created and started' "$said"
	like 'what its limits cost is said' 'no snapshot: its limits are kept by MPS' "$said"
	is 'with its GPU' nvidia0 "$(nodes play-gaming)"
	is 'as it was asked for' '["gpu:0"] exclusive 8GB 80% true' "$(bolt capsule inspect play-gaming |
		jq -r '.. | objects | select(has("gpu_settings")) | "\(.gpus | tojson) \(.isolation) \(.gpu_memory_limit) \(.gpu_compute_limit) \(.snapshot_gpu_state)"' | head -1)"
	printf '[services.b]\nimage = "%s"\ncommand = ["sleep", "9"]\n[services.b.gpu]\ndevices = ["gpu:0"]\n' "$ROOT" >other.toml
	like 'a GPU that another holds' 'bolt: other-b: GPU 0 \(GPU-.*\) is held exclusively by bolt .*nvbind info --leases' \
		"$(timeout 60 bolt surge up -d -p other -f other.toml 2>&1)"
	bolt surge down -t 0 -p other -f other.toml 2>/dev/null
	bolt surge down -t 0 -p play -f gaming.toml 2>/dev/null

	example training training.toml
	said=$(timeout 60 bolt surge up -d -p train -f training.toml 2>&1) || said="failed $said"
	like 'the training capsule comes up' 'train-pytorch +created and started' "$said"
	like 'MIG that is switched off is said' 'mig_enabled: MIG is switched off on GPU 0, 1' "$said"
	is 'with all GPUs' 8 "$(nodes train-pytorch | wc -w)"
	bolt surge down -t 0 -p train -f training.toml 2>/dev/null

	example competitive competitive.toml
	said=$(timeout 60 bolt surge up -d -p win -f competitive.toml 2>&1) && said="0 $said"
	like 'another driver is refused' "bolt: win-esports: driver 'nvidia-proprietary': this host has nvidia-open" "$said"
	like 'and ps says that it was not started' 'win-esports .* failed to start \(125\)' "$(bolt surge ps -p win -f competitive.toml)"
	bolt surge down -t 0 -p win -f competitive.toml 2>/dev/null
	like 'keys for WSL2 say so' 'runtime.nvbind.wsl2.enabled has no effect: this host is not WSL2' "$said"
	is '--strict refuses them' 1 "$(status timeout 60 bolt surge up -d --strict -p win -f competitive.toml)"
	sed -i s/nvidia-proprietary/auto/ competitive.toml
	said=$(timeout 60 bolt surge up -d -p win -f competitive.toml 2>&1) || said="failed $said"
	like 'and without it comes up' 'win-esports +created and started' "$said"
	bolt surge down -t 0 -p win -f competitive.toml 2>/dev/null

	# The host it was written for.
	export NVBIND_ROOT=$T/wsl2
	example competitive competitive.toml
	said=$(timeout 60 bolt surge up -d -p win -f competitive.toml 2>&1) || said="failed $said"
	like 'on WSL2 it comes up as it stands' 'win-esports +created and started' "$said"
	unlike 'its keys for WSL2 have their effect' 'wsl2' "$said"
	like 'what Windows keeps to itself is said' 'power_profile reaches the CPUs alone: Windows owns' "$said"
	is 'Mesa does not wait for the display' 'vblank_mode=0' "$(bolt capsule exec win-esports env | grep vblank)"
	bolt surge down -t 0 -p win -f competitive.toml 2>/dev/null
	is 'nothing is left' '' "$(leftovers)"
}

refusals() {
	export NVBIND_ROOT=$T/rtx
	example training training.toml
	like 'MIG on a card without it' 'bolt: train-pytorch: mig_enabled: GPU 0 \(NVIDIA GeForce RTX 4090\) has no MIG \(leave mig_enabled out' \
		"$(timeout 60 bolt surge up -d -p train -f training.toml 2>&1)"
	bolt surge down -t 0 -p train -f training.toml 2>/dev/null
	printf '[services.a]\nimage = "%s"\n[services.a.gpu]\ndevices = ["gpu:3"]\n' "$ROOT" >no.toml
	like 'a GPU that is not there' "bolt: no-a: .*'?3'?" "$(timeout 60 bolt surge up -d -p no -f no.toml 2>&1)"
	bolt surge down -t 0 -p no -f no.toml 2>/dev/null
	printf '[services.a]\nimage = "%s"\n[services.a.gpu.gaming]\nprofile = "competitiv"\n' "$ROOT" >no.toml
	like 'a profile that is not there' "bolt: no.toml:4:11: service 'a': there is no profile 'competitiv' \(did you mean 'competitive'" \
		"$(timeout 60 bolt surge up -d -p no -f no.toml 2>&1)"
	bolt surge down -t 0 -p no -f no.toml 2>/dev/null
}

settings() {
	export NVBIND_ROOT=$T/rtx
	{
		printf '[services.a]\nimage = "%s"\ncommand = ["sleep", "100"]\n' "$ROOT"
		printf '[services.a.gpu.gaming]\nprofile = "balanced"\ndlss_enabled = false\nrt_cores_enabled = false\n'
		printf '[services.a.gpu.aiml]\ntensor_cores_enabled = false\ncuda_cache_size = 64\n[services.a.gaming]\nvsync = false\n'
		printf '[services.b]\nimage = "%s"\ncommand = ["sleep", "100"]\n[services.b.gpu.gaming]\nprofile = "balanced"\ndlss_enabled = true\n' "$ROOT"
	} >set.toml
	timeout 60 bolt surge up -d -p set -f set.toml 2>/dev/null
	local a b
	a=$(bolt capsule exec set-a sh -c 'env; find / -xdev -name "libnvidia-ngx*" 2>/dev/null')
	b=$(bolt capsule exec set-b sh -c 'env; find / -xdev -name "libnvidia-ngx*" 2>/dev/null')
	like 'no ray tracing' '^VKD3D_CONFIG=.*nodxr' "$a"
	like 'no tensor cores for 32-bit floats' '^NVIDIA_TF32_OVERRIDE=0$' "$a"
	like 'the cache of kernels' '^CUDA_CACHE_MAXSIZE=67108864$' "$a"
	like 'no waiting for the screen' '^__GL_SYNC_TO_VBLANK=0$' "$a"
	unlike 'no DLSS' 'libnvidia-ngx' "$a"
	like 'DLSS' 'libnvidia-ngx' "$b"
	unlike 'and nothing else of that' 'nodxr|TF32_OVERRIDE' "$b"
	bolt surge down -t 0 -p set -f set.toml 2>/dev/null
}

for part in examples refusals settings; do
	own_state "$part"
done
