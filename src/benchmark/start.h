/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_START_H
#define NVB_BENCHMARK_START_H

#include "benchmark/subject.h"

/* What a start's programs write, hostile as all output: a container's first line and bolt's log. */

/* "nvbind-benchmark first NS clock NAME [begin NS end NS gpus N]" anywhere in `output`. */
int nvb_start_read_report(
	const char *output, bool gpu, const char *clock, struct nvb_start_times *times, nvb_error **err);

/* From bolt's log (a JSON object a line) when it had planned and how long it wrote the bundle, as one
 * duration from `spawned` (realtime clock, ns) on. 0: the log does not say. */
uint64_t nvb_start_read_log(const char *log, size_t size, uint64_t spawned);

#endif
