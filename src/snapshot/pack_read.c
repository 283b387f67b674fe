/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zstd.h>

#include "snapshot/codec.h"
#include "snapshot/hash.h"
#include "snapshot/pack.h"

int nvb_read_exactly(int fd, const char *name, void *data, size_t size, uint64_t offset, nvb_error **err)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(fd, (char *)data + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return nvb_fail_errno(err, errno, "reading %s", name);
		if (n == 0)
			return nvb_fail(err, NVB_ERR_CORRUPT, "%s: it ends too early", name);
		done += (size_t)n;
	}
	return 0;
}

static int check_file(
	const struct nvb_pack_reader *r, const struct nvb_pack *pack, bool encrypted, nvb_error **err)
{
	uint8_t header[NVB_PACK_HEADER], wanted[NVB_PACK_HEADER] = {0};
	struct stat st;
	int rc;

	if (fstat(r->fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", r->name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != pack->size)
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: %lld bytes, not the %llu of the index", r->name,
			(long long)st.st_size, (unsigned long long)pack->size);
	rc = nvb_read_exactly(r->fd, r->name, header, sizeof(header), 0, err);
	if (rc < 0)
		return rc;
	memcpy(wanted, NVB_PACK_MAGIC, 8);
	memcpy(wanted + 8, pack->id, NVB_PACK_ID);
	nvb_put_u32(wanted + 24, encrypted);
	return memcmp(header, wanted, sizeof(header)) == 0
		       ? 0
		       : nvb_fail(err, NVB_ERR_CORRUPT, "%s: not the header of this pack", r->name);
}

/* Chunks follow each other from the header to the table. */
static const char *parse_table(struct nvb_pack_reader *r, const uint8_t *table)
{
	uint64_t offset = NVB_PACK_HEADER;

	for (uint32_t i = 0; i < r->count; i++, table += NVB_PACK_ENTRY) {
		struct nvb_pack_entry *e = &r->entries[i];
		uint32_t raw = nvb_get_u32(table + 36);

		memcpy(e->hash, table, NVB_HASH);
		e->stored = nvb_get_u32(table + 32);
		e->raw = raw & 0xffffff;
		e->codec = (enum nvb_codec)(raw >> 24);
		e->crc = nvb_get_u32(table + 40);
		e->offset = offset;
		if (e->codec >= NVB_CODECS || e->raw == 0 || e->raw > NVB_CHUNK_MAX || e->stored == 0 ||
			e->stored > nvb_compressed_max())
			return "its table has a chunk that is none";
		offset += e->stored;
	}
	return offset == r->table_at ? NULL : "its chunks do not fill it";
}

static int read_table(struct nvb_pack_reader *r, const struct nvb_pack *pack, nvb_error **err)
{
	size_t size = (size_t)pack->count * NVB_PACK_ENTRY + (r->sealer.encrypted ? NVB_SEAL : 0);
	_cleanup_free_ uint8_t *table = malloc(size + 1);
	uint8_t hash[NVB_HASH];
	const char *why;
	int rc;

	r->count = pack->count;
	if (pack->size < NVB_PACK_HEADER + size)
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: smaller than its own table", r->name);
	r->table_at = pack->size - size;
	r->entries = calloc((size_t)r->count + 1, sizeof(*r->entries));
	if (!table || !r->entries)
		return nvb_fail_oom(err);
	rc = nvb_read_exactly(r->fd, r->name, table, size, r->table_at, err);
	if (rc < 0)
		return rc;
	nvb_sha256(table, size, hash);
	if (memcmp(hash, pack->table_hash, NVB_HASH) != 0)
		return nvb_fail(
			err, NVB_ERR_CORRUPT, "%s: its table of chunks does not match its hash", r->name);
	if (!nvb_unseal(&r->sealer, NVB_PIECE_TABLE, table, &size))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: not what was encrypted with this key", r->name);
	why = parse_table(r, table);
	return why ? nvb_fail(err, NVB_ERR_CORRUPT, "%s: %s", r->name, why) : 0;
}

int nvb_pack_open(struct nvb_pack_reader *reader, int dirfd, const struct nvb_pack *pack,
	const struct nvb_keys *keys, nvb_error **err)
{
	struct nvb_pack_reader r = {.fd = -1};
	int rc = 0;

	nvb_pack_name(pack->id, r.name);
	nvb_sealer_init(&r.sealer, keys, "pack", pack->id);
	r.fd = openat(dirfd, r.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r.fd < 0)
		rc = errno == ENOENT || errno == ELOOP
			     ? nvb_fail(err, NVB_ERR_CORRUPT, "%s: the pack is missing", r.name)
			     : nvb_fail_errno(err, errno, "%s", r.name);
	if (rc == 0)
		rc = check_file(&r, pack, keys->encrypted, err);
	if (rc == 0)
		rc = read_table(&r, pack, err);
	if (rc < 0)
		nvb_pack_close(&r);
	else
		*reader = r;
	return rc;
}

void nvb_pack_close(struct nvb_pack_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->entries);
	*r = (struct nvb_pack_reader){.fd = -1};
}

/* Chunks. */

int nvb_decoder_init(struct nvb_decoder *d, nvb_error **err)
{
	*d = (struct nvb_decoder){.zstd = ZSTD_createDCtx(), .raw = malloc(NVB_CHUNK_MAX)};
	if (d->zstd && d->raw)
		return 0;
	nvb_decoder_release(d);
	return nvb_fail_oom(err);
}

void nvb_decoder_release(struct nvb_decoder *d)
{
	ZSTD_freeDCtx(d->zstd);
	free(d->raw);
	*d = (struct nvb_decoder){0};
}

const char *nvb_chunk_check(const struct nvb_pack_reader *pack, uint32_t chunk, const uint8_t *stored)
{
	const struct nvb_pack_entry *e = &pack->entries[chunk];

	return nvb_crc32c(0, stored, e->stored) == e->crc ? NULL : "not the bytes that were written";
}

const char *nvb_chunk_open(const struct nvb_pack_reader *pack, uint32_t chunk, uint8_t *stored, void *zstd,
	uint8_t *room, const uint8_t **content)
{
	const struct nvb_pack_entry *e = &pack->entries[chunk];
	size_t size = e->stored;

	if (!nvb_unseal(&pack->sealer, chunk, stored, &size))
		return "not what was encrypted with this key";
	*content = room;
	if (e->codec == NVB_CODEC_RAW && size == e->raw)
		*content = stored;
	else if (!nvb_decompress(zstd, e->codec, stored, size, room, e->raw))
		return "it cannot be decompressed";
	return NULL;
}

const char *nvb_chunk_compare(
	const struct nvb_pack_reader *pack, uint32_t chunk, const uint8_t hash[static NVB_HASH])
{
	return memcmp(hash, pack->entries[chunk].hash, NVB_HASH) == 0 ? NULL
								      : "its content does not match its hash";
}

const char *nvb_chunk_decode(const struct nvb_pack_reader *pack, const struct nvb_keys *keys, uint32_t chunk,
	uint8_t *stored, struct nvb_decoder *decoder)
{
	const struct nvb_pack_entry *e = &pack->entries[chunk];
	const uint8_t *content;
	uint8_t hash[NVB_HASH];
	const char *why = nvb_chunk_open(pack, chunk, stored, decoder->zstd, decoder->raw, &content);

	if (why)
		return why;
	if (content != decoder->raw)
		memcpy(decoder->raw, content, e->raw);
	nvb_keys_hash(keys, decoder->raw, e->raw, hash);
	return nvb_chunk_compare(pack, chunk, hash);
}
