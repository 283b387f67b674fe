/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_CODEC_H
#define NVB_SNAPSHOT_CODEC_H

#include <stdbool.h>

#include "base/error.h"
#include "snapshot/format.h"

/*
 * Compression. Which codec is worth its time depends on the data and stays the same for megabytes: so every
 * NVB_CODEC_EVERY chunks both are tried, and what came out decides about those that follow. zstd is chosen
 * where it gets clearly more out of them than lz4, lz4 where both get something, none where neither does:
 * data that cannot be compressed costs one trial in so many.
 */
enum { NVB_CODEC_EVERY = 48 };

struct nvb_compressor {
	void *zstd, *lz4; /* contexts */
	uint8_t *trial;
	enum nvb_codec codec;
	unsigned until_trial;
};

int nvb_compressor_init(struct nvb_compressor *compressor, nvb_error **err);
void nvb_compressor_release(struct nvb_compressor *compressor);

/* Room that a chunk may need. */
size_t nvb_compressed_max(void);
/* out has that room. Returns the size and in *codec how. Never fails: a chunk may be stored as it is. */
size_t nvb_compress(struct nvb_compressor *compressor, const uint8_t *data, size_t size, uint8_t *out,
	enum nvb_codec *codec);

/* Exactly `raw` bytes (NVB_CHUNK_MAX at most) come out into `out`, or false. `zstd` is a ZSTD_DCtx. */
bool nvb_decompress(
	void *zstd, enum nvb_codec codec, const uint8_t *data, size_t size, uint8_t *out, size_t raw);

/* The index' body: one zstd frame. malloc'd. */
int nvb_compress_whole(const void *data, size_t size, uint8_t **out, size_t *out_size, nvb_error **err);
bool nvb_decompress_whole(const uint8_t *data, size_t size, uint8_t *out, size_t raw);

#endif
