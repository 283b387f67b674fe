/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_CDI_H
#define NVBIND_CDI_H

#include "nvbind/error.h"
#include "nvbind/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

enum nvb_cdi_format {
	NVB_CDI_YAML,
	NVB_CDI_JSON,
};

/** How devices are named in a generated spec. Bits; both give every device two names. */
enum nvb_cdi_naming {
	NVB_CDI_NAME_INDEX = 1, /* "0", "0:1" */
	NVB_CDI_NAME_UUID = 2,	/* "GPU-...", "MIG-..." */
};

/** Set `size` to sizeof(struct nvb_cdi_options); zero and NULL are the defaults. */
struct nvb_cdi_options {
	size_t size;
	const char *vendor;	  /* "nvidia.com" */
	const char *device_class; /* "gpu" */
	unsigned naming;	  /* enum nvb_cdi_naming; 0: index */
	const char *version;	  /* cdiVersion to write; NULL: the lowest that covers the fields used */
	const char *hook_path;	  /* absolute path of nvbind-hook as the container runtime will call it */
	enum nvb_cdi_format format;
};

/**
 * Writes a plan as a CDI spec: what is common into containerEdits, each device under its names, "all" for all
 * of them. Major and minor numbers are left out: the reader resolves them when the container is made. *text
 * is malloc'd. Errors: NVB_ERR_INVALID for a vendor, class or version the CDI specification refuses, or a
 * version too low for a field that is needed. Thread-safe.
 */
NVB_API int nvb_cdi_write(const nvb_plan *plan, const struct nvb_cdi_options *options, char **text,
	size_t *size, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
