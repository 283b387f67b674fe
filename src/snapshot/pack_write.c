/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/file.h"
#include "snapshot/codec.h"
#include "snapshot/hash.h"
#include "snapshot/pack.h"

static int fail_writing(nvb_error **err, int sys)
{
	int rc = nvb_fail_errno(err, sys, "writing the snapshot");

	return sys == ENOSPC || sys == EDQUOT
		       ? nvb_hint(err, rc, "'bolt snapshot prune' and 'bolt snapshot rm' make room")
		       : rc;
}

size_t nvb_pack_block(void)
{
	return NVB_FLUSH_BLOCK + nvb_compressed_max();
}

/* Past the page cache where that is possible, once nothing is on its way. */
static void pass_cache(struct nvb_pack_writer *w)
{
	int flags = fcntl(w->fd, F_GETFL);

	if (flags >= 0)
		(void)!fcntl(w->fd, F_SETFL, flags | O_DIRECT);
}

/* Whole pages go; what is left begins the next block. */
static int flush(struct nvb_pack_writer *w, nvb_error **err)
{
	size_t size = w->filled / NVB_FLUSH_ALIGN * NVB_FLUSH_ALIGN;
	uint8_t *next = nvb_flusher_block(w->flusher), *full = w->buffer;
	bool was_cached = w->written < NVB_PACK_CACHED;
	int rc;

	if (!next)
		return nvb_fail_oom(err);
	w->filled -= size;
	memcpy(next, full + size, w->filled);
	w->buffer = next;
	rc = nvb_flusher_write(w->flusher, w->fd, (off_t)w->at, full, size, &w->pending);
	w->at += size;
	w->written += size;
	if (rc == 0 && was_cached && w->written >= NVB_PACK_CACHED) {
		rc = nvb_flusher_wait(w->flusher, &w->pending);
		pass_cache(w);
	}
	return rc < 0 ? fail_writing(err, -rc) : 0;
}

int nvb_pack_begin(struct nvb_pack_writer *w, int dirfd, const struct nvb_keys *keys, nvb_error **err)
{
	char name[NVB_PACK_NAME + 1];

	w->pack = (struct nvb_pack){0};
	if (!w->buffer)
		w->buffer = nvb_flusher_block(w->flusher);
	if (!w->buffer)
		return nvb_fail_oom(err);
	if (getrandom(w->pack.id, NVB_PACK_ID, 0) != NVB_PACK_ID)
		return nvb_fail_errno(err, errno, "random numbers");
	nvb_pack_name(w->pack.id, name);
	w->fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->fd < 0)
		return fail_writing(err, errno);
	if (w->written >= NVB_PACK_CACHED)
		pass_cache(w);
	nvb_sealer_init(&w->sealer, keys, "pack", w->pack.id);
	memset(w->buffer, 0, NVB_PACK_HEADER);
	memcpy(w->buffer, NVB_PACK_MAGIC, 8);
	memcpy(w->buffer + 8, w->pack.id, NVB_PACK_ID);
	nvb_put_u32(w->buffer + 24, keys->encrypted);
	w->filled = NVB_PACK_HEADER;
	w->at = 0;
	return 0;
}

uint8_t *nvb_pack_room(struct nvb_pack_writer *w)
{
	return w->buffer + w->filled;
}

static bool grow_table(struct nvb_pack_writer *w)
{
	size_t capacity = w->capacity ? 2 * w->capacity : 1024;
	uint8_t *table;

	if (w->pack.count < w->capacity)
		return true;
	table = realloc(w->table, capacity * NVB_PACK_ENTRY + NVB_SEAL);
	if (!table)
		return false;
	w->table = table;
	w->capacity = capacity;
	return true;
}

int nvb_pack_add(struct nvb_pack_writer *w, const uint8_t hash[static NVB_HASH], enum nvb_codec codec,
	size_t raw, size_t size, nvb_error **err)
{
	uint8_t *stored = nvb_pack_room(w), *row;

	if (!grow_table(w))
		return nvb_fail_oom(err);
	size = nvb_seal(&w->sealer, w->pack.count, stored, size);
	row = w->table + (size_t)w->pack.count * NVB_PACK_ENTRY;
	memcpy(row, hash, NVB_HASH);
	nvb_put_u32(row + 32, (uint32_t)size);
	nvb_put_u32(row + 36, (uint32_t)raw | (uint32_t)codec << 24);
	nvb_put_u32(row + 40, nvb_crc32c(0, stored, size));
	w->pack.count++;
	w->filled += size;
	return w->filled >= NVB_FLUSH_BLOCK ? flush(w, err) : 0;
}

bool nvb_pack_is_full(const struct nvb_pack_writer *w)
{
	return w->at + w->filled >= NVB_PACK_TARGET || w->pack.count == NVB_PACK_CHUNKS_MAX;
}

/* What is less than a block, behind all of them. */
static int write_end(struct nvb_pack_writer *w, size_t table)
{
	int flags, rc = nvb_flusher_wait(w->flusher, &w->pending);

	if (rc < 0)
		return rc;
	flags = fcntl(w->fd, F_GETFL);
	if (flags < 0 || fcntl(w->fd, F_SETFL, flags & ~O_DIRECT) < 0 ||
		lseek(w->fd, (off_t)w->at, SEEK_SET) < 0)
		return -errno;
	rc = nvb_write_all(w->fd, w->buffer, w->filled);
	if (rc == 0)
		rc = nvb_write_all(w->fd, w->table, table);
	/* Help for the flush at the end, and no promise. */
	if (rc == 0)
		(void)!sync_file_range(w->fd, (off_t)w->at, 0, SYNC_FILE_RANGE_WRITE);
	w->at += w->filled + table;
	return rc;
}

int nvb_pack_end(struct nvb_pack_writer *w, nvb_error **err)
{
	size_t size = (size_t)w->pack.count * NVB_PACK_ENTRY;
	int rc;

	if (!grow_table(w))
		return nvb_fail_oom(err);
	size = nvb_seal(&w->sealer, NVB_PIECE_TABLE, w->table, size);
	nvb_sha256(w->table, size, w->pack.table_hash);
	rc = write_end(w, size);
	if (rc < 0)
		return fail_writing(err, -rc);
	w->pack.size = w->at;
	/* Some file systems say only now that there was no room. */
	rc = close(NVB_TAKE_FD(w->fd));
	return rc < 0 ? fail_writing(err, errno) : 0;
}

void nvb_pack_writer_release(struct nvb_pack_writer *w)
{
	/* Whatever became of it: nobody may write to a descriptor that is another file's. */
	if (w->fd >= 0) {
		nvb_flusher_wait(w->flusher, &w->pending);
		close(w->fd);
	}
	free(w->buffer);
	free(w->table);
	*w = (struct nvb_pack_writer)NVB_PACK_WRITER_INIT;
}
