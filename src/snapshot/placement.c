/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "snapshot/reader.h"

/* Which chunk belongs where. */

int nvb_packs_open(nvb_snapshot *s, const bool *used, struct nvb_pack_reader **packs, nvb_error **err)
{
	struct nvb_pack_reader *list = calloc(s->index.pack_count + 1, sizeof(*list));
	int rc = 0;

	if (!list)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < s->index.pack_count; i++)
		list[i].fd = -1;
	for (size_t i = 0; rc == 0 && i < s->index.pack_count; i++)
		if (!used || used[i])
			rc = nvb_pack_open(&list[i], s->fd, &s->index.packs[i], &s->keys, err);
	if (rc < 0) {
		nvb_packs_close(s, list);
		return nvb_wrap(err, rc, "snapshot %s", s->id.text);
	}
	*packs = list;
	return 0;
}

void nvb_packs_close(const nvb_snapshot *s, struct nvb_pack_reader *packs)
{
	for (size_t i = 0; packs && i < s->index.pack_count; i++)
		nvb_pack_close(&packs[i]);
	free(packs);
}

static int refuse(const nvb_snapshot *s, uint32_t tree, uint32_t entry, const char *why, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_entry_path(&s->index.trees[tree], entry);

	return nvb_fail(err, NVB_ERR_CORRUPT, "snapshot %s: %s: %s/%s: %s", s->id.text, NVB_INDEX_FILE,
		s->index.trees[tree].name, path ?: "?", why);
}

/* A few bytes of an index can name a million chunks, and do so again and again: so many are followed as a
 * file of that size can have been cut into, by pages and where zeros were left out, and so many of all files
 * together as are read. */
int nvb_file_chunks(const nvb_snapshot *s, const struct nvb_pack_reader *packs, uint32_t tree, uint32_t entry,
	const struct nvb_chunk_visit *visit, nvb_error **err)
{
	const struct nvb_tree_entry *e = &s->index.trees[tree].entries[entry];
	uint64_t offset = 0, most = e->size / NVB_PAGE + e->extent_count;

	for (size_t i = 0; i < e->extent_count && offset <= e->size; i++) {
		const struct nvb_extent *extent = &e->extents[i];

		if (extent->pack == NVB_NO_PACK) {
			offset += extent->count;
			continue;
		}
		for (uint64_t c = 0; c < extent->count && offset <= e->size; c++) {
			uint32_t chunk = (uint32_t)(extent->first + c);
			const struct nvb_placement at = {extent->pack, chunk, tree, entry, offset};

			if (most-- == 0)
				return refuse(s, tree, entry, "more chunks than its size takes", err);
			if (++*visit->count > NVB_PLACEMENTS_MAX)
				return refuse(s, tree, entry, "more chunks than are read", err);
			if (visit->visit && !visit->visit(visit->data, &at))
				return nvb_fail_oom(err);
			offset += packs[extent->pack].entries[chunk].raw;
		}
	}
	return offset == e->size ? 0 : refuse(s, tree, entry, "its chunks are not its size", err);
}

static bool place(void *data, const struct nvb_placement *at)
{
	struct nvb_placements *p = data;

	if (p->named) {
		uint8_t *byte = &p->named[at->pack][at->chunk / 8], bit = (uint8_t)(1 << at->chunk % 8);

		if (*byte & bit)
			return true;
		*byte |= bit;
	}
	if (!NVB_GROW(p->list, p->count, p->capacity))
		return false;
	p->list[p->count++] = *at;
	return true;
}

int nvb_placements_add_file(struct nvb_placements *placements, const nvb_snapshot *s,
	const struct nvb_pack_reader *packs, uint32_t tree, uint32_t entry, nvb_error **err)
{
	const struct nvb_chunk_visit visit = {place, placements, &placements->followed};

	return nvb_file_chunks(s, packs, tree, entry, &visit, err);
}

int nvb_placements_add(struct nvb_placements *placements, const nvb_snapshot *s,
	const struct nvb_pack_reader *packs, uint32_t tree, nvb_error **err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < s->index.trees[tree].count; i++)
		if (s->index.trees[tree].entries[i].type == NVB_ENTRY_FILE)
			rc = nvb_placements_add_file(placements, s, packs, tree, i, err);
	return rc;
}

bool nvb_placements_name(struct nvb_placements *p, const nvb_snapshot *s)
{
	p->packs = s->index.pack_count;
	p->named = calloc(p->packs + 1, sizeof(*p->named));
	for (size_t i = 0; p->named && i < p->packs; i++) {
		p->named[i] = calloc(1, s->index.packs[i].count / 8 + 1);
		if (!p->named[i])
			return false;
	}
	return p->named;
}

void nvb_placements_release(struct nvb_placements *p)
{
	for (size_t i = 0; p->named && i < p->packs; i++)
		free(p->named[i]);
	free(p->named);
	free(p->list);
	*p = (struct nvb_placements){0};
}

static int compare(const void *a, const void *b)
{
	const struct nvb_placement *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	if (x->chunk != y->chunk)
		return x->chunk < y->chunk ? -1 : 1;
	if (x->entry != y->entry)
		return x->entry < y->entry ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void nvb_placements_sort(struct nvb_placements *p)
{
	if (p->count)
		qsort(p->list, p->count, sizeof(*p->list), compare);
}

const struct nvb_placement *nvb_placements_find(const struct nvb_placements *p, uint32_t pack, uint32_t chunk)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct nvb_placement *at = &p->list[middle];

		if (at->pack < pack || (at->pack == pack && at->chunk < chunk))
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->count && p->list[low].pack == pack && p->list[low].chunk == chunk ? &p->list[low]
											  : NULL;
}

int nvb_fail_chunk(const nvb_snapshot *s, const struct nvb_pack_reader *pack, uint32_t chunk,
	const struct nvb_placement *placement, const char *why, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;

	if (!placement)
		return nvb_fail(err, NVB_ERR_CORRUPT, "snapshot %s: %s: chunk %u: %s", s->id.text, pack->name,
			chunk, why);
	path = nvb_entry_path(&s->index.trees[placement->tree], placement->entry);
	return nvb_fail(err, NVB_ERR_CORRUPT, "snapshot %s: %s: chunk %u (%s/%s from byte %llu on): %s",
		s->id.text, pack->name, chunk, s->index.trees[placement->tree].name, path ?: "?",
		(unsigned long long)placement->offset, why);
}
