/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_LATENCY_H
#define NVBIND_LATENCY_H

#include <stdbool.h>
#include <stddef.h>

#include "nvbind/bolt.h"
#include "nvbind/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What this process and this host can do for short waits: knobs of GPUs and CPUs, how the kernel schedules
 * the calling thread, how soon sleeping CPUs and timers wake, whether input devices sleep. Each is a step
 * that was done and read back, or was refused with the reason; what was done is put back by
 * nvb_low_latency_release. It is no promise of a latency: docs/api.md says what each step is for,
 * nvbind/context.h what a switch of contexts is.
 */
typedef struct nvb_low_latency nvb_low_latency;

/** Set `size` to sizeof(struct nvb_low_latency_options); zero and NULL are the defaults. */
struct nvb_low_latency_options {
	size_t size;
	const char *mode; /* knobs: "ultra" (power and clocks at their most, persistence, governor), "high"
			     (power and persistence), "balanced" (none); NULL: ultra */
	const char *gpus; /* whose, as for nvb_request_add_gpus; NULL: all */
	int priority; /* of SCHED_RR, 1 to 99; 0: 1, above all ordinary threads and below all other real-time
			 ones */
	bool keep_knobs, keep_scheduling, keep_input; /* leave these alone */
};

/**
 * Takes every step that may be taken. Knobs are turned under a shared lease on their GPUs, recorded before
 * and put back also when this process is killed ('nvbind knob restore', the next command of bolt's); they
 * take root. Scheduling and timers are the calling thread's alone, children do not inherit them
 * (SCHED_RESET_ON_FORK). A step that cannot be done is no error: ask nvb_low_latency_step. `options` may be
 * NULL. Errors: NVB_ERR_INVALID (options), NVB_ERR_NOT_FOUND (a GPU that is not there), NVB_ERR_BUSY (a GPU
 * is another's exclusively), those of nvb_manager_plan. Thread-safe. Sources: sched(7), prctl(2), Linux
 * admin-guide/pm/cpuidle (/dev/cpu_dma_latency), driver-api/usb/power-management.
 */
NVB_API int nvb_manager_low_latency(nvb_manager *manager, const struct nvb_low_latency_options *options,
	nvb_low_latency **latency, nvb_error **error);

/** One step. Set `size` to sizeof(struct nvb_low_latency_step) before the call. Strings are the handle's. */
struct nvb_low_latency_step {
	size_t size;
	const char *name; /* "scheduling", "timers", "cpu-wakeup", "knob", "input event3" */
	bool done;
	const char *text; /* what holds now, as it was read back, or why it was not done */
};

NVB_API size_t nvb_low_latency_count(const nvb_low_latency *latency);
/** NVB_ERR_NOT_FOUND beyond the end, NVB_ERR_INVALID for another size. */
NVB_API int nvb_low_latency_step(
	const nvb_low_latency *latency, size_t i, struct nvb_low_latency_step *step, nvb_error **error);

/**
 * Puts back what was done, in reverse: also the scheduling of the thread that called nvb_manager_low_latency,
 * if it still runs and nobody else has changed it since. NULL is allowed. From any thread of the same
 * process.
 */
NVB_API void nvb_low_latency_release(nvb_low_latency *latency);

#ifdef __cplusplus
}
#endif
#endif
