/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_STALE_H
#define NVB_CDI_STALE_H

#include "cdi/diff.h"
#include "cdi/registry.h"
#include "inventory/inventory.h"

/*
 * What makes a spec wrong for this host. Three looks, each of which adds its findings: at what the spec names
 * (any spec, whoever wrote it), at what a new one would say (specs that can be made again), and at the specs
 * beside it.
 */
enum nvb_cdi_stale {
	NVB_CDI_STALE_INVALID,	/* cannot be read, or is no spec */
	NVB_CDI_STALE_CONFLICT, /* a device stands in two specs of one directory */
	NVB_CDI_STALE_DRIVER,	/* made for another version of the driver */
	NVB_CDI_STALE_GPUS,	/* GPUs came, went or changed places */
	NVB_CDI_STALE_MIG,	/* MIG devices came, went or changed */
	NVB_CDI_STALE_NODE,	/* a device node is gone, or is new */
	NVB_CDI_STALE_NUMBERS,	/* major or minor numbers in the spec are not those of the node */
	NVB_CDI_STALE_GONE,	/* a file or directory is gone */
	NVB_CDI_STALE_NEW,	/* a file of the driver is missing in the spec */
	NVB_CDI_STALE_HOOK,	/* the hook is missing, no program, or another one */
	NVB_CDI_STALE_OTHER,	/* it says anything else than it would if made now */
	NVB_CDI_STALE_UNMADE,	/* it cannot be made again now */
	NVB_CDI_STALE_HIDDEN,	/* another directory's spec has its devices: not wrong, but not used */
	NVB_CDI_STALE_KINDS,
};

/* "driver", "gpus", "gone": for machines. */
const char *nvb_cdi_stale_name(enum nvb_cdi_stale kind);

struct nvb_cdi_finding {
	enum nvb_cdi_stale kind;
	const char *subject; /* path or device; NULL: the spec */
	const char *message; /* one line */
};

/* Zero-initialise; all strings are the arena's. A finding that is there already is not added again. */
struct nvb_cdi_findings {
	struct nvb_arena arena;
	struct nvb_cdi_finding *items; /* malloc'd; by kind, then in the order they came, once sorted */
	size_t count, capacity;
	size_t by_kind[NVB_CDI_STALE_KINDS];
};
void nvb_cdi_findings_release(struct nvb_cdi_findings *findings);
#define _cleanup_findings_ _cleanup_(nvb_cdi_findings_release)

int nvb_cdi_findings_add(struct nvb_cdi_findings *findings, enum nvb_cdi_stale kind, const char *subject,
	nvb_error **err, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void nvb_cdi_findings_sort(struct nvb_cdi_findings *findings);

/*
 * What the spec names: nodes, their numbers, sources of mounts, hooks, and the driver's version by the names
 * of its libraries. `inventory` is of the host the spec is for; NULL: the version is not looked at.
 */
int nvb_cdi_look_at_host(struct nvb_cdi_findings *findings, const struct nvb_cdi_spec *spec,
	const struct nvb_inventory *inventory, nvb_error **err);

/* What the spec says and `now`, the same made again, does not, and the other way round. */
int nvb_cdi_look_at_changes(struct nvb_cdi_findings *findings, const struct nvb_cdi_spec *spec,
	const struct nvb_cdi_spec *now, nvb_error **err);

/* The specs beside it: conflicts, and what hides it. */
int nvb_cdi_look_at_others(struct nvb_cdi_findings *findings, const struct nvb_cdi_registry *registry,
	const struct nvb_cdi_source *source, nvb_error **err);

/* The driver's version in the name of a library or a driver tree ("/usr/lib/libcuda.so.550.54.15",
 * ".../550.54.15-<digest>"), malloc'd, or NULL where there is none (or no memory). */
char *nvb_cdi_driver_version_in(const char *path);

#endif
