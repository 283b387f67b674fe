/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_GPUS_H
#define NVB_SAMPLER_GPUS_H

#include <stdbool.h>

#include "inventory/inventory.h"
#include "inventory/procfs.h"
#include "sampler/processes.h"
#include "sampler/wire.h"

/*
 * What is known of every GPU that was ever seen: the last value of each metric, when it was measured, and how
 * the GPU fares. Messages come in, samples go out. A GPU is told by its PCI address, else by its UUID, so its
 * place stays whatever NVML numbers it after a restart.
 */
struct nvb_sampled_gpu {
	struct nvb_said_facts facts;
	char pci[NVB_PCI_ADDRESS]; /* "" unknown */
	uint32_t index;
	bool listed;	   /* the kernel lists it; true where there is no list */
	bool associated;   /* the child that runs has told of it */
	bool late;	   /* it had not answered when the last sample was made */
	int32_t result;	   /* of its last answer, nvmlReturn_t */
	uint64_t answered; /* the tick of it */
	struct nvb_said_value values[NVB_METRIC_COUNT];
	int mig_mode;
	struct nvb_said_mig *migs; /* malloc'd */
	uint32_t mig_count;
	uint64_t migs_time;
	struct nvb_said_process *processes; /* malloc'd, by pid */
	uint32_t process_count;
	uint64_t processes_time; /* 0: never */
	uint64_t xids, last_xid, xid_time;
	enum nvb_sample_state state;
	uint64_t state_since;
};

/* The PCI addresses that the kernel module lists below /proc. */
struct nvb_bus {
	char (*pci)[NVB_PCI_ADDRESS]; /* malloc'd */
	size_t count, capacity;
	bool known;	    /* there is a list */
	uint64_t signature; /* of its content; 0 where there is none */
};

struct nvb_sampled_gpus {
	struct nvb_sampled_gpu *items; /* malloc'd, by index */
	size_t count, capacity;
	uint32_t *places; /* of the running child's GPUs in `items`; UINT32_MAX: not told yet; malloc'd */
	uint32_t place_count, told; /* how many it has, how many it has told of */
	uint64_t asked, asked_at;   /* the last tick, and when it was asked for */
	uint64_t patience;	    /* who answers within this is waited for again */
	bool untold;		    /* a sample was made before all were told of: they are not waited for */
	int32_t nameless;	    /* why one could not be named, nvmlReturn_t; 0: none */
	char driver[NVB_SAID_TEXT];
	const char *failure; /* why nothing runs; the sampler's, or NULL */
};

/* From the inventory: all of them wait. */
int nvb_sampled_gpus_begin(
	struct nvb_sampled_gpus *gpus, const struct nvb_inventory *inventory, uint64_t now, nvb_error **err);
void nvb_sampled_gpus_release(struct nvb_sampled_gpus *gpus);

/* Another child takes over: what the last one said of GPUs stands until it tells of them. */
int nvb_sampled_gpus_restart(
	struct nvb_sampled_gpus *gpus, const struct nvb_said_hello *hello, nvb_error **err);

/* Takes in a message of the running child, but its HELLO and COST. */
int nvb_sampled_gpus_take(struct nvb_sampled_gpus *gpus, const struct nvb_said_head *head, const void *body,
	uint64_t now, nvb_error **err);

/* Reads the kernel's list, and notes in `gpus` which of them are on it. */
void nvb_bus_read(struct nvb_bus *listing, const struct nvb_inventory *inventory);
void nvb_sampled_gpus_compare(struct nvb_sampled_gpus *gpus, const struct nvb_bus *listing);

/* Whether the child has told of all that it has, and one that the kernel lists was not among them. */
bool nvb_sampled_gpus_lack(const struct nvb_sampled_gpus *gpus);

/* Whether all have answered that tick who are waited for: who was late last time is not. */
bool nvb_sampled_gpus_answered(const struct nvb_sampled_gpus *gpus, uint64_t tick);

/* What is known, as a sample: of the tick `tick`, at `now`. NULL without memory. */
nvb_sample *nvb_sampled_gpus_sample(
	struct nvb_sampled_gpus *gpus, struct nvb_known_processes *known, uint64_t tick, uint64_t now);

#endif
