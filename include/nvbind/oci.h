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
};

/**
 * Edits an OCI config.json from memory to memory: adds the plan's devices, device cgroup rules, mounts,
 * environment, groups and the one hook. Everything it does not touch stays byte for byte as it was.
 * Environment variables and mounts that are already there with the same name or destination are replaced, so
 * doing it twice gives the same bytes. *out is malloc'd (NUL-terminated beyond *out_size). Errors:
 * NVB_ERR_CORRUPT with the JSON path for input that is not strict JSON (RFC 8259: duplicate keys, lone
 * surrogates and NUL are refused) or not a config.json; NVB_ERR_NO_MEMORY. Thread-safe.
 */
NVB_API int nvb_oci_edit(const char *config, size_t size, const nvb_plan *plan,
	const struct nvb_oci_options *options, char **out, size_t *out_size, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
