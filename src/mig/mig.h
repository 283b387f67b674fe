/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_MIG_H
#define NVB_MIG_MIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "inventory/inventory.h"
#include "nvbind/log.h"

/*
 * GPUs divided by MIG: what is there, what fits, changing it. Source: NVIDIA's "MIG User Guide" and the NVML
 * API reference ("Multi Instance GPU Management").
 *
 * NVML's calls, writing ones too, run in a child process (nvml_child.c). A change is data first: steps that
 * can be shown, then carried out. What was there before is written down before the first step and put back
 * when one fails; when we are killed in between, whoever opens MIG for a change next finds the record.
 *
 * A GPU instance (GI) takes whole memory slices of a card, a compute instance (CI) whole compute slices of a
 * GI. A MIG device, which a container gets, is a CI. Within a card a GI is known by its first memory slice,
 * which unlike its id is known before it is made.
 */

enum {
	NVB_MIG_NAME = 64,
	NVB_MIG_UUID = 96,
	NVB_MIG_PROFILES = 32,	 /* kinds of GI a card can offer; the newest library has under 20 */
	NVB_MIG_PLACEMENTS = 16, /* of one kind */
	NVB_MIG_INSTANCES = 16,	 /* GIs on a card, CIs in a GI: at most 7 or 8 on today's */
	NVB_MIG_CLIENTS = 64,	 /* processes noted for a card */
	NVB_MIG_SLICES = 32,	 /* memory slices, a bit each */
};

struct nvb_mig_span {
	uint32_t start, size;
};

/* A kind of GI that a card offers. */
struct nvb_mig_profile {
	char name[NVB_MIG_NAME];			    /* "1g.10gb+me" */
	uint32_t id;					    /* what nvidia-smi shows */
	uint32_t slices;				    /* compute */
	uint32_t instances;				    /* at most that many on one card */
	uint32_t sm_count;				    /* multiprocessors */
	uint64_t memory;				    /* bytes */
	struct nvb_mig_span placements[NVB_MIG_PLACEMENTS]; /* in memory slices */
	uint32_t placement_count;
};

struct nvb_mig_compute {
	uint32_t id;
	struct nvb_mig_span place; /* compute slices of the GI */
	char uuid[NVB_MIG_UUID];   /* of the MIG device; "" unknown */
};

struct nvb_mig_instance {
	uint32_t id;
	uint32_t profile_id;
	struct nvb_mig_span place; /* memory slices of the card */
	struct nvb_mig_compute computes[NVB_MIG_INSTANCES];
	uint32_t compute_count;
};

/* A program that has the card open, as NVML tells it. */
struct nvb_mig_client {
	pid_t pid;
	uint32_t gi, ci; /* UINT32_MAX: the card as a whole */
};

struct nvb_mig_gpu {
	uint32_t index; /* the inventory's: what users name */
	char pci[NVB_MIG_NAME], uuid[NVB_MIG_UUID], name[NVB_MIG_UUID];
	uint32_t nvml;	       /* index of NVML, which counts excluded GPUs otherwise */
	uint32_t device_id;    /* PCI: device << 16 | vendor, as mig-parted's device-filter has it */
	bool capable;	       /* the card has MIG */
	bool enabled, pending; /* the mode now; after the next reset */
	struct nvb_mig_profile profiles[NVB_MIG_PROFILES];
	uint32_t profile_count;
	struct nvb_mig_instance instances[NVB_MIG_INSTANCES]; /* by first memory slice */
	uint32_t instance_count;
	struct nvb_mig_client clients[NVB_MIG_CLIENTS];
	uint32_t client_count;
};

/* All GPUs of the host that NVML answers for, in the inventory's order, and the child that was asked. */
struct nvb_mig {
	struct nvb_mig_gpu *gpus;
	size_t gpu_count;
	struct nvb_mig_session *session;
	const struct nvb_inventory *inventory; /* borrowed */
	const struct nvb_log *log;	       /* borrowed */
	int state;			       /* directory below /run/nvbind; -1: there is none */
	int lock;			       /* -1: opened for reading */
	bool unfinished; /* opened for reading: a change was cut off, or is being made now */
};

/*
 * Asks NVML for everything above. `change`: to change something; takes the lock that all who change MIG here
 * take (waiting for it), and puts back what somebody killed in the middle left behind, with a warning to the
 * log. NVB_ERR_UNSUPPORTED where there is no MIG to speak of (WSL2), NVB_ERR_PERMISSION for who may not.
 * `inventory` is borrowed until nvb_mig_close; it does not follow changes.
 */
int nvb_mig_open(const struct nvb_inventory *inventory, bool change, const struct nvb_log *log,
	struct nvb_mig **mig, nvb_error **err);
void nvb_mig_close(struct nvb_mig *mig);
static inline void nvb_mig_closep(struct nvb_mig **mig)
{
	nvb_mig_close(*mig);
}
#define _cleanup_mig_ _cleanup_(nvb_mig_closep)

const struct nvb_mig_profile *nvb_mig_profile_by_id(const struct nvb_mig_gpu *gpu, uint32_t id);

/* "1g.10gb", "1c.3g.40gb", "1g.10gb+me", as a user writes it: the card's profile and how many of its compute
 * slices the device has. NVB_ERR_INVALID for what is no such name, NVB_ERR_UNSUPPORTED for one that the card
 * does not offer, with those it does. */
int nvb_mig_parse_profile(const struct nvb_mig_gpu *gpu, const char *name,
	const struct nvb_mig_profile **profile, uint32_t *compute_slices, nvb_error **err);

/* The name of a MIG device that takes `slices` of the profile's compute slices: "1c.3g.40gb", "3g.40gb". */
void nvb_mig_device_name(const struct nvb_mig_profile *profile, uint32_t slices, char name[NVB_MIG_NAME]);

/*
 * Finding and making a part of a GPU for somebody: virtual isolation. The whole of it, until the caller has
 * taken an exclusive lease on the MIG device that was granted, happens under the lock of nvb_mig_open:
 *
 *	rc = nvb_mig_open(inventory, true, log, &mig, err);
 *	rc = nvb_mig_find_or_create(mig, &wish, &grant, err);
 *	... load the inventory again when grant.created; plan with the device named by grant.selector; lease
 *... nvb_mig_close(mig);
 */
enum nvb_mig_fit {
	NVB_MIG_STRICT, /* a device of exactly the asked size (memory as the profile's name has it, in GB) */
	NVB_MIG_UP,	/* the smallest that has at least what was asked */
	NVB_MIG_DOWN,	/* else the largest below it */
};

struct nvb_mig_wish {
	const uint32_t *gpus; /* indexes (the inventory's) of GPUs that may serve; NULL: any */
	size_t gpu_count;
	const char *profile;	  /* "2g.20gb": that one; NULL: by the sizes below */
	uint64_t memory;	  /* bytes, 0: whatever */
	uint32_t compute_percent; /* share of the card's compute slices, 0: whatever */
	enum nvb_mig_fit fit;
	bool may_create; /* else only what is there and free */
	bool may_switch; /* MIG may be switched on, for that, on a card that nobody uses */
};

struct nvb_mig_grant {
	uint32_t gpu; /* index */
	uint32_t gi, ci;
	char pci[NVB_MIG_NAME];
	char profile[NVB_MIG_NAME];
	char uuid[NVB_MIG_UUID]; /* of the MIG device, a selector of requests; "" where NVML is too old */
	uint64_t memory;	 /* bytes it really has */
	uint32_t slices, of;	 /* compute slices: 2 of 7 */
	bool created;		 /* now; the inventory must be loaded again */
	bool switched;		 /* MIG was off on that card */
};

/*
 * A MIG device that nobody holds (no lease, no process) and fits, else a new one. To make place, devices that
 * this function made before and nobody uses any more are removed; what an administrator made is never
 * touched. Where may_switch allows it and nothing else will do, MIG is switched on on a card that no lease
 * and no process uses; the last device that is given back there switches it off again. NVB_ERR_UNSUPPORTED:
 * no card here offers it (the message says what would fit); NVB_ERR_BUSY: they do, and all is taken.
 * Thread-safe per handle.
 */
int nvb_mig_find_or_create(
	struct nvb_mig *mig, const struct nvb_mig_wish *wish, struct nvb_mig_grant *grant, nvb_error **err);

/* Removes a device that nvb_mig_find_or_create made, when nobody uses it. One that it did not make stays:
 * 0, as for one that is gone. NVB_ERR_BUSY: still used. The lease must have been given back before. */
int nvb_mig_give_back(struct nvb_mig *mig, const char *pci, uint32_t gi, uint32_t ci, nvb_error **err);

#endif
