/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_LIBRARY_H
#define NVB_BENCHMARK_LIBRARY_H

#include "benchmark/world.h"
#include "nvbind/inventory.h"

/* What giving a container its GPUs costs in the library, in this process: a plan for all GPUs, and editing a
 * config.json of 8 KB, with the inventory loaded. A subject "library" and its series go into the record. */
int nvb_benchmark_library(struct nvb_benchmark *benchmark, const nvb_inventory *inventory, nvb_error **err);

#endif
