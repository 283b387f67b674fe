/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/file.h"
#include "snapshot/codec.h"
#include "snapshot/hash.h"
#include "snapshot/pack.h"

enum {
	BUFFER = 1 << 20,
	PUSH = 8
	       << 20, /* the disk is set to work after so many bytes, so that the flush at the end is short */
};

static int fail_writing(nvb_error **err, int sys)
{
	int rc = nvb_fail_errno(err, sys, "writing the snapshot");

	return sys == ENOSPC || sys == EDQUOT
		       ? nvb_hint(err, rc, "'bolt snapshot prune' and 'bolt snapshot rm' make room")
		       : rc;
}

static int flush(struct nvb_pack_writer *w, nvb_error **err)
{
	int rc = nvb_write_all(w->fd, w->buffer, w->filled);

	if (rc < 0)
		return fail_writing(err, -rc);
	w->at += w->filled;
	w->filled = 0;
	if (w->at - w->pushed >= PUSH) {
		if (w->flusher)
			nvb_flusher_push(w->flusher, w->fd, (off_t)w->pushed, (off_t)(w->at - w->pushed));
		w->pushed = w->at;
	}
	return 0;
}

int nvb_pack_begin(struct nvb_pack_writer *w, int dirfd, const struct nvb_keys *keys, nvb_error **err)
{
	char name[NVB_PACK_NAME + 1];

	w->pack = (struct nvb_pack){0};
	if (!w->buffer)
		w->buffer = malloc(BUFFER + nvb_compressed_max());
	if (!w->buffer)
		return nvb_fail_oom(err);
	if (getrandom(w->pack.id, NVB_PACK_ID, 0) != NVB_PACK_ID)
		return nvb_fail_errno(err, errno, "random numbers");
	nvb_pack_name(w->pack.id, name);
	w->fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->fd < 0)
		return fail_writing(err, errno);
	nvb_sealer_init(&w->sealer, keys, "pack", w->pack.id);
	memset(w->buffer, 0, NVB_PACK_HEADER);
	memcpy(w->buffer, NVB_PACK_MAGIC, 8);
	memcpy(w->buffer + 8, w->pack.id, NVB_PACK_ID);
	nvb_put_u32(w->buffer + 24, keys->encrypted);
	w->filled = NVB_PACK_HEADER;
	w->at = w->pushed = 0;
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
	return w->filled >= BUFFER ? flush(w, err) : 0;
}

bool nvb_pack_is_full(const struct nvb_pack_writer *w)
{
	return w->at + w->filled >= NVB_PACK_TARGET || w->pack.count == NVB_PACK_CHUNKS_MAX;
}

int nvb_pack_end(struct nvb_pack_writer *w, nvb_error **err)
{
	size_t size = (size_t)w->pack.count * NVB_PACK_ENTRY;
	int rc = grow_table(w) ? flush(w, err) : nvb_fail_oom(err);

	if (rc < 0)
		return rc;
	size = nvb_seal(&w->sealer, NVB_PIECE_TABLE, w->table, size);
	nvb_sha256(w->table, size, w->pack.table_hash);
	rc = nvb_write_all(w->fd, w->table, size);
	if (rc < 0)
		return fail_writing(err, -rc);
	if (w->flusher)
		nvb_flusher_push(w->flusher, w->fd, (off_t)w->pushed, 0);
	w->pack.size = w->at + size;
	/* Some file systems say only now that there was no room. */
	rc = close(NVB_TAKE_FD(w->fd));
	return rc < 0 ? fail_writing(err, errno) : 0;
}

void nvb_pack_writer_release(struct nvb_pack_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	free(w->buffer);
	free(w->table);
	*w = (struct nvb_pack_writer)NVB_PACK_WRITER_INIT;
}
