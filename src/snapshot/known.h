/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_KNOWN_H
#define NVB_SNAPSHOT_KNOWN_H

#include <stdbool.h>

#include "snapshot/format.h"

/* Which chunks there are already, by their hash: 40 bytes for each. Not thread-safe. */
struct nvb_place {
	uint32_t pack, chunk; /* pack by its number in the writer's or the index' list */
};

struct nvb_known {
	struct nvb_known_slot *slots;
	size_t count, capacity;
};

bool nvb_known_find(
	const struct nvb_known *known, const uint8_t hash[static NVB_HASH], struct nvb_place *place);
/* A hash that is there already keeps its first place. False without memory. */
bool nvb_known_add(struct nvb_known *known, const uint8_t hash[static NVB_HASH], struct nvb_place place);
void nvb_known_release(struct nvb_known *known);

#endif
