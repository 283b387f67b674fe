/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_REQUEST_REQUEST_H
#define NVB_REQUEST_REQUEST_H

#include "base/choice.h"
#include "base/error.h"
#include "base/mem.h"
#include "inventory/inventory.h"
#include "nvbind/request.h"

enum nvb_selector_kind {
	NVB_SELECT_ALL,	      /* every GPU; a GPU with MIG devices stands for them */
	NVB_SELECT_COUNT,     /* any `gpu` GPUs, first ones first */
	NVB_SELECT_INDEX,     /* GPU number `gpu` */
	NVB_SELECT_UUID,      /* `text` "GPU-..." */
	NVB_SELECT_PCI,	      /* `text` "0000:3b:00.0" */
	NVB_SELECT_MIG_INDEX, /* MIG device `mig` of GPU `gpu` */
	NVB_SELECT_MIG_UUID,  /* `text` "MIG-..." */
	NVB_SELECT_CDI,	      /* `text` "vendor/class=name" */
};

struct nvb_selector {
	enum nvb_selector_kind kind;
	uint32_t gpu, mig;
	const char *text; /* as the user wrote it, for messages */
};

/* What a profile (src/profile) asks for besides devices and the driver's files. */
enum nvb_setting_kind {
	NVB_SETTING_ENV,    /* variable `name` has `value` */
	NVB_SETTING_RLIMIT, /* limit `name` ("memlock") is `amount`, UINT64_MAX: unlimited */
	NVB_SETTING_SHM,    /* /dev/shm has `amount` bytes */
};

struct nvb_setting {
	enum nvb_setting_kind kind;
	const char *name, *value;
	uint64_t amount;
	const char *profile; /* whose it is */
	const char *reason;  /* for people, or NULL */
};

struct nvb_request {
	struct nvb_arena arena;
	struct nvb_setting *settings; /* malloc'd array; of two for the same thing the last counts */
	size_t setting_count, setting_capacity;
	struct nvb_selector *selectors; /* malloc'd array, strings in the arena */
	size_t selector_count, selector_capacity;
	unsigned capabilities; /* enum nvb_capability bits */
	bool none; /* "none" or "void" was said: no GPU, and no other selector may stand beside it */
	bool driver; /* the driver's files and control nodes, also without any GPU: what NVIDIA's "none" means */
	unsigned features, required_features; /* enum nvb_feature bits; the second is a part of the first */
	bool all_channels;		      /* every IMEX channel there is */
	uint32_t *channels;		      /* malloc'd; numbers of IMEX channels, in the order they came */
	size_t channel_count, channel_capacity;
};

/* One GPU or MIG device that a request came down to. */
struct nvb_device {
	const struct nvb_gpu *gpu;	  /* NULL: all there are, under WSL2 */
	const struct nvb_mig_device *mig; /* NULL: the whole GPU */
};

/*
 * Resolves every selector that is not a CDI name against the inventory: each device once, in the order of the
 * inventory. *devices is malloc'd. NVB_ERR_NOT_FOUND names the selector and says what there is.
 */
int nvb_request_resolve(const struct nvb_request *request, const struct nvb_inventory *inventory,
	struct nvb_device **devices, size_t *count, nvb_error **err);

/* Makes `request` ask for what `from` asks for besides devices: capabilities, "none", features, channels,
 * settings. The strings of the settings stay the other's. */
int nvb_request_take_rest(struct nvb_request *request, const struct nvb_request *from, nvb_error **err);

/* "gds", "mig-config": the names of features on command lines; ends with NULL. */
extern const struct nvb_choice nvb_feature_names[];

/* Adds "any `count` GPUs"; `text` is what the user wrote. */
int nvb_request_add_count(struct nvb_request *request, const char *text, uint32_t count, nvb_error **err);

/* Ends a function that changes a request: undoes what it did since `before`, a copy made at its beginning,
 * when rc is a failure. Returns rc. */
int nvb_request_take_back(struct nvb_request *request, const struct nvb_request *before, int rc);

/* True when a MIG UUID was asked for that the inventory cannot resolve without NVML. */
bool nvb_request_needs_nvml(const struct nvb_request *request, const struct nvb_inventory *inventory);

/* "compute,utility" to bits; 0 with an error for an unknown name. */
int nvb_capabilities_parse(const char *list, unsigned *capabilities, nvb_error **err);
/* Bits to "compute,utility" in `buffer`; returns buffer. */
enum { NVB_CAPABILITIES_TEXT = 80 };
char *nvb_capabilities_format(unsigned capabilities, char buffer[static NVB_CAPABILITIES_TEXT]);

#endif
