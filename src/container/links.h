/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_LINKS_H
#define NVB_CONTAINER_LINKS_H

#include "container/place.h"
#include "inventory/inventory.h"
#include "nvbind/log.h"

enum nvb_link_outcome {
	NVB_LINK_MADE,
	NVB_LINK_KEPT, /* it was there already */
	NVB_LINK_LEFT, /* something of the image's own stands there, and stays */
};

/*
 * Makes one symbolic link with the directories above it. A link to somewhere else is replaced in one step;
 * anything that is no link is left. Returns an enum nvb_link_outcome or a negated code.
 */
int nvb_link_make(const struct nvb_place *place, const struct nvb_link *link, nvb_error **err);

/* Makes them all; what goes wrong with one is logged and does not keep the others from being made. */
void nvb_links_make(
	const struct nvb_place *place, const struct nvb_link *links, size_t count, const struct nvb_log *log);

#endif
