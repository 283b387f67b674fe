/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_CDI_H
#define NVBIND_CDI_H

#include "nvbind/error.h"
#include "nvbind/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Readers of CDI specs take both; files are named .yaml and .json. */
enum nvb_cdi_format {
	NVB_CDI_YAML,
	NVB_CDI_JSON,
};

/** How devices are named in a generated spec. Bits; both give every device two names. */
enum nvb_cdi_naming {
	NVB_CDI_NAME_INDEX = 1, /* "0", "0:1" */
	NVB_CDI_NAME_UUID = 2,	/* "GPU-...", "MIG-..." */
};

/** Set `size` to sizeof(struct nvb_cdi_options); zero and NULL are the defaults. Strings are borrowed for the
 * call. */
struct nvb_cdi_options {
	size_t size;
	const char *vendor;	  /* "nvidia.com" */
	const char *device_class; /* "gpu" */
	unsigned naming;	  /* enum nvb_cdi_naming; 0: index */
	const char *version;	  /* cdiVersion to write; NULL: the lowest that covers the fields used */
	const char *hook_path;	  /* absolute path of nvbind-hook as the container runtime will call it; NULL:
				     where it is installed */
	enum nvb_cdi_format format;
};

/**
 * Writes a plan as a spec of the Container Device Interface: what is common into containerEdits, each device
 * under its names, "all" for all of them. Major and minor numbers are left out: the reader resolves them when
 * the container is made, so the spec does not go stale with them. Links and the linker's cache are left to a
 * createContainer hook, nvbind-hook. What CDI has no word for (of a profile: limits, the size of /dev/shm,
 * CPUs, scheduling, knobs) is left out. The same plan and options give the same bytes.
 *
 * `options` may be NULL. On success *text is malloc'd, ends in a newline and a NUL, and belongs to the
 * caller; *size (may be NULL) is its length without the NUL. On failure both are untouched. Errors:
 * NVB_ERR_INVALID for a vendor, class, device name or version that the CDI specification refuses, a version
 * too low for a field that is needed, a hook path that is not absolute, a string that is not UTF-8;
 * NVB_ERR_UNSUPPORTED for a plan that no spec can say (NVB_LAYOUT_LAYER; a device without a UUID named by
 * UUID alone); NVB_ERR_NO_MEMORY. Thread-safe. Source:
 * https://github.com/cncf-tags/container-device-interface, SPEC.md.
 */
NVB_API int nvb_cdi_write(const nvb_plan *plan, const struct nvb_cdi_options *options, char **text,
	size_t *size, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
