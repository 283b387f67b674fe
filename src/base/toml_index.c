/* SPDX-License-Identifier: Apache-2.0 */
#include "base/toml_reader.h"

/* A hash table with open addressing; the seed is random, so that a file cannot be made to collide (FNV-1a
 * alone could be; the final mix spreads the table's address and the seed over all bits). */
static uint64_t hash(
	const struct toml_reader *r, const struct nvb_toml_value *table, const char *key, size_t size)
{
	uint64_t h = r->seed ^ (uint64_t)(uintptr_t)table;

	for (size_t i = 0; i < size; i++) {
		h = (h ^ (unsigned char)key[i]) * 0x100000001b3U;
		h ^= h >> 29;
	}
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdU;
	return h ^ (h >> 33);
}

static struct toml_slot *slot_of(
	const struct toml_reader *r, const struct nvb_toml_value *table, const char *key, size_t size)
{
	size_t i = (size_t)hash(r, table, key, size) & (r->slot_capacity - 1);

	for (;; i = (i + 1) & (r->slot_capacity - 1)) {
		struct toml_slot *slot = &r->slots[i];

		if (!slot->table || (slot->table == table && slot->member->key_size == size &&
					    memcmp(slot->member->key, key, size) == 0))
			return slot;
	}
}

struct nvb_toml_value *toml_index_find(
	const struct toml_reader *r, const struct nvb_toml_value *table, const char *key, size_t size)
{
	return r->slot_capacity ? slot_of(r, table, key, size)->member : NULL;
}

static bool double_slots(struct toml_reader *r)
{
	struct toml_slot *old = r->slots;
	size_t old_capacity = r->slot_capacity;
	size_t capacity = old_capacity ? old_capacity * 2 : 64;
	struct toml_slot *slots = calloc(capacity, sizeof(*slots));

	if (!slots)
		return false;
	r->slots = slots;
	r->slot_capacity = capacity;
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i].table)
			*slot_of(r, old[i].table, old[i].member->key, old[i].member->key_size) = old[i];
	free(old);
	return true;
}

bool toml_index_add(struct toml_reader *r, const struct nvb_toml_value *table, struct nvb_toml_value *member)
{
	/* At most half full, so that runs stay short. */
	if (r->slot_count * 2 >= r->slot_capacity && !double_slots(r))
		return false;
	*slot_of(r, table, member->key, member->key_size) = (struct toml_slot){table, member};
	r->slot_count++;
	return true;
}
