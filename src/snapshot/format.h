/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_FORMAT_H
#define NVB_SNAPSHOT_FORMAT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/*
 * The files of a snapshot. Numbers are little-endian.
 *
 * Pack: a header, chunks one behind the other without gaps, a table of them. How many they are, how long the
 * file is and what its table hashes to stands in the index of every snapshot that uses it, so each bit of a
 * pack is accounted for: of the header by comparison, of the table by its hash, of a chunk by the table.
 *
 * Index: a header, then one body, compressed with zstd, encrypted where the snapshot is (index_write.c says
 * what is in it). Its hash stands in the manifest.
 */
enum {
	NVB_SNAPSHOT_VERSION = 1,
	NVB_PAGE = 4096,
	NVB_CHUNK_MAX = 65536,
	NVB_HASH = 32,
	NVB_SEAL = 16, /* what authentication adds to an encrypted piece */
	NVB_PACK_ID = 16,
	NVB_PACK_NAME = 2 * NVB_PACK_ID + 5, /* "<hex>.pack" */
	NVB_PACK_HEADER = 32,
	NVB_PACK_ENTRY = 44,
	NVB_PACK_TARGET = 64 << 20,    /* a pack that has grown so far is closed */
	NVB_PACK_CHUNKS_MAX = 1 << 20, /* so that tables stay small: 44 MiB */
	NVB_PACK_SIZE_MAX = 256 << 20, /* of one that is read */
	NVB_PACKS_MAX = 1 << 20,       /* of a snapshot */
	NVB_INDEX_HEADER = 48,
	NVB_INDEX_MAX = 512 << 20, /* of its body as it is read */
	NVB_TREES_MAX = 64,
	NVB_ENTRIES_MAX = 1 << 26,
	NVB_PLACEMENTS_MAX = 1 << 30, /* chunks of all files: 12 TiB of the smallest that are cut */
	NVB_DEPTH_MAX = 256,	      /* directories below each other */
	NVB_PATH_MAX = 3840,	      /* bytes of a path */
	NVB_XATTR_MAX = 65536,
	NVB_MANIFEST_MAX = 16 << 20,
};

#define NVB_PACK_MAGIC	"NVBPACK1"
#define NVB_INDEX_MAGIC "NVBINDX1"

/* How a chunk is stored. */
enum nvb_codec {
	NVB_CODEC_RAW,
	NVB_CODEC_LZ4,
	NVB_CODEC_ZSTD,
	NVB_CODECS,
};

/* A row of a pack's table: hash, stored size, raw size with the codec above bit 24, CRC-32C of what is
 * stored. */
struct nvb_pack_entry {
	uint8_t hash[NVB_HASH]; /* of the content; with the key file's key where encrypted */
	uint32_t stored, raw;
	uint32_t crc;
	enum nvb_codec codec;
	uint64_t offset; /* follows from those before */
};

static inline void nvb_put_u32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint32_t nvb_get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline void nvb_put_u64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint64_t nvb_get_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* Lower-case hex of size bytes, NUL-terminated. */
static inline void nvb_put_hex(char *out, const uint8_t *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * size] = '\0';
}

#endif
