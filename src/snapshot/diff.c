/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "snapshot/known.h"
#include "snapshot/reader.h"

/* What differs between two snapshots, by the hashes of their chunks. */

enum { WORK_MOST = 1 << 30 }; /* chunks that are looked at: those of 12 TiB, each for its own sake */

struct side {
	nvb_snapshot *snapshot;
	struct nvb_pack_reader *packs;
	const struct nvb_tree_index *tree;
	uint32_t *order; /* entries by their directory, and in it by name */
	uint32_t *first; /* of each entry, where what is in it begins there */
};

/* Files may have many names: what was found out about two is not found out again. */
struct known_pair {
	uint32_t against; /* the entry of the earlier tree and one more; 0: none yet */
	bool same;
	uint64_t changed;
};

struct comparing {
	struct side a, b;
	const char *tree;
	struct known_pair *pairs; /* by the entry of the later tree */
	struct nvb_strbuf path;
	uint64_t work;
	nvb_snapshot_differs each;
	void *data;
	nvb_error **err;
};

static int by_directory(const void *a, const void *b, void *data)
{
	const struct nvb_tree_index *tree = data;
	const struct nvb_tree_entry *x = &tree->entries[*(const uint32_t *)a],
				    *y = &tree->entries[*(const uint32_t *)b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int arrange(struct side *side, nvb_error **err)
{
	uint32_t count = side->tree ? (uint32_t)side->tree->count : 0, at = 0;

	side->order = calloc(count + 1u, sizeof(*side->order));
	side->first = calloc(count + 2u, sizeof(*side->first));
	if (!side->order || !side->first)
		return nvb_fail_oom(err);
	/* All but the first, which is in nothing. */
	for (uint32_t i = 1; i < count; i++)
		side->order[i - 1] = i;
	if (count > 1)
		qsort_r(side->order, count - 1, sizeof(*side->order), by_directory, (void *)side->tree);
	for (uint32_t directory = 0; directory <= count; directory++) {
		while (count && at < count - 1 && side->tree->entries[side->order[at]].parent < directory)
			at++;
		side->first[directory] = at;
	}
	return 0;
}

static void forget(struct side *side)
{
	free(NVB_TAKE_PTR(side->order));
	free(NVB_TAKE_PTR(side->first));
}

/* The file that an entry is a name of. */
static uint32_t file_of(const struct side *side, uint32_t entry)
{
	const struct nvb_tree_entry *e = &side->tree->entries[entry];

	return e->type == NVB_ENTRY_HARDLINK ? e->link : entry;
}

typedef bool (*for_chunk)(void *data, const struct nvb_pack_entry *chunk);

static bool each_chunk(struct comparing *c, const struct side *side, const struct nvb_tree_entry *e,
	for_chunk each, void *data)
{
	for (size_t i = 0; i < e->extent_count; i++)
		for (uint64_t n = 0; e->extents[i].pack != NVB_NO_PACK && n < e->extents[i].count;
			n++, c->work++)
			if (!each(data, &side->packs[e->extents[i].pack].entries[e->extents[i].first + n]))
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
static bool same_sequence(struct comparing *c, struct cursor a, struct cursor b)
{
	const struct nvb_extent *x, *y;

	while ((x = at(&a)) && (y = at(&b))) {
		uint64_t count = 1;

		c->work++;
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
static int compare_content(struct comparing *c, const struct nvb_tree_entry *a,
	const struct nvb_tree_entry *b, struct known_pair *found)
{
	struct nvb_known known = {0};
	struct counting counting = {.known = &known};
	bool ok = true;

	found->same = a->size == b->size &&
		      same_sequence(c, (struct cursor){&c->a, a, 0, 0}, (struct cursor){&c->b, b, 0, 0});
	if (!found->same)
		ok = each_chunk(c, &c->a, a, know, &known) && each_chunk(c, &c->b, b, count_new, &counting);
	nvb_known_release(&known);
	found->changed = counting.bytes;
	if (c->work > WORK_MOST)
		return nvb_fail(c->err, NVB_ERR_UNSUPPORTED,
			"one large file has too many names to be compared with others by each");
	return ok ? 0 : nvb_fail_oom(c->err);
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

static int tell(const struct comparing *c, enum nvb_snapshot_change change, const struct nvb_tree_entry *a,
	const struct nvb_tree_entry *b, uint64_t changed)
{
	struct nvb_snapshot_difference d = {.change = change,
		.tree = c->tree,
		.path = c->path.len ? c->path.s : ".",
		.before = a ? a->size : 0,
		.after = b ? b->size : 0,
		.changed = a ? changed : b->size};

	return c->path.failed ? nvb_fail_oom(c->err) : c->each(c->data, &d, c->err);
}

static size_t enter(struct comparing *c, const char *name)
{
	size_t before = c->path.len;

	nvb_sb_addf(&c->path, "%s%s", before ? "/" : "", name);
	return before;
}

static void leave(struct comparing *c, size_t before)
{
	c->path.len = before;
	if (c->path.s)
		c->path.s[before] = '\0';
}

/* An entry that one of them alone has, with all that is in it. */
static int tell_all(struct comparing *c, const struct side *side, uint32_t entry)
{
	const struct nvb_tree_entry *e = &side->tree->entries[file_of(side, entry)];
	bool earlier = side == &c->a;
	int rc = tell(c, earlier ? NVB_SNAPSHOT_REMOVED : NVB_SNAPSHOT_ADDED, earlier ? e : NULL,
		earlier ? NULL : e, 0);

	for (uint32_t i = side->first[entry]; rc == 0 && i < side->first[entry + 1]; i++) {
		size_t before = enter(c, side->tree->entries[side->order[i]].name);

		rc = tell_all(c, side, side->order[i]);
		leave(c, before);
	}
	return rc;
}

static int compare_one(struct comparing *c, uint32_t in_a, uint32_t in_b)
{
	const struct nvb_tree_entry *a = &c->a.tree->entries[in_a], *b = &c->b.tree->entries[in_b];
	struct known_pair *pair = &c->pairs[in_b];
	bool same = a->type == b->type && nvb_streq0(a->target, b->target) && a->major == b->major &&
		    a->minor == b->minor;
	int rc = 0;

	if (!same || a->type != NVB_ENTRY_FILE)
		*pair = (struct known_pair){.same = same};
	else if (pair->against != in_a + 1)
		rc = compare_content(c, a, b, pair);
	if (rc < 0)
		return rc;
	pair->against = in_a + 1;
	if (!pair->same)
		return tell(c, NVB_SNAPSHOT_CHANGED, a, b, pair->changed);
	return same_attributes(a, b) ? 0 : tell(c, NVB_SNAPSHOT_ATTRIBUTES, a, b, 0);
}

/* Two entries of one path, and what is in them: side by side, as merging sorted lists does. No deeper than an
 * index is. */
static int compare_entries(struct comparing *c, uint32_t in_a, uint32_t in_b)
{
	const struct side *a = &c->a, *b = &c->b;
	uint32_t i = a->first[in_a], n = a->first[in_a + 1], j = b->first[in_b], m = b->first[in_b + 1];
	int rc = compare_one(c, file_of(a, in_a), file_of(b, in_b));

	while (rc == 0 && (i < n || j < m)) {
		const char *x = i < n ? a->tree->entries[a->order[i]].name : NULL;
		const char *y = j < m ? b->tree->entries[b->order[j]].name : NULL;
		int order = !x ? 1 : !y ? -1 : strcmp(x, y);
		size_t before = enter(c, (order <= 0 ? x : y) ?: "");

		if (order == 0)
			rc = compare_entries(c, a->order[i], b->order[j]);
		else
			rc = order < 0 ? tell_all(c, a, a->order[i]) : tell_all(c, b, b->order[j]);
		leave(c, before);
		i += order <= 0;
		j += order >= 0;
	}
	return rc;
}

static int compare_tree(struct comparing *c)
{
	int rc = arrange(&c->a, c->err);

	if (rc == 0)
		rc = arrange(&c->b, c->err);
	c->pairs = c->b.tree ? calloc(c->b.tree->count, sizeof(*c->pairs)) : NULL;
	if (rc == 0 && c->b.tree && !c->pairs)
		rc = nvb_fail_oom(c->err);
	if (rc == 0 && c->a.tree && c->b.tree)
		rc = compare_entries(c, 0, 0);
	else if (rc == 0)
		rc = tell_all(c, c->a.tree ? &c->a : &c->b, 0);
	free(NVB_TAKE_PTR(c->pairs));
	forget(&c->a);
	forget(&c->b);
	return rc;
}

/* What is compared is followed as far as its size allows. */
static int check_files(const struct side *side, nvb_error **err)
{
	const struct nvb_index *index = &side->snapshot->index;
	uint64_t count = 0;
	const struct nvb_chunk_visit visit = {.count = &count};
	int rc = 0;

	for (uint32_t t = 0; rc == 0 && t < index->tree_count; t++)
		for (uint32_t i = 0; rc == 0 && i < index->trees[t].count; i++)
			if (index->trees[t].entries[i].type == NVB_ENTRY_FILE)
				rc = nvb_file_chunks(side->snapshot, side->packs, t, i, &visit, err);
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
		rc = check_files(&c.a, err);
	if (rc == 0)
		rc = check_files(&c.b, err);
	if (rc == 0)
		rc = compare_all(&c);
	nvb_sb_release(&c.path);
	nvb_packs_close(before, c.a.packs);
	nvb_packs_close(after, c.b.packs);
	return rc;
}
