/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "snapshot/reader.h"

/* One file, without a directory to put it into. */

static size_t find_entry(const struct nvb_tree_index *tree, const char *path)
{
	for (size_t i = 1; i < tree->count; i++) {
		_cleanup_free_ char *own = nvb_entry_path(tree, i);

		if (own && nvb_streq(own, path))
			return tree->entries[i].type == NVB_ENTRY_HARDLINK ? tree->entries[i].link : i;
	}
	return 0;
}

struct reading {
	nvb_snapshot *snapshot;
	struct nvb_pack_reader *packs;
	struct nvb_decoder decoder;
	uint8_t stored[NVB_CHUNK_MAX * 2];
};

static int read_chunk(struct reading *r, const struct nvb_placement *p, char *content, nvb_error **err)
{
	const struct nvb_pack_reader *pack = &r->packs[p->pack];
	const struct nvb_pack_entry *e = &pack->entries[p->chunk];
	const char *why;
	int rc = nvb_read_exactly(pack->fd, pack->name, r->stored, e->stored, e->offset, err);

	if (rc < 0)
		return rc;
	why = nvb_chunk_check(pack, p->chunk, r->stored)
		      ?: nvb_chunk_decode(pack, &r->snapshot->keys, p->chunk, r->stored, &r->decoder);
	if (why)
		return nvb_fail_chunk(r->snapshot, pack, p->chunk, p, why, err);
	memcpy(content + p->offset, r->decoder.raw, e->raw);
	return 0;
}

static int read_content(struct reading *r, uint32_t tree, size_t entry, char *content, nvb_error **err)
{
	struct nvb_placements placements = {0};
	int rc = nvb_placements_add_file(&placements, r->snapshot, r->packs, tree, (uint32_t)entry, err);

	for (size_t i = 0; rc == 0 && i < placements.count; i++)
		rc = read_chunk(r, &placements.list[i], content, err);
	nvb_placements_release(&placements);
	return rc;
}

int nvb_snapshot_read(nvb_snapshot *s, const char *tree, const char *path, size_t max, char **data,
	size_t *size, nvb_error **err)
{
	const struct nvb_tree_index *t = nvb_index_tree(&s->index, tree);
	size_t entry = t ? find_entry(t, path) : 0;
	_cleanup_free_ struct reading *r = calloc(1, sizeof(*r));
	_cleanup_free_ char *content = NULL;
	int rc = nvb_snapshot_need_content(s, err);

	if (rc < 0)
		return rc;
	if (!entry || t->entries[entry].type != NVB_ENTRY_FILE)
		return nvb_fail(
			err, NVB_ERR_NOT_FOUND, "snapshot %s has no file %s/%s", s->id.text, tree, path);
	if (t->entries[entry].size > max)
		return nvb_fail(err, NVB_ERR_CORRUPT, "snapshot %s: %s/%s: larger than %zu bytes", s->id.text,
			tree, path, max);
	content = calloc(1, (size_t)t->entries[entry].size + 1);
	if (!r || !content)
		return nvb_fail_oom(err);
	r->snapshot = s;
	rc = nvb_decoder_init(&r->decoder, err);
	if (rc < 0)
		return rc;
	rc = nvb_packs_open(s, NULL, &r->packs, err);
	if (rc == 0)
		rc = read_content(r, (uint32_t)(t - s->index.trees), entry, content, err);
	nvb_decoder_release(&r->decoder);
	nvb_packs_close(s, r->packs);
	if (rc < 0)
		return rc;
	*size = (size_t)t->entries[entry].size;
	*data = NVB_TAKE_PTR(content);
	return 0;
}
