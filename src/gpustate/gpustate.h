/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_GPUSTATE_H
#define NVB_GPUSTATE_H

#include <stdarg.h>

#include "gpustate/wire.h"
#include "inventory/inventory.h"
#include "inventory/nvml_process.h"
#include "nvbind/gpu_state.h"

/* The first drivers with cuCheckpointProcess*, with other GPUs to restore to, with memory of CUDA IPC. */
enum { NVB_STATE_FIRST_BRANCH = 570, NVB_STATE_REMAP_BRANCH = 580, NVB_STATE_IPC_BRANCH = 610 };

struct nvb_gpu_state {
	const struct nvb_inventory *inventory;
	char *library;
	struct nvb_nvml_process helper;
	unsigned lock_timeout_ms, limit_s;
};

/*
 * The host's half of a preflight, without any process: 0, or NVB_ERR_UNSUPPORTED or NVB_ERR_NOT_FOUND with
 * why the driver cannot. *library (may be NULL) is the host path of libcuda; malloc'd.
 */
int nvb_gpu_state_driver(const struct nvb_inventory *inventory, char **library, nvb_error **err);

/* nvb_gpu_state_restore by as many helpers as it takes: one that is killed is followed by another, which goes
 * on where it was. */
int nvb_state_restore_surely(struct nvb_gpu_state *state, const int *pids, size_t count,
	const struct nvb_gpu_pair *pairs, size_t pair_count, nvb_error **err);

/* nvb_gpu_state_capture, and whether any process was touched by it: one that somebody else has locked is not,
 * nor are the others then, and nothing of them is to be undone. */
int nvb_state_capture(struct nvb_gpu_state *state, const int *pids, size_t count, size_t *captured,
	bool *touched, nvb_error **err);

/* What of the driver's a process has open or mapped: a path below /dev/nvidia*, malloc'd; NULL: nothing. */
int nvb_state_leftover(int pid, char **what, nvb_error **err);

/* Calls `visit` with each descriptor of a process, its number and what /proc says it is, until it answers
 * false. A process that is gone has none. */
int nvb_state_each_fd(
	int pid, bool (*visit)(int pid, int fd, const char *target, void *data), void *data, nvb_error **err);

/* Whether it has a descriptor whose path begins so; *what as above. */
int nvb_state_find_open(int pid, const char *prefix, char **what, nvb_error **err);

/* Whether a process cannot run: stopped, or in a frozen cgroup. A process that is gone is not frozen. */
bool nvb_state_is_frozen(int pid);

/* Bytes that the cgroups of a process leave it; UINT64_MAX: no limit. */
uint64_t nvb_state_cgroup_room(int pid);

/* Findings as they are collected. */
struct nvb_state_findings {
	struct nvb_gpu_state_finding *list;
	size_t count, capacity;
	bool failed; /* without memory */
};
/* A reason as findings have it, here and in checkpoint/preflight.h: one line, whatever names are in it.
 * malloc'd, NULL without memory. */
char *nvb_state_reason(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
void nvb_state_find(struct nvb_state_findings *findings, const char *id, int pid, bool fatal, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));

/* nvb_gpu_state_preflight into a list that is there, and how many bytes the processes have on GPUs. */
void nvb_state_preflight(const struct nvb_inventory *inventory, const int *pids, size_t count,
	struct nvb_state_findings *findings, uint64_t *bytes);

/* Bytes of what begins so that a process has mapped, anything with that name counts. */
uint64_t nvb_state_mapped(int pid, const char *prefix);
/* Whether it has a file of that name mapped, in whatever directory: "libcuda.so". */
bool nvb_state_maps_library(int pid, const char *name);

/* Bytes of memory that the host could give to processes, swap included; UINT64_MAX: not known. */
uint64_t nvb_state_host_room(void);

#endif
