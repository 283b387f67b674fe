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

/**
 * Adds devices beside GPUs: `features` are enum nvb_feature bits. `required` decides about those that this
 * host does not have: true, the plan fails with NVB_ERR_NOT_FOUND; false, it goes without them and says so
 * among its warnings, as NVIDIA's runtime does for what an image's environment asks for. A bit that was
 * required once stays required. Without any selector of GPUs the plan has these devices alone, except
 * NVB_FEATURE_MANAGEMENT, which brings all GPUs.
 *
 * This says what is asked for, not who may ask: NVIDIA's rule is that NVB_FEATURE_MIG_CONFIG and
 * NVB_FEATURE_MIG_MONITOR are for containers with CAP_SYS_ADMIN only, and whoever takes requests from
 * containers has to keep it. NVB_ERR_INVALID for a bit that is none.
 */
NVB_API int nvb_request_add_features(
	nvb_request *request, unsigned features, bool required, nvb_error **error);

/**
 * Adds IMEX channels, through which GPUs of several hosts share memory, as NVIDIA_IMEX_CHANNELS spells them:
 * numbers ("0", "0,4", "channel0") or "all" that this host has. A number that is not there fails the plan
 * with NVB_ERR_NOT_FOUND; "all" on a host without any is a warning. NVB_ERR_INVALID for anything else;
 * numbers end at 2^20-1, the largest minor number of a node.
 */
NVB_API int nvb_request_add_imex_channels(nvb_request *request, const char *list, nvb_error **error);

/** How a container shares its GPUs with others. */
enum nvb_isolation {
	NVB_ISOLATION_SHARED,	 /* others may use them too */
	NVB_ISOLATION_EXCLUSIVE, /* nobody else gets them from nvbind as long as the container lives */
	NVB_ISOLATION_VIRTUAL,	 /* a part of a GPU: a MIG device, else MPS with limits */
};

/** Which MIG device stands in for an asked size when none has it exactly. */
enum nvb_mig_match {
	NVB_MIG_MATCH_UP,     /* the smallest that has at least what was asked (the default) */
	NVB_MIG_MATCH_STRICT, /* exactly the size asked */
	NVB_MIG_MATCH_DOWN,   /* where none is large enough, the largest there is */
};

/** Sets the mode: "shared" (the default), "exclusive", "virtual". NVB_ERR_INVALID for anything else. */
NVB_API int nvb_request_set_isolation(nvb_request *request, const char *mode, nvb_error **error);

/**
 * Limits each GPU's memory, with its unit: "8GB" (8 * 10^9 bytes), "8GiB" (8 * 2^30). Limits the share of its
 * multiprocessors: "80%". What enforces them depends on the host; the plan says who (docs/isolation.md), and
 * isolation "virtual" is refused where nobody would. NVB_ERR_INVALID for a value without its unit.
 */
NVB_API int nvb_request_set_memory_limit(nvb_request *request, const char *size, nvb_error **error);
NVB_API int nvb_request_set_compute_limit(nvb_request *request, const char *share, nvb_error **error);

/** Sets how MIG devices are matched to the limits: "up", "strict", "down". */
NVB_API int nvb_request_set_mig_match(nvb_request *request, const char *match, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
