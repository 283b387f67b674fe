/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_CHILD_H
#define NVB_SAMPLER_CHILD_H

#include <pthread.h>
#include <stdbool.h>

#include "sampler/nvml_calls.h"
#include "sampler/wire.h"

/* Inside the child: one thread reads questions, each GPU has one that answers them, one waits for events. */

enum { NVB_SAMPLED_KINDS = 4, NVB_SAMPLES_MOST = 256, NVB_NVLINKS_MOST = 18 };

/* A counter of bytes, and what became of it since it was last read. */
struct nvb_counter {
	uint64_t bytes, time; /* time 0: not read yet */
	double rate;
	bool has_rate;
};

/* Takes a reading; a counter that runs backwards (the driver was reset) begins anew. */
void nvb_counter_read(struct nvb_counter *counter, uint64_t bytes, uint64_t time);

/* The average of readings in the order of their times, and the time of the newest; 0 when there is none. */
struct nvb_averaged {
	double value;
	uint64_t newest;
};

/* What the driver last said of a process' utilisation: it tells news only. */
struct nvb_known_use {
	uint32_t pid, sm, memory, encoder, decoder;
	uint64_t time;
	bool seen;
};

struct nvb_sampler_worker {
	struct nvb_sampler_process *child;
	uint32_t index;
	nvml_device device;
	pthread_t thread;
	pthread_cond_t wake;
	uint32_t groups; /* wanted and not begun; under the child's lock */
	uint64_t tick;

	/* The thread's own. */
	nvml_return result; /* what the GPU as a whole said in this round */
	struct nvb_said_values said;
	struct nvb_counter pcie_tx, pcie_rx, link_tx, link_rx;
	uint64_t seen[NVB_SAMPLED_KINDS]; /* time stamps of the newest samples, the driver's microseconds */
	double sampled[NVB_SAMPLED_KINDS];
	bool no_samples;       /* the library or GPU has none: rates instead */
	uint64_t process_seen; /* as `seen`, of processes */
	struct nvb_known_use *uses;
	size_t use_count, use_capacity;
	nvml_sample samples[NVB_SAMPLES_MOST];
};

struct nvb_sampler_process {
	struct nvb_sampler_calls nvml;
	int out;
	pthread_mutex_t lock, output;
	struct nvb_sampler_worker *workers;
	uint32_t count;
	nvml_event_set events;
};

/* Calls a function that may be absent. */
#define NVB_CALL(w, name, ...) \
	((w)->child->nvml.name ? nvb_judge((w), (w)->child->nvml.name(__VA_ARGS__)) : NVML_FUNCTION_NOT_FOUND)

/* Notes what means the GPU as a whole, and hands the result on. */
nvml_return nvb_judge(struct nvb_sampler_worker *worker, nvml_return result);

/* Adds one value of this round. */
void nvb_said_add(struct nvb_sampler_worker *worker, enum nvb_metric metric, nvml_return result, double value,
	uint64_t time);
void nvb_said_add_state(
	struct nvb_sampler_worker *worker, enum nvb_metric metric, enum nvb_value_state state);

/* The groups, a file each. */
void nvb_ask_fast(struct nvb_sampler_worker *worker);
void nvb_ask_utilization(struct nvb_sampler_worker *worker);
void nvb_ask_slow(struct nvb_sampler_worker *worker);
void nvb_ask_migs(struct nvb_sampler_worker *worker);
void nvb_ask_processes(struct nvb_sampler_worker *worker);

/* Writes a message; several threads may. The child ends when nobody reads any more. */
void nvb_say(struct nvb_sampler_process *child, enum nvb_sampler_type type, uint32_t gpu, uint64_t tick,
	const void *body, size_t size);

/* CLOCK_MONOTONIC, nanoseconds. */
uint64_t nvb_monotonic(void);
/* The same for a time stamp of the driver's: microseconds since 1970; 0 gives 0. */
uint64_t nvb_monotonic_of(uint64_t microseconds);

/* Copies a text that the library wrote, cut at its end. */
void nvb_said_text(char out[static NVB_SAID_TEXT], const char *in, size_t size);

#endif
