#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A part of a GPU for somebody: what is free is found, what is not there is made, and of what was made before only what
# nobody uses makes room.
. "$(dirname "$0")/lib.sh"
need_root
need nvbind nvbind-sim
make_sim h200x8 "$T/host" --gpus 3
export NVBIND_ROOT=$T/host
PATH=$NVB_BUILD/tests/integration:$PATH
need mig-choose

refuses 'no GPU is divided' 3 'no GPU that was asked for is divided by MIG' mig-choose 10000 0 up create

nvbind mig apply --no-refresh - >/dev/null 2>&1 <<'END'
version: v1
mig-configs:
  some:
  - {devices: [0], mig-enabled: true, mig-devices: {3g.71gb: 1}}
  - {devices: [1], mig-enabled: true, mig-devices: {}}
END

grant() { mig-choose "$@" 2>&1 | cut -d' ' -f1,2,5; }
is 'nothing so small is free: the smallest is made, not the large one given away' '0 1g.18gb new' "$(grant 10000 0 up create 0)"
is 'nobody holds it: the next gets it' '0 1g.18gb old' "$(grant 10000 0 up create 0)"
is 'without leave to make one, the smallest that is there' '0 3g.71gb old' "$(grant 50000 0 up no 0)"
is 'strict: by the name of the profile' '0 1g.35gb new' "$(grant 35000 0 strict create 0)"
refuses 'strict: no such size' 3 'no MIG profile here has 36.0 GB exactly \(GPU 0: 1g.18gb' mig-choose 36000 0 strict create 0
is 'down: the largest below' '1 7g.141gb new' "$(grant 500000 0 down create 1)"
refuses 'up: more than a card has' 3 'no MIG profile here has 500.0 GB' mig-choose 500000 0 up create 1
is 'what we made and nobody uses makes room' '1 2g.35gb new' "$(grant 0 25 up create 1)"
is '... all of it, when that is needed' '1 4g.71gb new' "$(grant 0 50 up create 1)"

mig-choose 10000 0 up create 1 hold 60 >"$T/held" &
holder=$!
stop() { kill "$1" 2>/dev/null || true; }
defer stop "$holder"
for _ in $(seq 200); do [ -s "$T/held" ] && break; sleep 0.05; done
is 'one is held' '1 1g.18gb new' "$(cut -d' ' -f1,2,5 "$T/held")"
like 'list says by whom' 'mig-choose container test' "$(nvbind mig list --gpu 1)"
like 'who comes next gets another one' '^1 1g.18gb new' "$(grant 10000 0 up create 1)"
refuses 'what is held makes no room' 5 'room is left for' mig-choose 0 100 up create 1
refuses 'and is not destroyed' 1 'is used by mig-choose container test' \
	nvbind mig destroy "$(cut -d' ' -f6 "$T/held")"
read -r _ _ gi ci _ <"$T/held"
pci=$(nvbind mig list --gpu 1 --format json | grep -o '0000:[0-9a-f:.]*' | head -1)
refuses 'nor given back' 5 'is used by' mig-choose back "$pci" "$gi" "$ci"
stop "$holder"
wait "$holder" || true
check 'once its holder is gone it is' mig-choose back "$pci" "$gi" "$ci"
check 'twice does no harm' mig-choose back "$pci" "$gi" "$ci"

# Many at once: each gets a device of its own.
for i in $(seq 6); do
	mig-choose 10000 0 up create 1 hold 30 >"$T/many.$i" 2>&1 &
	defer stop $!
done
for i in $(seq 6); do
	for _ in $(seq 400); do [ -s "$T/many.$i" ] && break; sleep 0.05; done
done
is 'six at once, six devices' 6 "$(cat "$T"/many.* | grep -c ' 1g.18gb ')"
is '... all different' 6 "$(cut -d' ' -f6 "$T"/many.* | sort -u | wc -l)"

# What an administrator made stays.
is "an administrator's is used" '0 3g.71gb old' "$(grant 0 40 up no 0)"
is '... and never removed' 1 "$(nvbind mig list --gpu 0 --format json | grep -o '"profile": "3g.71gb"' | wc -l)"
mig-choose 140000 0 up create 0 >/dev/null 2>&1 && status=0 || status=$?
is '... though it is in the way' 5 "$status"
