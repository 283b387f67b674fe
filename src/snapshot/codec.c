/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/codec.h"

#include <lz4.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/mem.h"

enum { ZSTD_LEVEL = 1, INDEX_LEVEL = 3 };

size_t nvb_compressed_max(void)
{
	size_t zstd = ZSTD_COMPRESSBOUND(NVB_CHUNK_MAX), lz4 = LZ4_COMPRESSBOUND(NVB_CHUNK_MAX);

	return (zstd > lz4 ? zstd : lz4) + NVB_SEAL;
}

int nvb_compressor_init(struct nvb_compressor *c, nvb_error **err)
{
	*c = (struct nvb_compressor){
		.zstd = ZSTD_createCCtx(),
		.lz4 = malloc((size_t)LZ4_sizeofState()),
		.trial = malloc(nvb_compressed_max()),
	};
	if (c->zstd && c->lz4 && c->trial)
		return 0;
	nvb_compressor_release(c);
	return nvb_fail_oom(err);
}

void nvb_compressor_release(struct nvb_compressor *c)
{
	ZSTD_freeCCtx(c->zstd);
	free(c->lz4);
	free(c->trial);
	*c = (struct nvb_compressor){0};
}

/* 0 when it cannot be done. */
static size_t by_zstd(struct nvb_compressor *c, const uint8_t *data, size_t size, uint8_t *out)
{
	size_t n = ZSTD_compressCCtx(c->zstd, out, nvb_compressed_max(), data, size, ZSTD_LEVEL);

	return ZSTD_isError(n) ? 0 : n;
}

static size_t by_lz4(struct nvb_compressor *c, const uint8_t *data, size_t size, uint8_t *out)
{
	int n = LZ4_compress_fast_extState(
		c->lz4, (const char *)data, (char *)out, (int)size, (int)nvb_compressed_max(), 1);

	return n <= 0 ? 0 : (size_t)n;
}

/* What is hardly smaller is not worth the reader's time. */
static bool is_worth(size_t stored, size_t size)
{
	return stored && stored < size - size / 16;
}

static size_t keep_raw(const uint8_t *data, size_t size, uint8_t *out, enum nvb_codec *codec)
{
	memcpy(out, data, size);
	*codec = NVB_CODEC_RAW;
	return size;
}

/* Both, and the better one's result. */
static size_t try_both(
	struct nvb_compressor *c, const uint8_t *data, size_t size, uint8_t *out, enum nvb_codec *codec)
{
	size_t lz4 = by_lz4(c, data, size, out), zstd = by_zstd(c, data, size, c->trial);
	bool lz4_worth = is_worth(lz4, size), zstd_worth = is_worth(zstd, size);

	c->until_trial = NVB_CODEC_EVERY;
	if (zstd_worth && (!lz4_worth || zstd < lz4 - lz4 / 5))
		c->codec = NVB_CODEC_ZSTD;
	else
		c->codec = lz4_worth ? NVB_CODEC_LZ4 : NVB_CODEC_RAW;
	*codec = c->codec;
	if (c->codec == NVB_CODEC_LZ4)
		return lz4;
	if (c->codec == NVB_CODEC_RAW)
		return keep_raw(data, size, out, codec);
	memcpy(out, c->trial, zstd);
	return zstd;
}

size_t nvb_compress(
	struct nvb_compressor *c, const uint8_t *data, size_t size, uint8_t *out, enum nvb_codec *codec)
{
	size_t n = 0;

	if (c->until_trial == 0)
		return try_both(c, data, size, out, codec);
	c->until_trial--;
	if (c->codec == NVB_CODEC_ZSTD)
		n = by_zstd(c, data, size, out);
	else if (c->codec == NVB_CODEC_LZ4)
		n = by_lz4(c, data, size, out);
	if (!is_worth(n, size))
		return keep_raw(data, size, out, codec);
	*codec = c->codec;
	return n;
}

bool nvb_decompress(
	void *zstd, enum nvb_codec codec, const uint8_t *data, size_t size, uint8_t *out, size_t raw)
{
	switch (codec) {
	case NVB_CODEC_RAW:
		if (size != raw)
			return false;
		memcpy(out, data, size);
		return true;
	case NVB_CODEC_LZ4:
		return LZ4_decompress_safe((const char *)data, (char *)out, (int)size, (int)raw) == (int)raw;
	case NVB_CODEC_ZSTD:
		return ZSTD_decompressDCtx(zstd, out, raw, data, size) == raw;
	case NVB_CODECS:
		break;
	}
	return false;
}

int nvb_compress_whole(const void *data, size_t size, uint8_t **out, size_t *out_size, nvb_error **err)
{
	size_t room = ZSTD_compressBound(size) + NVB_SEAL;
	_cleanup_free_ uint8_t *buffer = malloc(room);
	size_t n;

	if (!buffer)
		return nvb_fail_oom(err);
	n = ZSTD_compress(buffer, room, data, size, INDEX_LEVEL);
	if (ZSTD_isError(n))
		return nvb_fail(err, NVB_ERR_SYSTEM, "compressing: %s", ZSTD_getErrorName(n));
	*out = NVB_TAKE_PTR(buffer);
	*out_size = n;
	return 0;
}

bool nvb_decompress_whole(const uint8_t *data, size_t size, uint8_t *out, size_t raw)
{
	return ZSTD_decompress(out, raw, data, size) == raw;
}
