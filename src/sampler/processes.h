/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_PROCESSES_H
#define NVB_SAMPLER_PROCESSES_H

#include <stdbool.h>

#include "sampler/sample.h"

/*
 * What /proc says of the processes that use GPUs. Read once for each, by pid and start time; whether it is
 * still the same one is looked up from time to time.
 */
struct nvb_known_process {
	uint32_t pid, inner_pid, uid;
	uint64_t started;	 /* clock ticks since boot; 0: it could not be read */
	uint64_t checked, asked; /* when it was looked up last, and asked for last; CLOCK_MONOTONIC */
	char *name, *command, *id, *owner_name, *pod;
	enum nvb_owner owner;
	bool named; /* the capsule's name was found */
};

struct nvb_known_processes {
	struct nvb_known_process *items; /* by pid */
	size_t count, capacity;
	char **roots;	   /* nvb_owner_roots */
	uint64_t patience; /* how long a look at /proc is believed */
	char *(*capsule_name)(void *data, const char *id);
	char *(*capsule_of)(void *data, uint32_t pid);
	void *data;
};

/* Looks where the control groups of this host begin. */
void nvb_known_processes_begin(struct nvb_known_processes *known);
/* Fills in what is known of `process->pid`; the texts are copied into the sample. False without memory. */
bool nvb_known_process_fill(struct nvb_known_processes *known, uint64_t now, nvb_sample *sample,
	struct nvb_sample_process *process);
/* Forgets those that nobody has asked for of late. */
void nvb_known_processes_sweep(struct nvb_known_processes *known, uint64_t now);
void nvb_known_processes_release(struct nvb_known_processes *known);

#endif
