/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "snapshot/codec.h"
#include "snapshot/index.h"

/* The index as somebody else may have written it. Failure is sticky: what is read after it is 0 or "", and
 * who reads looks at `bad` before believing a count. */
struct reading {
	struct nvb_index *index;
	const uint8_t *data;
	size_t size, at;
	uint64_t room;	 /* bytes of memory that may still be taken */
	const char *bad; /* what is wrong */
};

static uint64_t refuse(struct reading *r, const char *why)
{
	if (!r->bad)
		r->bad = why;
	r->at = r->size;
	return 0;
}

static uint64_t get(struct reading *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (r->at >= r->size)
			return refuse(r, "it ends too early");
		byte = r->data[r->at++];
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			/* One number has one spelling. */
			return byte == 0 && shift ? refuse(r, "a number with zeros before it") : value;
	}
	return refuse(r, "a number that does not fit");
}

static uint64_t get_up_to(struct reading *r, uint64_t most, const char *why)
{
	uint64_t value = get(r);

	return value > most ? refuse(r, why) : value;
}

/* A count of things of at least `least` bytes each, which must be there. */
static size_t get_count(struct reading *r, uint64_t most, size_t least)
{
	uint64_t count = get_up_to(r, most, "more of something than there may be");

	return count > (r->size - r->at) / least ? (size_t)refuse(r, "it ends too early") : (size_t)count;
}

static const uint8_t *get_raw(struct reading *r, size_t size)
{
	const uint8_t *p = r->data + r->at;

	if (size > r->size - r->at) {
		refuse(r, "it ends too early");
		return NULL;
	}
	r->at += size;
	return p;
}

/* A few bytes of an index stand for forty times as many in memory. */
static bool take(struct reading *r, uint64_t bytes)
{
	if (bytes > r->room) {
		refuse(r, "it needs more memory than this host has for it");
		return false;
	}
	r->room -= bytes;
	return true;
}

static const char *get_text(struct reading *r, size_t most)
{
	size_t n = (size_t)get_up_to(r, most, "a text that is too long");
	const uint8_t *p = get_raw(r, n);
	char *text;

	if (!p || memchr(p, 0, n)) {
		refuse(r, "a text with a NUL in it");
		return "";
	}
	if (!take(r, n + 1))
		return "";
	text = nvb_arena_strndup(&r->index->arena, (const char *)p, n);
	if (!text)
		refuse(r, "no memory");
	return text ?: "";
}

static struct timespec get_time(struct reading *r)
{
	uint64_t second = get(r);

	return (struct timespec){
		.tv_sec = (time_t)((int64_t)(second >> 1) ^ -(int64_t)(second & 1)),
		.tv_nsec = (long)get_up_to(r, 999999999, "a time that is none"),
	};
}

static void *get_array(struct reading *r, size_t count, size_t size)
{
	void *array = NULL;

	if (!take(r, (uint64_t)count * size))
		return NULL;
	if (count)
		array = nvb_arena_alloc(&r->index->arena, count * size);
	if (count && !array)
		refuse(r, "no memory");
	return array;
}

static void get_xattrs(struct reading *r, struct nvb_tree_entry *e)
{
	size_t count = get_count(r, NVB_XATTR_MAX, 2);
	struct nvb_xattr *xattrs = get_array(r, count, sizeof(*xattrs));

	for (size_t i = 0; i < count && !r->bad; i++) {
		const uint8_t *value;

		xattrs[i].name = get_text(r, 255);
		xattrs[i].size = (size_t)get_up_to(r, NVB_XATTR_MAX, "an attribute that is too long");
		value = get_raw(r, xattrs[i].size);
		/* The body goes when it is read. */
		if (value && xattrs[i].size && !take(r, xattrs[i].size))
			return;
		if (value && xattrs[i].size)
			value = nvb_arena_memdup(&r->index->arena, value, xattrs[i].size);
		else
			value = (const uint8_t *)"";
		xattrs[i].value = value;
		if (!value)
			refuse(r, "no memory");
	}
	e->xattrs = xattrs;
	e->xattr_count = r->bad ? 0 : count;
}

static void get_extent(struct reading *r, const struct nvb_tree_entry *e, struct nvb_extent *extent)
{
	uint64_t pack = get_up_to(r, r->index->pack_count, "a pack that is not in the list");

	extent->pack = pack ? (uint32_t)pack - 1 : NVB_NO_PACK;
	if (!pack) {
		extent->count = get_up_to(r, e->size, "more zeros than the file has bytes");
	} else if (!r->bad) {
		uint32_t chunks = r->index->packs[pack - 1].count;

		extent->first = (uint32_t)get_up_to(r, chunks, "a chunk that is not in its pack");
		extent->count = get_up_to(r, chunks - extent->first, "more chunks than the pack has");
	}
	if (extent->count == 0)
		refuse(r, "an extent of nothing");
}

static void get_extents(struct reading *r, struct nvb_tree_entry *e)
{
	size_t count;

	e->size = get_up_to(r, INT64_MAX, "a size that is none");
	count = get_count(r, UINT32_MAX, 2);
	e->extents = get_array(r, count, sizeof(*e->extents));
	for (size_t i = 0; i < count && !r->bad; i++)
		get_extent(r, e, &e->extents[i]);
	e->extent_count = r->bad ? 0 : count;
}

static void get_attributes(struct reading *r, struct nvb_tree_entry *e)
{
	e->mode = (mode_t)get_up_to(r, 07777, "a mode that is none");
	e->uid = (uid_t)get_up_to(r, UINT32_MAX - 1, "an owner that is none");
	e->gid = (gid_t)get_up_to(r, UINT32_MAX - 1, "a group that is none");
	e->atime = get_time(r);
	e->mtime = get_time(r);
	get_xattrs(r, e);
	if (e->type == NVB_ENTRY_SYMLINK) {
		e->target = get_text(r, PATH_MAX - 1);
		if (!*e->target)
			refuse(r, "a link to nothing");
	}
	if (e->type == NVB_ENTRY_CHARACTER || e->type == NVB_ENTRY_BLOCK) {
		e->major = (uint32_t)get_up_to(r, UINT32_MAX, "a device that is none");
		e->minor = (uint32_t)get_up_to(r, UINT32_MAX, "a device that is none");
	}
	if (e->type == NVB_ENTRY_FILE)
		get_extents(r, e);
}

/* As deep, and as long a path, as a snapshot has that was taken: else a few bytes for each would name paths
 * of any length. */
static void measure(struct reading *r, const struct nvb_tree_entry *parent, struct nvb_tree_entry *e)
{
	unsigned depth = parent->depth + 1u;
	size_t length = parent->length + (size_t)(parent->length != 0) + strlen(e->name);

	if (depth > NVB_DEPTH_MAX || length > NVB_PATH_MAX) {
		refuse(r,
			depth > NVB_DEPTH_MAX ? "directories that are too deep" : "a path that is too long");
		return;
	}
	e->depth = (uint16_t)depth;
	e->length = (uint16_t)length;
}

static void get_entry(struct reading *r, const struct nvb_tree_index *tree, struct nvb_tree_entry *e)
{
	size_t number = tree->count;

	e->type = (enum nvb_entry_type)get_up_to(r, NVB_ENTRY_TYPES - 1, "a file of an unknown type");
	e->parent = (uint32_t)get_up_to(r, number ? number - 1 : 0, "a directory that comes later");
	e->name = get_text(r, 255);
	if (r->bad)
		return;
	if (e->type == 0)
		refuse(r, "a file of an unknown type");
	else if (number == 0 ? e->type != NVB_ENTRY_DIRECTORY || *e->name : !nvb_is_file_name(e->name))
		refuse(r, "a file name that is none");
	else if (number && tree->entries[e->parent].type != NVB_ENTRY_DIRECTORY)
		refuse(r, "a file in something that is no directory");
	else if (number)
		measure(r, &tree->entries[e->parent], e);
	if (r->bad)
		return;
	if (e->type != NVB_ENTRY_HARDLINK)
		get_attributes(r, e);
	else {
		e->link = (uint32_t)get_up_to(r, number - 1, "a link to what comes later");
		if (!r->bad && (tree->entries[e->link].type == NVB_ENTRY_DIRECTORY ||
				       tree->entries[e->link].type == NVB_ENTRY_HARDLINK))
			refuse(r, "a link to a directory or a link");
	}
}

static void get_tree(struct reading *r, struct nvb_tree_index *tree)
{
	size_t count;

	tree->name = get_text(r, 255);
	if (!r->bad && (!nvb_is_snapshot_name(tree->name) || nvb_index_tree(r->index, tree->name)))
		refuse(r, "a tree's name that is none, or comes twice");
	count = get_count(r, NVB_ENTRIES_MAX, 4);
	if (!r->bad && !count)
		refuse(r, "a tree without a directory");
	/* Twice: they move when there are more. */
	if (!r->bad && !take(r, 2 * (uint64_t)count * sizeof(*tree->entries)))
		return;
	while (tree->count < count && !r->bad) {
		if (!NVB_GROW(tree->entries, tree->count, tree->capacity)) {
			refuse(r, "no memory");
			return;
		}
		tree->entries[tree->count] = (struct nvb_tree_entry){0};
		get_entry(r, tree, &tree->entries[tree->count]);
		tree->count++;
	}
}

static int compare_packs(const void *a, const void *b)
{
	return memcmp(((const struct nvb_pack *)a)->id, ((const struct nvb_pack *)b)->id, NVB_PACK_ID);
}

/* One pack twice would be one file under two descriptions. */
static bool has_duplicates(const struct nvb_index *index)
{
	_cleanup_free_ struct nvb_pack *sorted = calloc(index->pack_count ?: 1, sizeof(*sorted));

	if (!sorted)
		return true;
	if (index->pack_count)
		memcpy(sorted, index->packs, index->pack_count * sizeof(*sorted));
	qsort(sorted, index->pack_count, sizeof(*sorted), compare_packs);
	for (size_t i = 1; i < index->pack_count; i++)
		if (compare_packs(&sorted[i - 1], &sorted[i]) == 0)
			return true;
	return false;
}

static void get_packs(struct reading *r)
{
	size_t count = get_count(r, NVB_PACKS_MAX, NVB_PACK_ID + 2 + NVB_HASH);

	r->index->packs = calloc(count ?: 1, sizeof(*r->index->packs));
	if (!r->index->packs) {
		refuse(r, "no memory");
		return;
	}
	for (size_t i = 0; i < count && !r->bad; i++) {
		struct nvb_pack *pack = &r->index->packs[i];
		const uint8_t *raw = get_raw(r, NVB_PACK_ID);

		if (raw)
			memcpy(pack->id, raw, NVB_PACK_ID);
		pack->size = get_up_to(r, NVB_PACK_SIZE_MAX, "a pack larger than any");
		pack->count = (uint32_t)get_up_to(r, NVB_PACK_CHUNKS_MAX, "a pack with too many chunks");
		raw = get_raw(r, NVB_HASH);
		if (raw)
			memcpy(pack->table_hash, raw, NVB_HASH);
		if (pack->size < NVB_PACK_HEADER + (uint64_t)pack->count * NVB_PACK_ENTRY)
			refuse(r, "a pack smaller than its own table");
	}
	r->index->pack_count = r->bad ? 0 : count;
	if (!r->bad && has_duplicates(r->index))
		refuse(r, "a pack that comes twice");
}

static void get_body(struct reading *r)
{
	size_t trees;

	get_packs(r);
	r->index->sealed = get_text(r, NVB_MANIFEST_MAX);
	if (!*r->index->sealed)
		r->index->sealed = NULL;
	trees = get_count(r, NVB_TREES_MAX, 3);
	for (size_t i = 0; i < trees && !r->bad; i++) {
		get_tree(r, &r->index->trees[i]);
		r->index->tree_count = i + 1;
	}
	if (!r->bad && r->at != r->size)
		refuse(r, "something stands behind its end");
}

static bool is_header(const uint8_t *file, size_t size, const struct nvb_keys *keys)
{
	return size > NVB_INDEX_HEADER && memcmp(file, NVB_INDEX_MAGIC, 8) == 0 &&
	       nvb_get_u32(file + 24) == keys->encrypted && nvb_get_u32(file + 28) == 0 &&
	       nvb_get_u64(file + 40) == 0 && nvb_get_u64(file + 32) <= NVB_INDEX_MAX;
}

int nvb_index_parse(
	struct nvb_index *index, const uint8_t *body, size_t size, uint64_t memory, nvb_error **err)
{
	struct reading r = {.index = index, .data = body, .size = size, .room = memory};

	get_body(&r);
	if (r.bad && nvb_streq(r.bad, "no memory"))
		return nvb_fail_oom(err);
	return r.bad ? nvb_fail(err, NVB_ERR_CORRUPT, "index: %s", r.bad) : 0;
}

static uint64_t half_of_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES);

	return pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 2 : UINT64_MAX;
}

int nvb_index_read(
	struct nvb_index *index, const struct nvb_keys *keys, uint8_t *file, size_t size, nvb_error **err)
{
	_cleanup_free_ uint8_t *body = NULL;
	struct nvb_sealer sealer;
	size_t raw;

	if (!is_header(file, size, keys))
		return nvb_fail(err, NVB_ERR_CORRUPT, "index: not the header of one");
	nvb_sealer_init(&sealer, keys, "index", file + 8);
	size -= NVB_INDEX_HEADER;
	if (!nvb_unseal(&sealer, NVB_PIECE_BODY, file + NVB_INDEX_HEADER, &size))
		return nvb_fail(err, NVB_ERR_CORRUPT, "index: not what was encrypted with this key");
	raw = (size_t)nvb_get_u64(file + 32);
	/* zstd cannot make more than that of so few bytes. */
	if (raw / 65536 > size)
		return nvb_fail(err, NVB_ERR_CORRUPT, "index: it promises more than it can hold");
	body = malloc(raw + 1);
	if (!body)
		return nvb_fail_oom(err);
	if (!nvb_decompress_whole(file + NVB_INDEX_HEADER, size, body, raw))
		return nvb_fail(err, NVB_ERR_CORRUPT, "index: it cannot be decompressed");
	return nvb_index_parse(index, body, raw, half_of_memory(), err);
}
