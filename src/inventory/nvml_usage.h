/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_NVML_USAGE_H
#define NVB_INVENTORY_NVML_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inventory/nvml_process.h"

/*
 * Which processes use which GPU, asked of NVML in a child that is never waited for: it answers a question
 * when it can (loading the library may take seconds), and until then the last answer stands.
 */

struct nvb_gpu_use {
	uint32_t pid;	 /* of the host */
	uint32_t gpu;	 /* NVML's index */
	uint64_t memory; /* bytes; UINT64_MAX: the driver does not tell */
};

enum { NVB_GPU_USES_MOST = 65536 };

struct nvb_nvml_usage {
	struct nvb_nvml_process process;
	bool asked; /* an answer is under way */
	bool known; /* there was one: `uses` counts */
	struct nvb_gpu_use *uses;
	size_t count;
	char *partial; /* of the answer that is under way */
	size_t size, capacity;
};
#define NVB_NVML_USAGE_INIT                      \
	{                                        \
		.process = NVB_NVML_PROCESS_INIT \
	}

/* `library` as nvb_nvml_library gives it. */
int nvb_nvml_usage_start(struct nvb_nvml_usage *usage, const char *library, nvb_error **err);
/* Asks, unless an answer is still under way. */
void nvb_nvml_usage_ask(struct nvb_nvml_usage *usage);
/* Takes what has come; false once the child is gone, and with it all that was known. */
bool nvb_nvml_usage_take(struct nvb_nvml_usage *usage);
void nvb_nvml_usage_stop(struct nvb_nvml_usage *usage);

/*
 * The child: for each byte that it reads, all uses, and one with pid 0 behind them. Runs foreign code; the
 * other side believes nothing unchecked.
 */
int nvb_nvml_usage_child(const char *library, int in, int out);

#endif
