/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_PACK_H
#define NVB_SNAPSHOT_PACK_H

#include "snapshot/flusher.h"
#include "snapshot/index.h"
#include "snapshot/keys.h"

/* Each thread's first so many bytes go through the page cache: a small snapshot is mostly wanted back soon,
 * and takes little of the memory that the processes want which are being saved. */
enum { NVB_PACK_CACHED = 32 << 20 };

/* Writing one. Each thread has its own, so nothing is locked where most of the work is. */
struct nvb_pack_writer {
	int fd; /* -1: none is open */
	struct nvb_pack pack;
	struct nvb_sealer sealer;
	uint8_t *buffer; /* what is not on its way into the file yet, from `at` on */
	size_t filled;
	uint64_t at;
	uint64_t written; /* into this file and those before */
	unsigned pending; /* blocks that are; the flusher's */
	uint8_t *table;
	size_t capacity;	     /* of the table, in entries */
	struct nvb_flusher *flusher; /* never NULL */
};

/* Of memory that a block takes. */
size_t nvb_pack_block(void);

#define NVB_PACK_WRITER_INIT \
	{                    \
		.fd = -1     \
	}

int nvb_pack_begin(struct nvb_pack_writer *writer, int dirfd, const struct nvb_keys *keys, nvb_error **err);
/* Where the next chunk may be put as it is to be stored: room for nvb_compressed_max() bytes. */
uint8_t *nvb_pack_room(struct nvb_pack_writer *writer);
/* What stands there, `size` bytes not sealed yet, becomes the next chunk; its number is pack.count before. */
int nvb_pack_add(struct nvb_pack_writer *writer, const uint8_t hash[static NVB_HASH], enum nvb_codec codec,
	size_t raw, size_t size, nvb_error **err);
bool nvb_pack_is_full(const struct nvb_pack_writer *writer);
/* Writes the table and closes the file, which is not flushed. writer->pack then is what belongs into the
 * index. */
int nvb_pack_end(struct nvb_pack_writer *writer, nvb_error **err);
void nvb_pack_writer_release(struct nvb_pack_writer *writer);

/* Reading one, as somebody else may have written it. */
struct nvb_pack_reader {
	int fd;
	char name[NVB_PACK_NAME + 1];
	struct nvb_sealer sealer;
	struct nvb_pack_entry *entries;
	uint32_t count;
	uint64_t table_at;
};

/* Opens the file below dirfd and reads its table; NVB_ERR_CORRUPT where it is not what `pack` says. */
int nvb_pack_open(struct nvb_pack_reader *reader, int dirfd, const struct nvb_pack *pack,
	const struct nvb_keys *keys, nvb_error **err);
void nvb_pack_close(struct nvb_pack_reader *reader);

/* What decodes chunks: one for each thread. */
struct nvb_decoder {
	void *zstd;
	uint8_t *raw; /* NVB_CHUNK_MAX bytes: the last one decoded */
};
int nvb_decoder_init(struct nvb_decoder *decoder, nvb_error **err);
void nvb_decoder_release(struct nvb_decoder *decoder);

/* Whether the stored bytes are those that were written: NULL, or what is wrong. */
const char *nvb_chunk_check(const struct nvb_pack_reader *pack, uint32_t chunk, const uint8_t *stored);
/* Decodes them, which changes them: *content is in `room` (NVB_CHUNK_MAX bytes) or, where they were not
 * compressed, in their place. Its hash is still to be compared. NULL, or what is wrong. `zstd` is a
 * ZSTD_DCtx. */
const char *nvb_chunk_open(const struct nvb_pack_reader *pack, uint32_t chunk, uint8_t *stored, void *zstd,
	uint8_t *room, const uint8_t **content);
/* Whether that is the hash of its content. */
const char *nvb_chunk_compare(
	const struct nvb_pack_reader *pack, uint32_t chunk, const uint8_t hash[static NVB_HASH]);
/* Both in one, into decoder->raw. */
const char *nvb_chunk_decode(const struct nvb_pack_reader *pack, const struct nvb_keys *keys, uint32_t chunk,
	uint8_t *stored, struct nvb_decoder *decoder);

/* Reads `size` bytes at an offset; less than that is NVB_ERR_CORRUPT. */
int nvb_read_exactly(int fd, const char *name, void *data, size_t size, uint64_t offset, nvb_error **err);

#endif
