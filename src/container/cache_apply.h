/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_CACHE_APPLY_H
#define NVB_CONTAINER_CACHE_APPLY_H

#include "container/container.h"
#include "container/place.h"

/* Merges the libraries of the work's directories into etc/ld.so.cache. What goes wrong is logged; fails only
 * without memory. */
int nvb_cache_apply(const struct nvb_place *place, const struct nvb_container_work *work,
	const struct nvb_log *log, nvb_error **err);

#endif
