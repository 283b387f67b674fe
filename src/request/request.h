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
	/* "dlss", "ray-tracing", "wine" ...: this part of what the driver can do is given (`amount` 1) or
	   left out (0) */
	NVB_SETTING_PART,
	NVB_SETTING_SESSION,   /* "display", "audio", "input" of the caller's session; `amount`: how much */
	NVB_SETTING_CACHE,     /* cache `name` ("shaders") is kept (`amount` 1), "shaders-size": in bytes */
	NVB_SETTING_NUMA,      /* `amount` 1: the CPUs that are near to the GPUs, no others */
	NVB_SETTING_NICE,      /* nice value (int64_t)`amount` */
	NVB_SETTING_SCHEDULER, /* policy `value` ("fifo") */
	NVB_SETTING_PRIORITY,  /* of a real-time policy */
	NVB_SETTING_KNOB,      /* knob `name` of each GPU (src/knob/value.h) has `value` */
};

struct nvb_setting {
	enum nvb_setting_kind kind;
	const char *name, *value;
	uint64_t amount;
	const char *profile; /* whose it is */
	const char *reason;  /* for people, or NULL */
	const char *file;    /* where it was said, NULL: not in a file */
	unsigned line;
};

/*
 * The session of whoever starts a container, as its environment tells: where display, audio and caches are.
 * Strings in the request's arena, NULL where the environment says nothing. A spec for everybody has none.
 */
struct nvb_session {
	bool known;
	const char *display, *xauthority, *wayland, *runtime_directory;
	const char *pulse_server;    /* PULSE_SERVER */
	const char *cache_directory; /* where this user's caches of containers are kept */
};

struct nvb_request {
	struct nvb_arena arena;
	enum nvb_isolation isolation;
	enum nvb_mig_match mig_match;
	uint64_t memory_limit;	  /* bytes of each GPU; 0: none */
	uint32_t compute_limit;	  /* percent of each GPU's multiprocessors; 0: none */
	struct nvb_limit *limits; /* malloc'd array: what became of these on this host (src/isolation) */
	size_t limit_count, limit_capacity;
	bool decided;	 /* by src/isolation: the selectors are what was granted */
	const char *mps; /* host path of the directories of an MPS daemon of the container's own, or NULL */
	struct nvb_setting *settings; /* malloc'd array; of two for the same thing the last counts */
	size_t setting_count, setting_capacity;
	struct nvb_selector *selectors; /* malloc'd array, strings in the arena */
	size_t selector_count, selector_capacity;
	unsigned capabilities; /* enum nvb_capability bits, and enum nvb_without bits */
	struct nvb_session session;
	bool none;   /* "none" or "void" was said: no GPU, and no other selector may stand beside it */
	bool driver; /* the driver's files and control nodes, also without any GPU: what NVIDIA's "none" means
		      */
	unsigned features, required_features; /* enum nvb_feature bits; the second is a part of the first */
	bool all_channels;		      /* every IMEX channel there is */
	uint32_t *channels;		      /* malloc'd; numbers of IMEX channels, in the order they came */
	size_t channel_count, channel_capacity;
};

/* Who keeps a limit. Edits that are no limit say NVB_ENFORCED_NA. */
enum nvb_enforcement {
	NVB_ENFORCED_NA,
	NVB_ENFORCED_HARDWARE, /* MIG */
	NVB_ENFORCED_DRIVER,   /* MPS, dmem */
	/* cgroup: device nodes that are not listed cannot be opened; in a user namespace: nobody can make
	   them */
	NVB_ENFORCED_KERNEL,
	NVB_ENFORCED_NOBODY, /* recorded only */
};

enum nvb_limit_kind {
	NVB_LIMIT_MEMORY,  /* amounts are bytes */
	NVB_LIMIT_COMPUTE, /* amounts are tenths of a percent of a GPU's multiprocessors */
};

/* One limit as it was granted on this host. */
struct nvb_limit {
	enum nvb_limit_kind kind;
	enum nvb_enforcement enforcement;
	uint64_t asked;	    /* 0: nothing; a MIG device has its size anyway */
	uint64_t granted;   /* 0: unknown, or nothing is enforced */
	const char *device; /* "2", "0:1": of which device; NULL: of each */
	const char *by;	    /* "MIG 3g.40gb", "MPS", NULL */
	const char *reason; /* for people */
	const char *dmem;   /* lines for a control group's dmem.max that keep it; NULL: it is kept otherwise */
};

/* Adds one; its strings are copied. */
int nvb_request_add_limit(struct nvb_request *request, const struct nvb_limit *limit, nvb_error **err);

/* "asked 8000000000 bytes, granted ... by MIG 1g.18gb" in `buffer`; returns buffer. */
enum { NVB_LIMIT_TEXT = 160 };
const char *nvb_limit_describe(const struct nvb_limit *limit, char *buffer, size_t size);

/* "shared", "exclusive", "virtual"; "up", "strict", "down" */
extern const struct nvb_choice nvb_isolation_names[];
extern const struct nvb_choice nvb_mig_match_names[];

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
 * settings, isolation and limits. The strings of the settings stay the other's. */
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
