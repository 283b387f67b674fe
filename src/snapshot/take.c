/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "snapshot/cut.h"
#include "snapshot/writer.h"

/* What becomes of a region. */

bool nvb_extent_add(struct nvb_extent **extents, size_t *count, size_t *capacity, struct nvb_extent extent)
{
	struct nvb_extent *last = *count ? &(*extents)[*count - 1] : NULL;

	if (last && last->pack == extent.pack &&
		(extent.pack == NVB_NO_PACK || last->first + last->count == extent.first)) {
		last->count += extent.count;
		return true;
	}
	if (!NVB_GROW(*extents, *count, *capacity))
		return false;
	(*extents)[(*count)++] = extent;
	return true;
}

int nvb_worker_open_pack(struct nvb_worker *worker, nvb_error **err)
{
	nvb_snapshot_writer *w = worker->writer;
	int rc = nvb_pack_begin(&worker->out, w->fd, &w->keys, err);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&w->lock);
	if (NVB_GROW(w->index.packs, w->index.pack_count, w->index.pack_capacity) &&
		NVB_GROW(w->earlier, w->index.pack_count, w->earlier_capacity)) {
		w->earlier[w->index.pack_count] = (struct nvb_earlier){0};
		w->index.packs[w->index.pack_count] = worker->out.pack;
		worker->out_number = (uint32_t)w->index.pack_count++;
	} else {
		rc = nvb_fail_oom(err);
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

int nvb_worker_close_pack(struct nvb_worker *worker, nvb_error **err)
{
	nvb_snapshot_writer *w = worker->writer;
	int rc = nvb_pack_end(&worker->out, err);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&w->lock);
	w->index.packs[worker->out_number] = worker->out.pack;
	pthread_mutex_unlock(&w->lock);
	return 0;
}

int nvb_workers_end_packs(nvb_snapshot_writer *w, nvb_error **err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < w->worker_count; i++)
		if (w->workers[i].out.fd >= 0)
			rc = nvb_worker_close_pack(&w->workers[i], err);
	return rc;
}

/* Whether the chunk is there already; marks that it is needed. */
static bool find(nvb_snapshot_writer *w, const uint8_t *hash, struct nvb_place *place)
{
	bool found;

	pthread_mutex_lock(&w->lock);
	w->chunks++;
	found = nvb_known_find(&w->known, hash, place);
	if (found && w->earlier[place->pack].stored && !w->earlier[place->pack].used[place->chunk]) {
		w->earlier[place->pack].used[place->chunk] = 1;
		w->earlier[place->pack].used_bytes += w->earlier[place->pack].stored[place->chunk];
	}
	pthread_mutex_unlock(&w->lock);
	return found;
}

static int keep(struct nvb_worker *worker, const uint8_t *data, size_t size, const uint8_t *hash,
	struct nvb_place *place, nvb_error **err)
{
	nvb_snapshot_writer *w = worker->writer;
	enum nvb_codec codec;
	size_t stored;
	bool ok;
	int rc = 0;

	if (worker->out.fd < 0)
		rc = nvb_worker_open_pack(worker, err);
	if (rc < 0)
		return rc;
	*place = (struct nvb_place){worker->out_number, worker->out.pack.count};
	stored = nvb_compress(&worker->compressor, data, size, nvb_pack_room(&worker->out), &codec);
	rc = nvb_pack_add(&worker->out, hash, codec, size, stored, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&w->lock);
	ok = nvb_known_add(&w->known, hash, *place);
	pthread_mutex_unlock(&w->lock);
	if (!ok)
		return nvb_fail_oom(err);
	return nvb_pack_is_full(&worker->out) ? nvb_worker_close_pack(worker, err) : 0;
}

static int take_chunk(struct nvb_worker *worker, struct nvb_region *region, const struct nvb_cut *cut,
	const uint8_t *hash, nvb_error **err)
{
	nvb_snapshot_writer *w = worker->writer;
	struct nvb_extent extent = {.pack = NVB_NO_PACK, .count = cut->size};
	struct nvb_place place;
	int rc;

	if (cut->zero) {
		atomic_fetch_add(&w->zero_bytes, cut->size);
	} else {
		if (!find(w, hash, &place)) {
			rc = keep(worker, worker->buffer + cut->offset, cut->size, hash, &place, err);
			if (rc < 0)
				return rc;
		}
		extent = (struct nvb_extent){place.pack, place.chunk, 1};
	}
	return nvb_extent_add(&region->extents, &region->count, &region->capacity, extent)
		       ? 0
		       : nvb_fail_oom(err);
}

/* Chunks that are hashed together: what they are must be in the processor's cache still when they are
 * compressed. */
enum { TOGETHER = 16 };

struct batch {
	struct nvb_cut cuts[TOGETHER];
	struct nvb_piece pieces[TOGETHER]; /* of those that are not zero */
	uint8_t hashes[TOGETHER][NVB_HASH];
	size_t count;
};

static void next_batch(const struct nvb_worker *worker, size_t size, size_t from, struct batch *b)
{
	size_t pieces = 0;

	b->count = 0;
	while (b->count < TOGETHER && nvb_cut_next(worker->buffer, size, from, &b->cuts[b->count])) {
		const struct nvb_cut *cut = &b->cuts[b->count++];

		from = cut->offset + cut->size;
		if (!cut->zero)
			b->pieces[pieces++] = (struct nvb_piece){worker->buffer + cut->offset, cut->size};
	}
	nvb_keys_hash_several(&worker->writer->keys, b->pieces, pieces, worker->pairs, b->hashes);
}

static int take_batch(
	struct nvb_worker *worker, struct nvb_region *region, const struct batch *b, nvb_error **err)
{
	size_t piece = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->count; i++) {
		rc = take_chunk(worker, region, &b->cuts[i], b->hashes[piece], err);
		piece += !b->cuts[i].zero;
		atomic_fetch_add(&worker->writer->done, b->cuts[i].size);
	}
	return rc;
}

static int read_region(struct nvb_worker *worker, const struct nvb_region *region, nvb_error **err)
{
	for (size_t done = 0; done < region->size;) {
		ssize_t n = pread(region->file->fd, worker->buffer + done, region->size - done,
			(off_t)(region->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return nvb_fail_errno(err, errno, "reading %s", region->file->name);
		if (n == 0)
			return nvb_fail(err, NVB_ERR_STALE, "%s became shorter while it was taken",
				region->file->name);
		done += (size_t)n;
	}
	return 0;
}

/* Nothing is copied; the worker's own goes where the region's would have gone. */
static void swap_buffers(struct nvb_worker *worker, struct nvb_region *region)
{
	uint8_t *own = worker->buffer;

	worker->buffer = region->buffer;
	region->buffer = own;
}

int nvb_taken_leave(struct nvb_taken *file, nvb_error **err)
{
	struct stat st;

	if (atomic_fetch_sub(&file->holders, 1) != 1 || file->grows)
		return 0;
	if (fstat(file->fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", file->name);
	if (st.st_size != file->st.st_size || st.st_mtim.tv_sec != file->st.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != file->st.st_mtim.tv_nsec)
		return nvb_fail(err, NVB_ERR_STALE, "%s changed while it was taken", file->name);
	close(NVB_TAKE_FD(file->fd));
	return 0;
}

int nvb_worker_take(struct nvb_worker *worker, struct nvb_region *region, nvb_error **err)
{
	nvb_snapshot_writer *w = worker->writer;
	struct batch batch;
	size_t at = 0;
	int rc = 0;

	if (region->buffer)
		swap_buffers(worker, region);
	else
		rc = read_region(worker, region, err);

	/* What the last one was like says nothing of this one. */
	worker->compressor.until_trial = 0;

	while (rc == 0 && at < region->size) {
		const struct nvb_cut *last;

		next_batch(worker, region->size, at, &batch);
		last = &batch.cuts[batch.count - 1];
		at = last->offset + last->size;
		rc = take_batch(worker, region, &batch, err);
	}
	if (rc < 0)
		return rc;
	atomic_fetch_add(&w->bytes, region->size);
	/* Where it cannot be punched it lies there twice until the images are removed. */
	if (region->file->grows && !region->file->piped)
		(void)!fallocate(region->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)region->offset, (off_t)region->size);
	return nvb_taken_leave(region->file, err);
}
