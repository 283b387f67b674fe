#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two who want one GPU for themselves: one of them gets it, each time, and the other is told who did. What ends frees
# it at once, killed or not.
. "$(dirname "$0")/lib.sh"
need_root
need bolt nvbind jq
race=$NVB_BUILD/tests/integration/lease-race

chmod 755 "$T"
for kind in 'root 1000' 'user 40' 'both 40'; do
	read -r who rounds <<<"$kind"
	mkdir "$T/$who"
	is "processes, $who" "$rounds rounds, one winner each" "$(timeout 300 "$race" "$T/$who" "$rounds" "$who" 2>&1)"
done

make_sim h200x8 "$T/host"
export NVBIND_ROOT=$T/host
make_glibc_root "$T/base"

# Capsules: each that runs says so and waits until the round is over.
racer() { # NAME
	bolt surge run --rm --name "$1" -v "$T:/t" --gpu 3 --isolation exclusive "$T/base" \
		sh -c "echo $1 >>/t/won; cat /t/over-$1 >/dev/null" >/dev/null 2>"$T/$1.log"
}
rounds=12 told=0 winners=0
for ((i = 0; i < rounds; i++)); do
	rm -f "$T/won" "$T"/over-*
	mkfifo "$T/over-a$i" "$T/over-b$i"
	racer "a$i" &
	a=$!
	racer "b$i" &
	b=$!
	# The one that is refused ends by itself.
	loser=
	while [ -z "$loser" ]; do
		if ! kill -0 "$a" 2>/dev/null; then loser=a; elif ! kill -0 "$b" 2>/dev/null; then loser=b; else sleep 0.01; fi
	done
	winner=$([ "$loser" = a ] && echo b || echo a)
	for ((j = 0; j < 500; j++)); do [ ! -s "$T/won" ] || break; sleep 0.01; done
	[ "$(cat "$T/won" 2>/dev/null)" != "$winner$i" ] || winners=$((winners + 1))
	holder=$(nvbind info --leases --json | jq -r '.[0].container[0:12]')
	! grep -Eq "^bolt: GPU 3 .* is held exclusively by bolt container $holder \(process [0-9]+\)" "$T/$loser$i.log" ||
		told=$((told + 1))
	: >"$T/over-$winner$i"
	wait "$a" "$b" 2>/dev/null || true
done
is 'capsules: one winner each time' "$rounds" "$winners"
is 'and the loser is told who it is' "$rounds" "$told"
is 'nobody holds it then' 'Nobody holds a GPU' "$(nvbind info --leases)"

# A killed container frees it at once, whatever its bolt still does.
mkfifo "$T/up"
holder() { nvbind info --leases --json | jq -r '.[0].process'; }
for i in 1 2 3 4 5; do
	bolt surge run --rm -v "$T:/t" --gpu 3 --isolation exclusive "$T/base" \
		sh -c 'echo up >/t/up; exec sleep 1000' >/dev/null 2>&1 &
	read -r _ <"$T/up"
	bolt=$!
	# The lease is the container's a moment after that runs.
	for ((j = 0; j < 500; j++)); do [ "$(holder)" = "$bolt" ] || break; sleep 0.01; done
	kill -STOP "$bolt"
	victim=$(holder)
	kill -KILL "$victim"
	# Dead, not only told to die.
	for ((j = 0; j < 500; j++)); do grep -q '^State:.[A-Y]' "/proc/$victim/status" 2>/dev/null || break; sleep 0.01; done
	check "a killed one frees it at once ($i)" bolt surge run --rm --gpu 3 --isolation exclusive "$T/base" true
	kill -CONT "$bolt"
	wait "$bolt" 2>/dev/null || true
done
