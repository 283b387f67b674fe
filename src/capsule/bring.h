/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_BRING_H
#define NVB_CAPSULE_BRING_H

#include "base/error.h"
#include "capsule/image.h"
#include "capsule/run.h"

/* Opens a capsule's image, brought into the store first where the definition says so, or the directory that
 * it names instead. */
int nvb_image_bring(const struct nvb_run_host *host, const struct nvb_capsule_spec *spec,
	struct nvb_image *image, nvb_error **err);

#endif
