/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_REQUEST_H
#define NVBIND_REQUEST_H

#include "nvbind/error.h"
#include "nvbind/inventory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What is asked for. Every front (flags, Boltfile, NVIDIA_VISIBLE_DEVICES, annotations, this API) fills the
 * same object. Not thread-safe while it is being filled. */
typedef struct nvb_request nvb_request;

NVB_API int nvb_request_new(nvb_request **request, nvb_error **error);
NVB_API void nvb_request_free(nvb_request *request);

/**
 * Adds GPUs by one selector: an index ("2"), "gpu:2", a UUID ("GPU-..."), a MIG device ("0:1", "MIG-..."), a
 * PCI address ("0000:3b:00.0"), "all", "gpu:all", "none", or several joined by commas. NVB_ERR_INVALID for
 * anything else.
 */
NVB_API int nvb_request_add_gpus(nvb_request *request, const char *selector, nvb_error **error);

/**
 * Adds GPUs as Docker's --gpus spells them: "all", a count ("2": any two), or CSV of device=, count=,
 * capabilities=, driver= ('"device=0,1",capabilities=utility').
 */
NVB_API int nvb_request_add_docker_gpus(nvb_request *request, const char *value, nvb_error **error);

/** Adds a device by its CDI name ("nvidia.com/gpu=0"); resolved against the CDI specs of the host when
 * planned. */
NVB_API int nvb_request_add_cdi_device(nvb_request *request, const char *name, nvb_error **error);

/** Sets the capabilities from a list ("compute,utility", "all"). The default is compute,utility. */
NVB_API int nvb_request_set_capabilities(nvb_request *request, const char *list, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
