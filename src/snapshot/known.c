/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/known.h"

#include <stdlib.h>

#include "base/mem.h"

struct nvb_known_slot {
	uint8_t hash[NVB_HASH];
	struct nvb_place place; /* chunk UINT32_MAX: free */
};

enum { SMALLEST = 1024 };

/* Open addressing; the hash is as good as random. */
static size_t slot_of(const struct nvb_known *known, const uint8_t *hash)
{
	size_t i = (size_t)nvb_get_u64(hash) & (known->capacity - 1);

	while (known->slots[i].place.chunk != UINT32_MAX && memcmp(known->slots[i].hash, hash, NVB_HASH) != 0)
		i = (i + 1) & (known->capacity - 1);
	return i;
}

bool nvb_known_find(
	const struct nvb_known *known, const uint8_t hash[static NVB_HASH], struct nvb_place *place)
{
	size_t i;

	if (!known->capacity)
		return false;
	i = slot_of(known, hash);
	if (known->slots[i].place.chunk == UINT32_MAX)
		return false;
	*place = known->slots[i].place;
	return true;
}

static bool grow(struct nvb_known *known)
{
	struct nvb_known larger = {.capacity = known->capacity ? 2 * known->capacity : SMALLEST};

	larger.slots = malloc(larger.capacity * sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < larger.capacity; i++)
		larger.slots[i].place.chunk = UINT32_MAX;
	for (size_t i = 0; i < known->capacity; i++)
		if (known->slots[i].place.chunk != UINT32_MAX)
			larger.slots[slot_of(&larger, known->slots[i].hash)] = known->slots[i];
	larger.count = known->count;
	free(known->slots);
	*known = larger;
	return true;
}

bool nvb_known_add(struct nvb_known *known, const uint8_t hash[static NVB_HASH], struct nvb_place place)
{
	size_t i;

	if (known->count >= known->capacity / 4 * 3 && !grow(known))
		return false;
	i = slot_of(known, hash);
	if (known->slots[i].place.chunk != UINT32_MAX)
		return true;
	memcpy(known->slots[i].hash, hash, NVB_HASH);
	known->slots[i].place = place;
	known->count++;
	return true;
}

void nvb_known_release(struct nvb_known *known)
{
	free(known->slots);
	*known = (struct nvb_known){0};
}
