/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_OCI_H
#define NVBIND_OCI_H

#include "nvbind/error.h"
#include "nvbind/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Set `size` to sizeof(struct nvb_oci_options); zero and NULL are the defaults. */
struct nvb_oci_options {
	size_t size;
	const char *hook_path; /* absolute path of nvbind-hook for the links and the linker's cache; NULL: the
				  built-in path. */
	bool no_hook;	       /* the caller does the work inside the root itself (nvb_container_apply) */
	bool user_namespace;   /* the runtime itself will run in a user namespace and cannot mknod; one that
				  config.json asks for is seen without this */
	const char *container_root; /* absolute path of the container's root, as config.json has it below its
				       bundle: the hook then works while the runtime still writes the
				       container's state for it; NULL: the state tells it */
};

/**
 * Edits an OCI config.json from memory to memory: adds the plan's devices, device cgroup rules, mounts,
 * environment, groups, limits and the one hook. What a config.json cannot bring about in every runtime (a
 * profile's CPUs, scheduling and knobs) is left to whoever starts the container. Everything it does not touch stays byte for byte as it was.
 * Environment variables, mounts and devices that are already there with the same name, destination or path
 * are replaced, so doing it twice gives the same bytes. Device cgroup rules go behind those that are there:
 * the last one that matches a device decides. Numbers of devices that the plan does not know are read from
 * the node itself. *out is malloc'd (NUL-terminated beyond *out_size). Errors: NVB_ERR_CORRUPT with the JSON
 * path for input that is not strict JSON (RFC 8259; duplicate keys, lone surrogates, NUL and keys that differ
 * from ours only in case are refused) or not a config.json; NVB_ERR_NOT_FOUND for a node that is gone;
 * NVB_ERR_INVALID for options of another library; NVB_ERR_NO_MEMORY. Thread-safe.
 */
NVB_API int nvb_oci_edit(const char *config, size_t size, const nvb_plan *plan,
	const struct nvb_oci_options *options, char **out, size_t *out_size, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
