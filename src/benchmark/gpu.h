/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_GPU_H
#define NVB_BENCHMARK_GPU_H

#include "benchmark/world.h"
#include "nvbind/inventory.h"

/*
 * What runs on a GPU: binding to prepared contexts and launches in a process of the host, and a kernel on the
 * host and in a capsule in turn. What would say nothing (on a simulated driver launches and computing) goes
 * into the record as not measured.
 */
int nvb_benchmark_gpu(struct nvb_benchmark *benchmark, const nvb_inventory *inventory, nvb_error **err);

#endif
