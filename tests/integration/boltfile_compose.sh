#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt compose import: a Compose file becomes a Boltfile that comes up, with the GPUs that were reserved.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/surge.sh"
need_root
need bolt busybox jq crun nvbind-sim

export ROOT=$T/root
make_busybox_root "$ROOT"
make_sim h200x8 "$T/sim"
cd "$T"

refuses 'no Compose file' 1 'compose.yaml: No such file or directory .name the Compose file' bolt compose import
printf 'services: []\n' >compose.yaml
refuses 'no services' 1 'compose.yaml: there are no services in it' bolt compose import

cat >compose.yaml <<END
name: shop
x-common: &common
  network_mode: none
services:
  web:
    <<: *common
    image: $ROOT
    command: sh -c 'echo "\$\$0 \$GREETING"; exec sleep 100'
    environment: {NAME: value}
    depends_on: {train: {condition: service_started}}
    healthcheck: {test: ["CMD", "true"], interval: 1m30s}
    secrets: [key]
  train:
    <<: *common
    image: $ROOT
    command: [sleep, "100"]
    deploy:
      resources:
        reservations:
          devices:
            - {driver: nvidia, device_ids: ["2", "5"], capabilities: [gpu]}
secrets: {key: {file: ./key}}
END
said=$(GREETING=hello bolt compose import -o Boltfile.toml 2>&1)
like 'what is lost is said' '^bolt: warning: compose.yaml:12: services.web.secrets: bolt keeps no secrets' "$said"
like 'and stands in the file' '^# secrets: bolt keeps no secrets' "$(cat Boltfile.toml)"
is 'GPUs that were reserved' '["2","5"]' "$(GREETING=x bolt surge config --format json | jq -c '.services.train.gpu.devices | map(ltrimstr("gpu:"))')"
is 'to standard output the same' "$(cat Boltfile.toml)" "$(GREETING=hello bolt compose import compose.yaml 2>/dev/null)"

comes_up() {
	export NVBIND_ROOT=$T/sim GREETING=hello
	check 'it comes up' timeout 60 bolt surge up -d
	is 'with these GPUs' 'nvidia2 nvidia5' "$(bolt capsule exec shop-train ls /dev | grep -E '^nvidia[0-9]' | paste -sd' ')"
	sleep 0.3
	is 'variables are those of the caller' 'sh hello' "$(bolt surge logs --no-log-prefix web)"
	check 'and down' timeout 60 bolt surge down -t 0
	is 'nothing is left' '' "$(leftovers)"
}
own_state comes_up
