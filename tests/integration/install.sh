#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `meson install` gives a library that a stranger's program can be built with: pkg-config finds it, it links, it runs.
. "$(dirname "$0")/lib.sh"
need meson pkg-config cc
! is_sanitized || skip "a library built with a sanitizer does not link into a plain program"

check 'meson install' meson install -C "$NVB_BUILD" --no-rebuild --quiet --destdir "$T/dest"
pc=$(find "$T/dest" -name nvbind.pc)
is 'one pkg-config file' 1 "$(find "$T/dest" -name nvbind.pc | wc -l)"
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$T/dest
library=$(find "$T/dest" -name libnvbind.so.0)
check 'the library under its SONAME' test -n "$library"
for header in bolt cdi context error inventory latency log oci plan request; do
	check "$header.h" test -n "$(find "$T/dest" -path "*/include/nvbind/$header.h")"
done
check 'nvbind' test -n "$(find "$T/dest" -path '*/bin/nvbind')"

# A machine in miniature, in files that anybody can make.
mkdir -p "$T/host"/{dev,sys} "$T/host/proc/driver/nvidia/gpus/0000:01:00.0"
echo 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  Release Build' \
	>"$T/host/proc/driver/nvidia/version"
printf 'Model: \t\t NVIDIA Test\nGPU UUID: \t GPU-00112233-4455-6677-8899-aabbccddeeff\nDevice Minor: \t 3\n' \
	>"$T/host/proc/driver/nvidia/gpus/0000:01:00.0/information"

cat >"$T/client.c" <<'END'
#include <nvbind/inventory.h>
#include <nvbind/plan.h>
#include <nvbind/request.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct nvb_inventory_options options = {.size = sizeof(options), .root = argc > 1 ? argv[1] : NULL};
	struct nvb_gpu_info gpu = {.size = sizeof(gpu)};
	nvb_inventory *inventory = NULL;
	nvb_error *error = NULL;

	if (nvb_inventory_load(&options, &inventory, &error) < 0 || nvb_inventory_gpu(inventory, 0, &gpu, &error) < 0) {
		fprintf(stderr, "%s\n", nvb_error_message(error));
		nvb_error_free(error);
		nvb_inventory_free(inventory);
		return 1;
	}
	printf("%zu %u %s %s\n", nvb_inventory_gpu_count(inventory), gpu.minor, gpu.name,
		nvb_inventory_module_version(inventory));
	nvb_inventory_free(inventory);
	return 0;
}
END
# shellcheck disable=SC2046 # several words
check 'a program links' cc -Wall -Werror -o "$T/client" "$T/client.c" $(pkg-config --cflags --libs nvbind)
export LD_LIBRARY_PATH=${library%/*}
is 'and runs' '1 3 NVIDIA Test 570.133.20' "$("$T/client" "$T/host")"
is 'a root that is not there is an error of one line' 1 "$("$T/client" "$T/nowhere" 2>&1 | wc -l)"
