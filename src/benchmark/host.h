/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_HOST_H
#define NVB_BENCHMARK_HOST_H

#include "benchmark/world.h"
#include "nvbind/inventory.h"

/* What the numbers of a record were measured on. `inventory` may be NULL: then nothing is said of GPUs. Sets
 * record->simulated. */
int nvb_host_describe(struct nvb_benchmark *benchmark, const nvb_inventory *inventory, nvb_error **err);

/* How busy the machine is: "load before" and "load after". */
int nvb_host_load(struct nvb_record *record, const char *key, nvb_error **err);

#endif
