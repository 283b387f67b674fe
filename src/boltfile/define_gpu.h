/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_DEFINE_GPU_H
#define NVB_BOLTFILE_DEFINE_GPU_H

#include "boltfile/define.h"

/* The GPU's part of nvb_service_define. */
int nvb_service_define_gpu(const struct nvb_boltfile *file, const struct nvb_service *service,
	const struct nvb_define_host *host, struct nvb_capsule_definition *definition, nvb_error **err);

#endif
