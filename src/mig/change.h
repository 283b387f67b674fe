/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_CHANGE_H
#define NVB_MIG_CHANGE_H

#include "mig/mig.h"
#include "mig/place.h"

/* From one layout to another, as steps that can be shown before they are made. */
enum nvb_mig_step_kind {
	NVB_MIG_STEP_DESTROY_CI,
	NVB_MIG_STEP_DESTROY_GI,
	NVB_MIG_STEP_MODE,
	NVB_MIG_STEP_RESET, /* so that a mode takes effect */
	NVB_MIG_STEP_CREATE_GI,
	NVB_MIG_STEP_CREATE_CI,
};

struct nvb_mig_step {
	enum nvb_mig_step_kind kind;
	size_t gpu;		   /* index in nvb_mig.gpus */
	bool on;		   /* MODE */
	uint32_t start;		   /* of all but MODE: first memory slice of the GI */
	uint32_t profile_id;	   /* of that GI */
	struct nvb_mig_span place; /* CREATE_GI: memory slices; of CIs: compute slices */
	char uuid[NVB_MIG_UUID];   /* DESTROY_CI: of the MIG device that ends */
};

struct nvb_mig_change {
	struct nvb_mig_step *steps;
	size_t count, capacity;
};
void nvb_mig_change_release(struct nvb_mig_change *change);
#define _cleanup_mig_change_ _cleanup_(nvb_mig_change_release)

/* Appends what makes the layout of that card. Nothing when it has it. */
int nvb_mig_change_to(const struct nvb_mig *mig, size_t gpu, const struct nvb_mig_layout *layout,
	struct nvb_mig_change *change, nvb_error **err);

/* "GPU 0: make GPU instance 3g.40gb at memory slices 0-3"; false without memory. */
bool nvb_mig_step_describe(const struct nvb_mig *mig, const struct nvb_mig_step *step, struct nvb_strbuf *sb);

/*
 * NVB_ERR_BUSY when somebody uses what the change takes away: a lease, or a process that has a MIG device
 * (or, where the mode changes, the card) open. Names one and says how many more.
 */
int nvb_mig_change_is_free(const struct nvb_mig *mig, const struct nvb_mig_change *change, nvb_error **err);

struct nvb_mig_run_options {
	/* Before each step; NULL: nobody is told. */
	void (*step)(void *data, const struct nvb_mig *mig, const struct nvb_mig_step *step);
	void *data;
	bool reset;	/* reset a GPU where its new mode waits for that */
	bool on_demand; /* the mode is switched for virtual isolation, not by an administrator */
	bool pending;	/* leave a mode that waits for a reset waiting; the steps behind it are left out */
};

/*
 * Makes the change, under the lock of nvb_mig_open. First it takes leases on what is taken away, so that
 * nobody gets it meanwhile. When a step fails, what was there is put back: the error says whether that
 * worked. In the end `mig` says what is there now; the nodes of new MIG devices exist.
 */
int nvb_mig_change_run(struct nvb_mig *mig, const struct nvb_mig_change *change,
	const struct nvb_mig_run_options *options, nvb_error **err);

/* Puts back what somebody who was killed left; 0 as well when there is nothing. `forget`: things stay as they
 * are, only the record goes. */
int nvb_mig_recover(struct nvb_mig *mig, bool forget, bool *found, nvb_error **err);

/* nvb_mig_open for nvb_mig_recover: leaves alone what was left behind. */
int nvb_mig_open_raw(const struct nvb_inventory *inventory, bool change, const struct nvb_log *log,
	struct nvb_mig **mig, nvb_error **err);

/* Reads one card anew. */
int nvb_mig_read_again(struct nvb_mig *mig, size_t gpu, nvb_error **err);

/* The card of a number users name, or of a UUID or PCI address; NVB_ERR_NOT_FOUND. */
int nvb_mig_find_gpu(const struct nvb_mig *mig, const char *word, size_t *gpu, nvb_error **err);

/* Who uses a MIG device (or, with ci or gi UINT32_MAX, any of the instance or card): "process 12 (python3)",
 * "docker container 4f3c"; *users counts them. NULL: nobody (or no memory with *users not 0). malloc'd. */
struct nvb_lease_info;
char *nvb_mig_user(const struct nvb_mig_gpu *gpu, uint32_t gi, uint32_t ci,
	const struct nvb_lease_info *leases, size_t lease_count, size_t *users);

/* The nodes of its MIG devices, where nobody made them. Failures go to the log. */
void nvb_mig_make_nodes(const struct nvb_mig *mig, size_t gpu);

#endif
