/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_NVML_PROCESS_H
#define NVB_INVENTORY_NVML_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/mem.h"
#include "inventory/inventory.h"

/*
 * A child process in which NVML is loaded, so that neither its threads nor its output nor its crashes are
 * ours. What is said is the caller's business; how long may be waited stands here.
 */
enum { NVB_NVML_LIMIT_MS = 60 * 1000 }; /* without persistence mode a big machine takes seconds per GPU */

struct nvb_nvml_process {
	pid_t pid;     /* 0: none */
	int to, from;  /* ends of a socket and a pipe, -1: closed */
	char *library; /* for messages; malloc'd */
	int limit_ms;  /* how long may be waited, where it is not NVB_NVML_LIMIT_MS; 0: it is */
};
#define NVB_NVML_PROCESS_INIT        \
	{                            \
		.to = -1, .from = -1 \
	}

/* Runs in the child; its result is the exit status. */
typedef int (*nvb_nvml_child_function)(const char *library, int in, int out);

/* The host path of the libnvidia-ml.so.1 for programs of our own class; malloc'd. */
int nvb_nvml_library(const struct nvb_inventory *inventory, char **path, nvb_error **err);

/* The child has /dev/null for 0, 1 and 2, the default signal actions, and ends when the caller does. */
int nvb_nvml_start(struct nvb_nvml_process *process, nvb_nvml_child_function child, const char *library,
	nvb_error **err);

/* Exactly `size` bytes, within the limit. On failure (NVB_ERR_CORRUPT: it ended before) the child is killed.
 */
int nvb_nvml_receive(struct nvb_nvml_process *process, void *data, size_t size, nvb_error **err);

/* Everything until it closes its end, at most `max` bytes; malloc'd. The child is gone afterwards. */
int nvb_nvml_receive_all(
	struct nvb_nvml_process *process, size_t max, char **data, size_t *size, nvb_error **err);

/* Writes all of it; a child that does not read within the limit is killed. */
int nvb_nvml_send(struct nvb_nvml_process *process, const void *data, size_t size, nvb_error **err);

/* Closes its pipes, waits for its end, kills it where it does not come. */
void nvb_nvml_stop(struct nvb_nvml_process *process);
#define _cleanup_nvml_process_ _cleanup_(nvb_nvml_stop)

/* The error of an NVML call that failed, in words: `what` is what was tried. */
int nvb_nvml_fail(nvb_error **err, int32_t result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

#endif
