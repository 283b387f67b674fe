/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_WIRE_H
#define NVB_SAMPLER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "nvbind/sampler.h"

/*
 * Between a sampler and the child in which NVML is loaded (inventory/nvml_process.h). One way go questions: a
 * tick, and which groups of values are wanted of every GPU. The other way come messages, a head and what its
 * type says behind it, from one thread per GPU in any order. The child runs foreign code, so nothing that it
 * says is believed unchecked. Both are of one build; the magic number holds sizes, so that a helper of
 * another version is noticed.
 *
 * Times are CLOCK_MONOTONIC, nanoseconds.
 */
enum nvb_sampler_group {
	NVB_ASK_FAST = 1 << 0,	      /* what changes all the time and costs little */
	NVB_ASK_UTILIZATION = 1 << 1, /* the driver takes new samples six times a second at most */
	NVB_ASK_SLOW = 1 << 2,	      /* limits, links, errors, MIG devices */
	NVB_ASK_PROCESSES = 1 << 3,
};
#define NVB_ASK_ALL 0xfu

struct nvb_sampler_ask {
	uint64_t tick; /* from 1 on */
	uint32_t groups, pad;
};

enum nvb_sampler_type {
	NVB_SAID_HELLO = 1,
	NVB_SAID_FACTS,	    /* once a GPU, before anything else of it */
	NVB_SAID_MIGS,	    /* of NVB_ASK_SLOW */
	NVB_SAID_PROCESSES, /* of NVB_ASK_PROCESSES */
	NVB_SAID_VALUES,    /* ends the answer to a tick */
	NVB_SAID_EVENT,
	NVB_SAID_COST, /* with each NVB_ASK_SLOW, of the whole child */
};

enum {
	NVB_SAID_TEXT = 96,
	NVB_SAID_GPUS_MOST = 1024,
	NVB_SAID_MIGS_MOST = 64,
	NVB_SAID_PROCESSES_MOST = 4096,
};

struct nvb_said_head {
	uint32_t magic, type;
	uint32_t gpu;  /* NVML's index; 0 where the message is of no GPU */
	uint32_t size; /* of what follows */
	uint64_t tick; /* that it answers; 0 none */
};

enum nvb_said_step { NVB_SAID_OPENED, NVB_SAID_NOT_LOADED, NVB_SAID_NOT_INITIALISED };

struct nvb_said_hello {
	uint32_t step;	/* enum nvb_said_step */
	int32_t result; /* nvmlReturn_t */
	uint32_t gpus;
	uint32_t pad;
	char driver[NVB_SAID_TEXT];
	char message[256]; /* of dlopen */
};

/* Texts are "" where they are unknown. */
struct nvb_said_facts {
	int32_t result; /* of getting a handle: else nothing more comes of this GPU but values without any */
	uint32_t minor; /* UINT32_MAX unknown */
	uint32_t pcie_generation_max, pcie_width_max;
	uint32_t has_events, pad;
	char pci[NVB_SAID_TEXT], uuid[NVB_SAID_TEXT], name[NVB_SAID_TEXT];
};

struct nvb_said_value {
	uint32_t metric; /* enum nvb_metric */
	uint32_t state;	 /* enum nvb_value_state */
	double value;
	uint64_t time;
};

struct nvb_said_values {
	int32_t result; /* what the GPU as a whole answers: NVML_GPU_IS_LOST ... */
	uint32_t count;
	struct nvb_said_value values[NVB_METRIC_COUNT];
};

struct nvb_said_mig {
	uint32_t index, gi, ci, pad;
	uint64_t total, used, free, reserved; /* bytes; UINT64_MAX unknown */
	char uuid[NVB_SAID_TEXT], profile[NVB_SAID_TEXT];
};

struct nvb_said_migs {
	int32_t mode; /* 1 on, 0 off, -1: the GPU has none */
	uint32_t count;
	uint64_t time;
	struct nvb_said_mig migs[];
};

#define NVB_SAID_PENDING     UINT32_MAX	      /* no sample of it yet */
#define NVB_SAID_UNSUPPORTED (UINT32_MAX - 1) /* the driver has none of this GPU */

struct nvb_said_process {
	uint32_t pid, kinds;
	uint32_t gi, ci;				   /* UINT32_MAX: without MIG */
	uint64_t memory;				   /* bytes; UINT64_MAX unknown */
	uint32_t sm, memory_utilization, encoder, decoder; /* percent, or one of the two above */
	uint64_t time;					   /* of these */
};

struct nvb_said_processes {
	int32_t result;
	uint32_t count;
	uint64_t time;
	struct nvb_said_process processes[];
};

struct nvb_said_event {
	uint64_t xid;
};

struct nvb_said_cost {
	uint64_t cpu_ns, rss_bytes; /* rss 0 unknown */
};

#define NVB_SAID_MAGIC                                                                                   \
	((uint32_t)0x4e530000u ^                                                                         \
		(uint32_t)(sizeof(struct nvb_said_values) * 31u + sizeof(struct nvb_said_process) * 7u + \
			   sizeof(struct nvb_said_mig) + sizeof(struct nvb_said_facts)))

/* What is said comes in pieces of any size. */
struct nvb_said_reader {
	char *buffer; /* malloc'd */
	size_t size, capacity;
	uint32_t gpus;	/* as HELLO said; messages of others are refused */
	bool has_hello; /* nothing else comes before it */
};

/* For each message that is whole and sound; `body` is aligned and of the type's layout. */
typedef int nvb_said_handler(void *data, const struct nvb_said_head *head, const void *body, nvb_error **err);

/* Where to read to: room for `*size` bytes (the reader's; valid until the next call). NULL without memory. */
void *nvb_said_room(struct nvb_said_reader *reader, size_t *size);
/* `size` bytes have come. NVB_ERR_CORRUPT for what no child of ours says; the handler's failure as it is. */
int nvb_said_take(
	struct nvb_said_reader *reader, size_t size, nvb_said_handler *handler, void *data, nvb_error **err);
void nvb_said_release(struct nvb_said_reader *reader);

/* The child: answers until its input ends, then leaves without a word. Runs foreign code. */
int nvb_sampler_child(const char *library, int in, int out);

#endif
