/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "snapshot/writer.h"

/*
 * What becomes of the packs of earlier snapshots. One that is not needed is unlinked. Of one of which less
 * than a quarter is needed, that is copied: so what a snapshot keeps on the disk stays below four times what
 * it needs, however many that were before it are removed.
 */

enum { LITTLE = 4 };

struct moved {
	uint32_t pack;		  /* that they were in */
	struct nvb_place *places; /* where each chunk is now */
};

static int move_chunk(struct nvb_worker *worker, const struct nvb_pack_reader *reader, uint32_t chunk,
	struct nvb_decoder *decoder, struct nvb_place *place, nvb_error **err)
{
	const struct nvb_pack_entry *e = &reader->entries[chunk];
	uint8_t stored[NVB_CHUNK_MAX + NVB_CHUNK_MAX / 8];
	enum nvb_codec codec;
	const char *why;
	size_t size;
	int rc = worker->out.fd < 0 ? nvb_worker_open_pack(worker, err) : 0;

	if (rc == 0)
		rc = nvb_read_exactly(reader->fd, reader->name, stored, e->stored, e->offset, err);
	if (rc < 0)
		return rc;
	why = nvb_chunk_check(reader, chunk, stored)
		      ?: nvb_chunk_decode(reader, &worker->writer->keys, chunk, stored, decoder);
	if (why)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_CORRUPT, "%s: chunk %u, of an earlier snapshot: %s",
				reader->name, chunk, why),
			"'bolt snapshot verify' tells which are damaged: remove them");
	*place = (struct nvb_place){worker->out_number, worker->out.pack.count};
	size = nvb_compress(&worker->compressor, decoder->raw, e->raw, nvb_pack_room(&worker->out), &codec);
	rc = nvb_pack_add(&worker->out, e->hash, codec, e->raw, size, err);
	if (rc == 0 && nvb_pack_is_full(&worker->out))
		rc = nvb_worker_close_pack(worker, err);
	return rc;
}

static int move_chunks(nvb_snapshot_writer *w, uint32_t number, struct moved *moved, nvb_error **err)
{
	struct nvb_pack_reader reader;
	struct nvb_decoder decoder;
	int rc = nvb_pack_open(&reader, w->fd, &w->index.packs[number], &w->keys, err);

	if (rc < 0)
		return rc;
	rc = nvb_decoder_init(&decoder, err);
	if (rc < 0) {
		nvb_pack_close(&reader);
		return rc;
	}
	moved->pack = number;
	moved->places = calloc((size_t)reader.count + 1, sizeof(*moved->places));
	if (!moved->places)
		rc = nvb_fail_oom(err);
	for (uint32_t i = 0; rc == 0 && i < reader.count; i++)
		if (w->earlier[number].used[i])
			rc = move_chunk(&w->workers[0], &reader, i, &decoder, &moved->places[i], err);
	nvb_decoder_release(&decoder);
	nvb_pack_close(&reader);
	return rc;
}

/* Extents of moved chunks, anew. */
static int rewrite_entry(nvb_snapshot_writer *w, struct nvb_tree_entry *entry, const struct moved *moved,
	const uint32_t *which, nvb_error **err)
{
	_cleanup_free_ struct nvb_extent *extents = NULL;
	size_t count = 0, capacity = 0;
	bool ok = true, any = false;

	for (size_t i = 0; i < entry->extent_count && ok; i++) {
		const struct nvb_extent *extent = &entry->extents[i];
		const struct moved *to = extent->pack == NVB_NO_PACK || !which[extent->pack]
						 ? NULL
						 : &moved[which[extent->pack] - 1];

		if (!to) {
			ok = nvb_extent_add(&extents, &count, &capacity, *extent);
			continue;
		}
		any = true;
		for (uint64_t c = 0; c < extent->count && ok; c++) {
			struct nvb_place place = to->places[extent->first + c];

			ok = nvb_extent_add(
				&extents, &count, &capacity, (struct nvb_extent){place.pack, place.chunk, 1});
		}
	}
	if (ok && any) {
		entry->extents = nvb_arena_memdup(&w->index.arena, extents, count * sizeof(*extents));
		entry->extent_count = count;
		ok = entry->extents != NULL;
	}
	return ok ? 0 : nvb_fail_oom(err);
}

static int for_entries(nvb_snapshot_writer *w,
	int (*each)(nvb_snapshot_writer *, struct nvb_tree_entry *, const struct moved *, const uint32_t *,
		nvb_error **),
	const struct moved *moved, const uint32_t *which, nvb_error **err)
{
	int rc = 0;

	for (size_t t = 0; t < w->index.tree_count; t++)
		for (size_t i = 0; rc == 0 && i < w->index.trees[t].count; i++)
			rc = each(w, &w->index.trees[t].entries[i], moved, which, err);
	return rc;
}

/* Packs that are left get new numbers. */
static int renumber_entry(nvb_snapshot_writer *w, struct nvb_tree_entry *entry, const struct moved *moved,
	const uint32_t *number, nvb_error **err)
{
	(void)w;
	(void)moved;
	(void)err;
	for (size_t i = 0; i < entry->extent_count; i++)
		if (entry->extents[i].pack != NVB_NO_PACK)
			entry->extents[i].pack = number[entry->extents[i].pack];
	return 0;
}

static bool is_needed(const nvb_snapshot_writer *w, size_t pack, const uint32_t *which)
{
	return !w->earlier[pack].stored || (w->earlier[pack].used_bytes && !which[pack]);
}

static int drop_packs(nvb_snapshot_writer *w, const uint32_t *which, nvb_error **err)
{
	_cleanup_free_ uint32_t *number = calloc(w->index.pack_count + 1, sizeof(*number));
	size_t kept = 0;

	if (!number)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < w->index.pack_count; i++) {
		char name[NVB_PACK_NAME + 1];

		number[i] = (uint32_t)kept;
		if (is_needed(w, i, which)) {
			struct nvb_earlier e = w->earlier[i];

			w->index.packs[kept] = w->index.packs[i];
			w->earlier[i] = (struct nvb_earlier){0};
			w->earlier[kept++] = e;
			continue;
		}
		nvb_pack_name(w->index.packs[i].id, name);
		if (unlinkat(w->fd, name, 0) < 0)
			return nvb_fail_errno(err, errno, "%s", name);
		free(w->earlier[i].stored);
		free(w->earlier[i].used);
		w->earlier[i] = (struct nvb_earlier){0};
	}
	for (unsigned i = 0; i < w->worker_count; i++)
		if (w->workers[i].out.fd >= 0)
			w->workers[i].out_number = number[w->workers[i].out_number];
	w->index.pack_count = kept;
	return for_entries(w, renumber_entry, NULL, number, err);
}

int nvb_earlier_settle(nvb_snapshot_writer *w, nvb_error **err)
{
	size_t packs = w->index.pack_count, count = 0;
	_cleanup_free_ struct moved *moved = calloc(packs + 1, sizeof(*moved));
	/* Moving makes fewer packs than it takes. */
	_cleanup_free_ uint32_t *which = calloc(2 * packs + NVB_WORKERS_MAX, sizeof(*which));
	int rc = moved && which ? 0 : nvb_fail_oom(err);

	for (uint32_t i = 0; rc == 0 && i < packs; i++)
		if (w->earlier[i].used_bytes && w->earlier[i].used_bytes < w->index.packs[i].size / LITTLE) {
			rc = move_chunks(w, i, &moved[count++], err);
			which[i] = (uint32_t)count;
		}
	if (rc == 0 && count)
		rc = for_entries(w, rewrite_entry, moved, which, err);
	if (rc == 0)
		rc = drop_packs(w, which, err);
	for (size_t i = 0; moved && i < count; i++)
		free(moved[i].places);
	return rc;
}
