/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_GPU_STATE_H
#define NVBIND_GPU_STATE_H

#include <stddef.h>

#include "nvbind/error.h"
#include "nvbind/inventory.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What processes have on the GPU, taken into their own host memory and put back: the GPU half of a snapshot.
 * A process whose state was captured has nothing of the driver open and can be saved by CRIU; after
 * nvb_gpu_state_restore it goes on where it was, on the same GPU or on another of the same chip.
 *
 *	nvb_gpu_state_open(inventory, NULL, &state, &error);
 *	nvb_gpu_state_capture(state, pids, count, NULL, &error);	// all of them, or none
 *	...
 *	nvb_gpu_state_restore(state, pids, count, NULL, 0, &error);
 *
 * Source: CUDA Driver API 13.0, "CUDA checkpointing" (cuCheckpointProcess*: driver 570 on; other GPUs: 580
 * on). The driver saves neither managed memory nor what is on a MIG device or belongs to a client of MPS.
 * Processes must be free to run: in a frozen cgroup nothing of this works.
 */

/** The driver in a process of its own, which serves all pids. Not for two threads at a time. */
typedef struct nvb_gpu_state nvb_gpu_state;

/** Set `size` to sizeof(struct nvb_gpu_state_options); zero and NULL are the defaults. */
struct nvb_gpu_state_options {
	size_t size;
	const char *library;	  /* host path of libcuda; NULL: the inventory's */
	unsigned lock_timeout_ms; /* how long a process may take to finish its calls; 0: 10 000 */
	unsigned limit_s; /* how long moving one process' memory may take; 0: 1800. Then the helper is killed
			   */
};

/**
 * Finds the driver's libcuda. The helper starts with the first question, as cuInit takes seconds on a large
 * machine, and again after it was killed. `inventory` must live as long as *state; `options` may be NULL.
 * Errors: NVB_ERR_NOT_FOUND (no libcuda), NVB_ERR_UNSUPPORTED (WSL2, a driver before 570), NVB_ERR_INVALID,
 * NVB_ERR_NO_MEMORY.
 */
NVB_API int nvb_gpu_state_open(const nvb_inventory *inventory, const struct nvb_gpu_state_options *options,
	nvb_gpu_state **state, nvb_error **error);

/** Ends the helper; changes no process. NULL is allowed. */
NVB_API void nvb_gpu_state_close(nvb_gpu_state *state);

/** What the driver says of a process. */
enum nvb_gpu_process_state {
	NVB_GPU_PROCESS_NONE,	      /* it does not use CUDA, or is not there */
	NVB_GPU_PROCESS_RUNNING,      /* as ever */
	NVB_GPU_PROCESS_LOCKED,	      /* its calls of the driver wait */
	NVB_GPU_PROCESS_CHECKPOINTED, /* its GPU memory is in the process, the GPU is free */
	NVB_GPU_PROCESS_FAILED,	      /* lost to the driver: it can only be ended */
};

/** "running", "locked", ...; static, never NULL. */
NVB_API const char *nvb_gpu_process_state_name(enum nvb_gpu_process_state state);

/** Set `size` to sizeof(struct nvb_gpu_process) before the call. */
struct nvb_gpu_process {
	size_t size;
	int pid;
	int restore_thread; /* must be free to run; 0 where the state is NONE */
	enum nvb_gpu_process_state state;
};

/**
 * Asks for one process. A pid without CUDA is no error. Errors: NVB_ERR_INVALID (another size, no pid),
 * NVB_ERR_PERMISSION (the process is another user's), and those of starting the driver.
 */
NVB_API int nvb_gpu_state_query(
	nvb_gpu_state *state, int pid, struct nvb_gpu_process *process, nvb_error **error);

/** One step of one process. */
enum nvb_gpu_step {
	NVB_GPU_STEP_LOCK = 1,	 /* from running; a time-out leaves it running */
	NVB_GPU_STEP_CHECKPOINT, /* from locked */
	NVB_GPU_STEP_RESTORE,	 /* from checkpointed, to locked */
	NVB_GPU_STEP_UNLOCK,	 /* from locked */
};

/** A GPU that becomes another: UUIDs as "GPU-...". */
struct nvb_gpu_pair {
	const char *from, *to;
};

/**
 * Makes one step. `pairs` are for NVB_GPU_STEP_RESTORE alone and name every GPU that the process uses.
 * Errors: NVB_ERR_CONFLICT (not in the state that the step starts from), NVB_ERR_BUSY (lock: the time was
 * up), NVB_ERR_UNSUPPORTED (the driver cannot, for this process or these GPUs), NVB_ERR_NOT_FOUND (no such
 * process, no such GPU), NVB_ERR_NO_MEMORY (of the host, or of the GPU), NVB_ERR_PERMISSION, NVB_ERR_INVALID,
 * NVB_ERR_SYSTEM with CUDA's own name of the error. Whether it happened tells nvb_gpu_state_query.
 */
NVB_API int nvb_gpu_state_step(nvb_gpu_state *state, enum nvb_gpu_step step, int pid,
	const struct nvb_gpu_pair *pairs, size_t pair_count, nvb_error **error);

/**
 * Takes the GPU state of all of them into the processes: finds those that use CUDA, locks all, then
 * checkpoints all, and checks that none has anything of /dev/nvidia* open or mapped. *captured (may be NULL)
 * is how many used CUDA; the others are only checked. On failure all is undone and the processes run on; what
 * could not be undone, and a process that the driver reports failed, is in the message. Errors: those of
 * nvb_gpu_state_step, and NVB_ERR_BUSY where a process is frozen or keeps something of the driver's.
 */
NVB_API int nvb_gpu_state_capture(
	nvb_gpu_state *state, const int *pids, size_t count, size_t *captured, nvb_error **error);

/**
 * Puts the state of all of them back, and lets them run once all have it. Goes on where an earlier call
 * stopped: a process that is locked already is only unlocked, one that runs is left alone. On failure nothing
 * runs, and the call can be made again. With pairs the GPUs change.
 */
NVB_API int nvb_gpu_state_restore(nvb_gpu_state *state, const int *pids, size_t count,
	const struct nvb_gpu_pair *pairs, size_t pair_count, nvb_error **error);

/** What would go wrong, or may. */
struct nvb_gpu_state_finding {
	const char *id; /* "mig", "frozen": which check it is; static, and it stays */
	int pid;	/* 0: of the host */
	int fatal;	/* 1: a capture would fail; 0: it may */
	char *reason;	/* one line */
};

/**
 * Says, without touching the processes, what is against a capture: a driver that is too old, MIG, MPS,
 * graphics, NVML kept open, frozen processes, host memory or a cgroup's limit too small for the GPU memory
 * that comes into the processes. Managed memory and memory shared between processes only the driver knows for
 * sure: where they may be is a finding that is not fatal, and what is there shows when the capture is tried,
 * which is undone then. *findings is NULL where nothing is; release it with
 * nvb_gpu_state_findings_free. Errors are those of reading, not findings.
 */
NVB_API int nvb_gpu_state_preflight(const nvb_inventory *inventory, const int *pids, size_t count,
	struct nvb_gpu_state_finding **findings, size_t *finding_count, nvb_error **error);
NVB_API void nvb_gpu_state_findings_free(struct nvb_gpu_state_finding *findings, size_t count);

/**
 * All processes of a cgroup and of those below it. *pids is to be released with free(). `directory` is a
 * host path below /sys/fs/cgroup. Errors: NVB_ERR_NOT_FOUND, NVB_ERR_NO_MEMORY, NVB_ERR_SYSTEM.
 */
NVB_API int nvb_gpu_state_cgroup(const char *directory, int **pids, size_t *count, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
