/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLT_LATENCY_H
#define NVB_BOLT_LATENCY_H

#include <sys/types.h>

#include "base/root.h"
#include "bolt/manager.h"
#include "nvbind/latency.h"

struct nvb_latency_step {
	char *name, *text;
	bool done;
};

/* How a thread was scheduled, to be put back. */
struct nvb_thread_before {
	pid_t thread;
	bool scheduling, timers; /* was changed */
	int policy, priority, nice;
	int set_policy, set_priority, set_nice; /* to what: who changes it later means it */
	unsigned long slack;
};

struct nvb_low_latency {
	nvb_manager *manager;
	struct nvb_latency_step *steps;
	size_t step_count, step_capacity;
	struct nvb_thread_before thread;
	int cpu_wakeup; /* open as long as the wish holds; -1 */
	struct nvb_latency_knobs *knobs;
};

/* Notes a step; the text is formatted. -NVB_ERR_NO_MEMORY alone. */
int nvb_latency_note(struct nvb_low_latency *latency, bool done, nvb_error **err, const char *name,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Knobs of GPUs and CPUs, under a lease (latency_knobs.c). */
int nvb_latency_turn_knobs(struct nvb_low_latency *latency, const struct nvb_inventory *inventory,
	const char *mode, const char *gpus, nvb_error **err);
void nvb_latency_knobs_back(struct nvb_low_latency *latency);

/* The calling thread's scheduling and timers (thread.c). */
int nvb_latency_thread(struct nvb_low_latency *latency, int priority, nvb_error **err);
void nvb_latency_thread_back(const struct nvb_thread_before *before);

/* How deep CPUs may sleep (wakeup.c). */
int nvb_latency_wakeup(
	struct nvb_low_latency *latency, const struct nvb_inventory *inventory, nvb_error **err);

/* Whether input devices sleep (input.c). */
int nvb_latency_input(
	struct nvb_low_latency *latency, const struct nvb_inventory *inventory, nvb_error **err);

#endif
