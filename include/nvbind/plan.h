/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_PLAN_H
#define NVBIND_PLAN_H

#include <stdbool.h>

#include "nvbind/error.h"
#include "nvbind/inventory.h"
#include "nvbind/request.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The edits that give a container what was asked, as data, each with its reason. Immutable once made. */
typedef struct nvb_plan nvb_plan;

/** How the driver's files reach the container. */
enum nvb_layout {
	NVB_LAYOUT_FILES, /* one bind mount per file */
	NVB_LAYOUT_TREE,  /* one bind mount of the driver tree at /run/nvbind/driver, links lead into it */
	NVB_LAYOUT_LAYER, /* the driver tree is a lower layer of the container's overlay: no mount at all */
};

/** Set `size` to sizeof(struct nvb_plan_options); zero and NULL are the defaults. */
struct nvb_plan_options {
	size_t size;
	enum nvb_layout layout;
	const char *tree; /* host path of the driver tree for the layouts that use one; see nvb_tree_ensure */
	const char *const *cdi_directories; /* NULL-terminated; where CDI names are looked up, later ones win;
					     * NULL: /etc/cdi, /var/run/cdi */
	const struct nvb_log *log;
	bool no_cuda_compat; /* the driver's own libcuda, also where the image brings a newer one */
	bool no_params_mask; /* the container sees the driver's parameters as they are */
};

/**
 * Makes the plan for a request on this host. Touches nothing. The plan keeps no reference to request or
 * inventory. Errors: NVB_ERR_NOT_FOUND (a GPU that is not there), NVB_ERR_UNSUPPORTED (no driver, MIG device
 * on WSL2 ...), NVB_ERR_STALE (libraries and kernel module of different versions).
 */
NVB_API int nvb_plan_make(const nvb_request *request, const nvb_inventory *inventory,
	const struct nvb_plan_options *options, nvb_plan **plan, nvb_error **error);

NVB_API void nvb_plan_free(nvb_plan *plan);

/** The plan as JSON, as `nvbind plan --format json` prints it; malloc'd into *json. */
NVB_API int nvb_plan_to_json(const nvb_plan *plan, char **json, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
