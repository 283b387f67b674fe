# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tests of snapshots of capsules share; sourced after surge.sh and capsule.sh.

# need_criu: a CRIU that works on this kernel, found by bolt as any other program is.
need_criu() {
	local criu=${NVB_TEST_CRIU:-$(command -v criu || true)}
	[ -x "$criu" ] || skip 'needs criu'
	"$criu" check >/dev/null 2>&1 || skip "$criu does not work on this kernel"
	mkdir -p "$T/programs"
	ln -sf "$criu" "$T/programs/criu"
	export PATH=$T/programs:$PATH
}

# make_counter_root DIR: a root with the program that has something to lose on the GPU.
make_counter_root() {
	make_glibc_root "$1"
	cp "$NVB_BUILD/tests/integration/gpu-counter" "$1/bin/"
}

smi() { LD_LIBRARY_PATH=$NVBIND_ROOT/usr/lib/x86_64-linux-gnu "$NVBIND_ROOT/usr/bin/nvidia-smi" "$@"; }
used() { smi -i "$1" --query-gpu=memory.used --format=csv,noheader,nounits; }
uuid_of() { smi -i "$1" -L | grep -o 'GPU-[0-9a-f-]*'; }

# counter NAME GPU MIB [OPTION...]: a capsule that counts on one GPU, started.
counter() {
	bolt capsule create "$1" --image "$ROOT" --runtime "$RUNTIME" --gpu "$2" "${@:4}" -- gpu-counter /count 0 "$3" >/dev/null
	remember "$1"
	bolt capsule start "$1" >/dev/null
	eventually counts "$1"
}

# What the program in a capsule wrote last: field NAME N. 1 the count, 2 the GPU, 3 changes, 4 looks at all of it.
field() { cut -d' ' -f"$2" "/proc/$(init_of "$1")/root/count"; }
count_of() { field "$1" 1 | sed 's/^0*//'; }
counts() { [ -n "$(count_of "$1" 2>/dev/null)" ]; }
beyond() { [ "$(count_of "$1")" -gt "$2" ]; }
# goes_on NAME: it counts.
goes_on() {
	local before
	before=$(count_of "$1") && [ -n "$before" ] && eventually beyond "$1" "$before"
}
looked() { [ "$(field "$1" 4)" != "$2" ]; }
# whole NAME: all of its GPU memory is what it was.
whole() {
	local before
	before=$(field "$1" 4)
	kill -USR2 "$(init_of "$1")"
	eventually looked "$1" "$before"
}
# changed NAME: 5% of its buffer.
changed() {
	local before
	before=$(field "$1" 3)
	kill -USR1 "$(init_of "$1")"
	eventually test "$before" != "$(field "$1" 3)"
}

# processes_of ID: those that are in control groups of a capsule.
processes_of() { find /sys/fs/cgroup -path "*/bolt/$1*" -name cgroup.procs -exec cat {} + 2>/dev/null; }
id_of() { bolt capsule inspect "$1" | jq -r '.[0].id'; }

# leaked: what nothing may be left of once no capsule is there; the snapshots themselves may. remember NAME before.
leaked() {
	local id
	leftovers
	sort -u "$T/ids" 2>/dev/null | while read -r id; do
		cgroups_of "$id"
		processes_of "$id"
	done
	find "$BOLT_DATA/snapshots" \( -name '.new-*' -o -name '.gone-*' \) 2>/dev/null
}
remember() { id_of "$1" >>"$T/ids"; }
end_capsules() { timeout 60 bolt capsule rm -f $(bolt capsule ps -aq) >/dev/null 2>&1 || true; }
