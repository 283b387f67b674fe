/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "snapshot/known.h"
#include "snapshot/reader.h"

/* What differs between two snapshots, by the hashes of their chunks. */

struct side {
	nvb_snapshot *snapshot;
	struct nvb_pack_reader *packs;
	const struct nvb_tree_index *tree;
	struct named {
		char *path;
		uint32_t entry;
	} * names; /* sorted by path */
};

struct comparing {
	struct side a, b;
	const char *tree;
	nvb_snapshot_differs each;
	void *data;
	nvb_error **err;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->path, ((const struct named *)b)->path);
}

static int name_all(struct side *side, nvb_error **err)
{
	size_t count = side->tree ? side->tree->count : 0;

	side->names = calloc(count + 1, sizeof(*side->names));
	if (!side->names)
		return nvb_fail_oom(err);
	for (uint32_t i = 0; i < count; i++) {
		side->names[i] = (struct named){nvb_entry_path(side->tree, i), i};
		if (!side->names[i].path)
			return nvb_fail_oom(err);
	}
	qsort(side->names, count, sizeof(*side->names), compare_names);
	return 0;
}

static void forget(struct side *side)
{
	for (size_t i = 0; side->names && side->tree && i < side->tree->count; i++)
		free(side->names[i].path);
	free(side->names);
	side->names = NULL;
}

static const struct nvb_tree_entry *entry_of(const struct side *side, size_t name)
{
	const struct nvb_tree_entry *e = &side->tree->entries[side->names[name].entry];

	return e->type == NVB_ENTRY_HARDLINK ? &side->tree->entries[e->link] : e;
}

typedef bool (*for_chunk)(void *data, const struct nvb_pack_entry *chunk);

static bool each_chunk(const struct side *side, const struct nvb_tree_entry *e, for_chunk each, void *data)
{
	for (size_t i = 0; i < e->extent_count; i++)
		for (uint64_t c = 0; e->extents[i].pack != NVB_NO_PACK && c < e->extents[i].count; c++)
			if (!each(data, &side->packs[e->extents[i].pack].entries[e->extents[i].first + c]))
				return false;
	return true;
}

static bool know(void *data, const struct nvb_pack_entry *chunk)
{
	return nvb_known_add(data, chunk->hash, (struct nvb_place){0});
}

struct counting {
	const struct nvb_known *known;
	uint64_t bytes;
};

static bool count_new(void *data, const struct nvb_pack_entry *chunk)
{
	struct counting *counting = data;
	struct nvb_place place;

	if (!nvb_known_find(counting->known, chunk->hash, &place))
		counting->bytes += chunk->raw;
	return true;
}

/* A place in a file's sequence of chunks and zeros. */
struct cursor {
	const struct side *side;
	const struct nvb_tree_entry *entry;
	size_t extent;
	uint64_t taken; /* of it: chunks, or bytes of zeros */
};

static const struct nvb_extent *at(const struct cursor *cursor)
{
	return cursor->extent < cursor->entry->extent_count ? &cursor->entry->extents[cursor->extent] : NULL;
}

static void step(struct cursor *cursor, uint64_t count)
{
	cursor->taken += count;
	if (cursor->taken == at(cursor)->count) {
		cursor->extent++;
		cursor->taken = 0;
	}
}

/* The same sequence, however it lies in packs. */
static bool same_sequence(struct cursor a, struct cursor b)
{
	const struct nvb_extent *x, *y;

	while ((x = at(&a)) && (y = at(&b))) {
		uint64_t count = 1;

		if ((x->pack == NVB_NO_PACK) != (y->pack == NVB_NO_PACK))
			return false;
		if (x->pack == NVB_NO_PACK)
			count = x->count - a.taken < y->count - b.taken ? x->count - a.taken
									: y->count - b.taken;
		else if (memcmp(a.side->packs[x->pack].entries[x->first + a.taken].hash,
				 b.side->packs[y->pack].entries[y->first + b.taken].hash, NVB_HASH) != 0)
			return false;
		step(&a, count);
		step(&b, count);
	}
	return !at(&a) && !at(&b);
}

/* Where it is not the same, how much of the later one the earlier one does not have. */
static bool same_content(const struct comparing *c, const struct nvb_tree_entry *a,
	const struct nvb_tree_entry *b, uint64_t *changed)
{
	struct nvb_known known = {0};
	struct counting counting = {.known = &known};

	*changed = 0;
	if (a->size == b->size &&
		same_sequence((struct cursor){&c->a, a, 0, 0}, (struct cursor){&c->b, b, 0, 0}))
		return true;
	each_chunk(&c->a, a, know, &known);
	each_chunk(&c->b, b, count_new, &counting);
	nvb_known_release(&known);
	*changed = counting.bytes;
	return false;
}

/* Times are not told: CRIU writes all of its files anew. */
static bool same_attributes(const struct nvb_tree_entry *a, const struct nvb_tree_entry *b)
{
	if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid || a->xattr_count != b->xattr_count)
		return false;
	for (size_t i = 0; i < a->xattr_count; i++)
		if (!nvb_streq(a->xattrs[i].name, b->xattrs[i].name) ||
			a->xattrs[i].size != b->xattrs[i].size ||
			memcmp(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].size) != 0)
			return false;
	return true;
}

static int tell(const struct comparing *c, enum nvb_snapshot_change change, const char *path,
	const struct nvb_tree_entry *a, const struct nvb_tree_entry *b, uint64_t changed)
{
	struct nvb_snapshot_difference d = {.change = change,
		.tree = c->tree,
		.path = path,
		.before = a ? a->size : 0,
		.after = b ? b->size : 0,
		.changed = a ? changed : b->size};

	return c->each(c->data, &d, c->err);
}

static int compare_one(const struct comparing *c, const char *path, const struct nvb_tree_entry *a,
	const struct nvb_tree_entry *b)
{
	uint64_t changed = 0;
	bool same = a->type == b->type && nvb_streq0(a->target, b->target) && a->major == b->major &&
		    a->minor == b->minor;

	if (same && a->type == NVB_ENTRY_FILE)
		same = same_content(c, a, b, &changed);
	if (!same)
		return tell(c, NVB_SNAPSHOT_CHANGED, path, a, b, changed);
	return same_attributes(a, b) ? 0 : tell(c, NVB_SNAPSHOT_ATTRIBUTES, path, a, b, 0);
}

static int compare_tree(struct comparing *c)
{
	size_t i = 0, j = 0, n = c->a.tree ? c->a.tree->count : 0, m = c->b.tree ? c->b.tree->count : 0;
	int rc = name_all(&c->a, c->err);

	if (rc == 0)
		rc = name_all(&c->b, c->err);
	while (rc == 0 && (i < n || j < m)) {
		int order = i == n ? 1 : j == m ? -1 : strcmp(c->a.names[i].path, c->b.names[j].path);

		if (order < 0) {
			rc = tell(c, NVB_SNAPSHOT_REMOVED, c->a.names[i].path, entry_of(&c->a, i), NULL, 0);
			i++;
		} else if (order > 0) {
			rc = tell(c, NVB_SNAPSHOT_ADDED, c->b.names[j].path, NULL, entry_of(&c->b, j), 0);
			j++;
		} else {
			rc = compare_one(c, c->a.names[i].path, entry_of(&c->a, i), entry_of(&c->b, j));
			i++;
			j++;
		}
	}
	forget(&c->a);
	forget(&c->b);
	return rc;
}

static int compare_all(struct comparing *c)
{
	const struct nvb_index *a = &c->a.snapshot->index, *b = &c->b.snapshot->index;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < a->tree_count; i++) {
		c->tree = a->trees[i].name;
		c->a.tree = &a->trees[i];
		c->b.tree = nvb_index_tree(b, c->tree);
		rc = compare_tree(c);
	}
	for (size_t i = 0; rc == 0 && i < b->tree_count; i++) {
		c->tree = b->trees[i].name;
		if (nvb_index_tree(a, c->tree))
			continue;
		c->a.tree = NULL;
		c->b.tree = &b->trees[i];
		rc = compare_tree(c);
	}
	return rc;
}

int nvb_snapshot_diff(
	nvb_snapshot *before, nvb_snapshot *after, nvb_snapshot_differs each, void *data, nvb_error **err)
{
	struct comparing c = {
		.a = {.snapshot = before}, .b = {.snapshot = after}, .each = each, .data = data, .err = err};
	int rc = nvb_snapshot_need_content(before, err);

	if (rc == 0)
		rc = nvb_snapshot_need_content(after, err);
	/* Hashes under different keys say nothing of each other. */
	if (rc == 0 && (before->keys.encrypted != after->keys.encrypted))
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"one of the two is encrypted, the other is not: their chunks cannot be compared");
	if (rc == 0)
		rc = nvb_packs_open(before, NULL, &c.a.packs, err);
	if (rc == 0)
		rc = nvb_packs_open(after, NULL, &c.b.packs, err);
	if (rc == 0)
		rc = compare_all(&c);
	nvb_packs_close(before, c.a.packs);
	nvb_packs_close(after, c.b.packs);
	return rc;
}
