#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Health checks of capsules: the image's and the user's, their time-out, what they leave.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
. "$(dirname "$0")/capsule_lib.sh"
need_root
need bolt busybox jq runc

export ROOT=$T/root
make_busybox_root "$ROOT"

health() { bolt capsule inspect "$1" | jq -r '.[0].health.Status // "none"'; }
is_health() { [ "$(health "$1")" = "$2" ]; }

turns() {
	started box --health-cmd 'echo looking; test -e /tmp/ok' --health-interval 200ms --health-retries 2 -- sleep 1000
	is "$WORLD: it starts" starting "$(health box)"
	check "$WORLD: two failures make it unhealthy" until_true is_health box unhealthy
	bolt capsule exec box touch /tmp/ok
	check "$WORLD: one success healthy" until_true is_health box healthy
	like "$WORLD: ps says it" '\(healthy\)' "$(bolt capsule ps)"
	is "$WORLD: what the check printed is kept" looking "$(bolt capsule inspect box | jq -r '.[0].health.Log[-1].Output' | head -1)"
	is "$WORLD: its status, too" 0 "$(bolt capsule inspect box | jq '.[0].health.Log[-1].ExitCode')"
	check "$WORLD: five results at most" jq -e '.[0].health.Log | length <= 5' <(bolt capsule inspect box)
	bolt capsule exec box rm /tmp/ok
	check "$WORLD: and unhealthy again" until_true is_health box unhealthy
	bolt capsule stop -t 0 box >/dev/null
	gone box
}

hangs() {
	started box --health-cmd 'sleep 777 & wait' --health-interval 100ms --health-timeout 300ms --health-retries 1 -- sleep 1000
	check "$WORLD: a check that hangs is a failure" until_true is_health box unhealthy
	like "$WORLD: and says why" 'took longer than 0.3s and was killed' "$(bolt capsule inspect box | jq -r '.[0].health.Log[0].Output')"
	until_true sh -c 'bolt capsule inspect box | jq -e ".[0].health.FailingStreak >= 6"'
	check "$WORLD: its programs do not pile up" jq -e '[.[] | select(.command | test("sleep 777$"))] | length <= 2' <(bolt capsule top --format json box)
	bolt capsule stop -t 0 box >/dev/null
	gone box
	started box --health-cmd true --health-interval 100ms --health-start-period 1h -- sleep 1000
	check "$WORLD: healthy within the start period" until_true is_health box healthy
	bolt capsule stop -t 0 box >/dev/null
	gone box
	started box --health-cmd false --health-interval 100ms --health-start-interval 100ms --health-start-period 1h -- sleep 1000
	check "$WORLD: failures within it" until_true sh -c 'bolt capsule inspect box | jq -e ".[0].health.Log | length >= 4"'
	is "$WORLD: do not count" 'starting 0' "$(bolt capsule inspect box | jq -r '.[0].health | "\(.Status) \(.FailingStreak)"')"
	bolt capsule stop -t 0 box >/dev/null
	gone box
}

image() {
	tar -C "$ROOT" -c . | bolt image import - checked -c 'HEALTHCHECK --interval=100ms --retries=1 CMD ["/bin/test", "-e", "/tmp/ok"]' >/dev/null
	bolt capsule create box --image checked ${RUNTIME:+--runtime "$RUNTIME"} -- sleep 1000 >/dev/null
	bolt capsule start box >/dev/null
	check "$WORLD: the image's check" until_true is_health box unhealthy
	bolt capsule exec box touch /tmp/ok
	check "$WORLD: as it was written" until_true is_health box healthy
	bolt capsule stop -t 0 box >/dev/null
	gone box
	bolt capsule create box --image checked ${RUNTIME:+--runtime "$RUNTIME"} --no-healthcheck -- sleep 1000 >/dev/null
	bolt capsule start box >/dev/null
	is "$WORLD: --no-healthcheck" none "$(health box)"
	bolt capsule stop -t 0 box >/dev/null
	gone box
	refuses "$WORLD: one that is none" 1 "HEALTHCHECK.*not understood" bolt image import "$T/empty.tar" bad -c 'HEALTHCHECK --every=5 CMD x'
	bolt image rm checked >/dev/null
}

missing() {
	started box --health-cmd true --health-interval 100ms --health-retries 1 -- sleep 1000
	until_true is_health box healthy
	bolt capsule exec box rm /bin/sh
	check "$WORLD: a check whose shell is gone fails" until_true is_health box unhealthy
	like "$WORLD: with the reason" "'/bin/sh' is not in the container|[Nn]o such file" "$(bolt capsule inspect box | jq -r '.[0].health.Log[-1].Output')"
	is "$WORLD: no directory of a check is left" '' "$(find "$BOLT_RUN/capsules" -name 'exec.*' -mmin +1)"
	bolt capsule stop -t 0 box >/dev/null
	gone box
}

all() {
	turns
	hangs
	# Its files are this one's to read.
	is_rootless || image
	missing
	is "$WORLD: nothing is left" '' "$(leftovers)"
}

tar -c -T /dev/null -f "$T/empty.tar"
each_world all
USER_RUNTIMES=crun each_user_world all
