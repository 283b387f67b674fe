/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_COMPAT_H
#define NVB_CONTAINER_COMPAT_H

#include "base/root.h"
#include "container/libraries.h"
#include "nvbind/log.h"

/*
 * CUDA forward compatibility: an image may bring a newer libcuda (package cuda-compat) that runs on an older
 * kernel module. It is used by standing before the driver's own in ld.so.cache; no file is changed.
 *
 * Which one is used follows NVIDIA's hook enable-cuda-compat: of exactly one libcuda.so.<version> in
 * NVB_COMPAT_DIRECTORY, its note .note.cuda.fwd_compatibility names the driver branches it runs on; without
 * the note it must be of a later branch than the host's driver.
 */

/* A dotted version; numbers that are not there count as 0. */
struct nvb_driver_version {
	unsigned numbers[4];
};

/* "550.54.15"; false for anything but one to four numbers. */
bool nvb_driver_version_parse(const char *text, struct nvb_driver_version *version);
int nvb_driver_version_compare(const struct nvb_driver_version *a, const struct nvb_driver_version *b);

/* Appends the entries of the image's cuda-compat to *found, where it is to be used with this driver. All in
 * the image is hostile input; what is wrong with it is logged. Fails only without memory. */
int nvb_compat_find(const struct nvb_root *root, const char *driver, struct nvb_libraries *found,
	const struct nvb_log *log, nvb_error **err);

#endif
