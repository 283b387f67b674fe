/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_REGISTRY_H
#define NVB_CDI_REGISTRY_H

#include "cdi/model.h"
#include "nvbind/log.h"

/*
 * The CDI specs of a host: what lies in its spec directories (files that end in .json or .yaml, no
 * subdirectories), and which device each name means. Of two specs for one device that of the later directory
 * counts; two in one directory are a conflict, and the device cannot be used. A spec that cannot be used is
 * no reason not to use the others: it is kept as a fault.
 */

/* /etc/cdi and /var/run/cdi, NULL-terminated. Source: the reference implementation (pkg/cdi/spec-dirs.go). */
extern const char *const nvb_cdi_default_directories[];

struct nvb_cdi_source {
	char *path;
	size_t priority; /* index of its directory */
	struct nvb_cdi_spec spec;
};

struct nvb_cdi_fault {
	char *path; /* of a spec or a directory */
	nvb_error *error;
};

struct nvb_cdi_entry {
	const char *name; /* "nvidia.com/gpu=0" */
	const struct nvb_cdi_source *source;
	const struct nvb_cdi_device *device;
	const struct nvb_cdi_source
		*rival; /* another spec of the same directory that has the name, or NULL */
};

struct nvb_cdi_registry {
	struct nvb_arena arena;
	char **directories;
	struct nvb_cdi_source *sources; /* by directory, then by name */
	size_t source_count, source_capacity;
	struct nvb_cdi_fault *faults;
	size_t fault_count, fault_capacity;
	struct nvb_cdi_entry *entries; /* by name, each name once */
	size_t entry_count;
};

/* Reads the directories (NULL: the default ones); one that is not there is empty. *registry must be zeroed.
 * Fails only without memory. Faults are logged as warnings. */
int nvb_cdi_registry_load(struct nvb_cdi_registry *registry, const char *const *directories,
	const struct nvb_log *log, nvb_error **err);

void nvb_cdi_registry_release(struct nvb_cdi_registry *registry);
#define _cleanup_cdi_registry_ _cleanup_(nvb_cdi_registry_release)

/* The entry of a qualified name, or NULL. */
const struct nvb_cdi_entry *nvb_cdi_registry_entry(const struct nvb_cdi_registry *registry, const char *name);

/*
 * Finds a device by its qualified name. NVB_ERR_INVALID for what is no such name, NVB_ERR_NOT_FOUND with what
 * there is, NVB_ERR_CONFLICT with both specs.
 */
int nvb_cdi_registry_find(const struct nvb_cdi_registry *registry, const char *name,
	const struct nvb_cdi_entry **entry, nvb_error **err);

#endif
