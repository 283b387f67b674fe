/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_VALIDATE_H
#define NVB_CDI_VALIDATE_H

#include "cdi/model.h"
#include "cdi/report.h"

/* The rules about what fields say, for a spec that was decoded. */
void nvb_cdi_validate(struct nvb_cdi_spec *spec, struct nvb_cdi_report *report);

/* False for a mount of a file system (tmpfs, say), whose hostPath is no path of the host. */
bool nvb_cdi_is_bind(const struct nvb_cdi_mount *mount);

/*
 * Names. Each gives NULL when the name is good, else what is wrong with it ("begins with '-'"), a static
 * string. Source: the specification's "Kind" and "CDI Devices", and pkg/parser of the reference
 * implementation, which alone says that ':' is allowed in device names.
 */
const char *nvb_cdi_check_vendor(const char *name, size_t size);
const char *nvb_cdi_check_class(const char *name, size_t size);
const char *nvb_cdi_check_device(const char *name, size_t size);

/* A qualified device name cut into its parts, which point into the name. */
struct nvb_cdi_name {
	const char *vendor, *class, *device;
	size_t vendor_size, class_size; /* the device is the rest */
};

/* "nvidia.com/gpu=0"; NVB_ERR_INVALID says what is wrong with it. */
int nvb_cdi_name_parse(const char *text, struct nvb_cdi_name *name, nvb_error **err);

#endif
