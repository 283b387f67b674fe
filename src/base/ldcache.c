/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ldcache.h"

#include <limits.h>
#include <string.h>

#include "base/str.h"

enum {
	OLD_HEADER_SIZE = 16, /* magic, padding, nlibs */
	OLD_NLIBS = 12,
	OLD_ENTRY_SIZE = 12,
	NLIBS = 20,
	FLAGS = 28,
	EXTENSION_OFFSET = 32,
	SECTION_SIZE = 16,
	SECTIONS_MAX = 64,
};

/* The header's flags: the byte order, 0 where an older ldconfig did not say. */
enum { ENDIAN_MASK = 3, ENDIAN_UNSET = 0, ENDIAN_LITTLE = 2, ENDIAN_BIG = 3 };

static uint32_t u32_at(const char *data, size_t offset)
{
	uint32_t v;

	memcpy(&v, data + offset, sizeof(v));
	return v;
}

static uint64_t u64_at(const char *data, size_t offset)
{
	uint64_t v;

	memcpy(&v, data + offset, sizeof(v));
	return v;
}

/*
 * The NUL-terminated string at an offset of data, or NULL when it does not end inside or needs more than
 * `most` bytes: a hostile cache with a hundred thousand entries that all point at one long string would keep
 * whoever sorts them for minutes. What ld.so looks up by a SONAME is a file's name, so none is longer than
 * those.
 */
static const char *string_at(const char *data, size_t size, uint64_t offset, size_t most)
{
	size_t left;

	if (offset >= size)
		return NULL;
	left = size - (size_t)offset;
	if (!memchr(data + offset, '\0', left < most ? left : most))
		return NULL;
	return data + offset;
}

/* Where the new format's header begins: at 0, or behind the old format's entries, aligned to 8. */
static int find_header(const char *data, size_t size, size_t *start, nvb_error **err)
{
	const size_t magic = strlen(NVB_LDCACHE_NEW_MAGIC);
	uint64_t offset = 0;

	if (size >= OLD_HEADER_SIZE &&
		memcmp(data, NVB_LDCACHE_OLD_MAGIC, strlen(NVB_LDCACHE_OLD_MAGIC)) == 0) {
		offset = OLD_HEADER_SIZE + (uint64_t)u32_at(data, OLD_NLIBS) * OLD_ENTRY_SIZE;
		offset = (offset + 7) & ~UINT64_C(7);
		if (offset + NVB_LDCACHE_HEADER_SIZE > size ||
			memcmp(data + offset, NVB_LDCACHE_NEW_MAGIC, magic) != 0)
			return nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"ld.so.cache has only the format of glibc before 2.2");
	} else if (size < NVB_LDCACHE_HEADER_SIZE || memcmp(data, NVB_LDCACHE_NEW_MAGIC, magic) != 0) {
		return nvb_fail(err, NVB_ERR_CORRUPT, "not an ld.so.cache: wrong magic");
	}
	*start = (size_t)offset;
	return 0;
}

/* Fills in the table of glibc-hwcaps names. A damaged extension is ignored, as ld.so does. */
static bool read_hwcaps(
	struct nvb_ldcache *cache, const char *data, size_t size, uint64_t offset, uint64_t bytes)
{
	size_t count = (size_t)(bytes / sizeof(uint32_t));

	if (offset > size || bytes > size - offset || count == 0 || cache->hwcap_names)
		return true;
	cache->hwcap_names = calloc(count, sizeof(*cache->hwcap_names));
	if (!cache->hwcap_names)
		return false;
	cache->hwcap_count = count;
	for (size_t i = 0; i < count; i++)
		cache->hwcap_names[i] = string_at(
			data, size, u32_at(data, (size_t)offset + i * sizeof(uint32_t)), NAME_MAX + 1);
	return true;
}

/* Offsets in the extension count from the beginning of the file, also behind an old format. */
static bool read_extension(struct nvb_ldcache *cache, const char *data, size_t size, uint64_t offset)
{
	uint32_t sections;

	if (offset == 0 || offset + 8 > size || u32_at(data, (size_t)offset) != NVB_LDCACHE_EXTENSION_MAGIC)
		return true;
	sections = u32_at(data, (size_t)offset + 4);
	if (sections > SECTIONS_MAX || offset + 8 + (uint64_t)sections * SECTION_SIZE > size)
		return true;
	for (uint32_t i = 0; i < sections; i++) {
		size_t section = (size_t)offset + 8 + i * SECTION_SIZE;
		uint32_t tag = u32_at(data, section), at = u32_at(data, section + 8),
			 bytes = u32_at(data, section + 12);

		if (tag == NVB_LDCACHE_TAG_GLIBC_HWCAPS && !read_hwcaps(cache, data, size, at, bytes))
			return false;
	}
	return true;
}

static const char *hwcap_name(const struct nvb_ldcache *cache, uint64_t hwcap)
{
	uint32_t index = (uint32_t)hwcap;

	if ((hwcap & ~NVB_LDCACHE_HWCAP_ISA_LEVEL_MASK & ~UINT64_C(0xffffffff)) !=
		NVB_LDCACHE_HWCAP_EXTENSION)
		return NULL;
	return index < cache->hwcap_count ? cache->hwcap_names[index] : NULL;
}

static void read_entries(
	struct nvb_ldcache *cache, const char *data, size_t size, size_t start, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		size_t at = start + NVB_LDCACHE_HEADER_SIZE + (size_t)i * NVB_LDCACHE_ENTRY_SIZE;
		struct nvb_ldcache_entry entry = {
			.soname = string_at(data, size, start + (uint64_t)u32_at(data, at + 4), NAME_MAX + 1),
			.path = string_at(data, size, start + (uint64_t)u32_at(data, at + 8), PATH_MAX),
			.flags = (int32_t)u32_at(data, at),
			.osversion = u32_at(data, at + 12),
			.hwcap = u64_at(data, at + 16),
		};

		if (!entry.soname || !entry.path) {
			cache->skipped++;
			continue;
		}
		entry.hwcap_name = hwcap_name(cache, entry.hwcap);
		cache->entries[cache->count++] = entry;
	}
}

int nvb_ldcache_parse(struct nvb_ldcache *cache, char *data, size_t size, nvb_error **err)
{
	_cleanup_ldcache_ struct nvb_ldcache read = {0};
	size_t start = 0;
	uint32_t count;
	int rc = find_header(data, size, &start, err);

	if (rc < 0)
		return rc;
	if ((data[start + FLAGS] & ENDIAN_MASK) == ENDIAN_BIG)
		return nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "ld.so.cache is of a machine with another byte order");
	count = u32_at(data, start + NLIBS);
	if ((uint64_t)count * NVB_LDCACHE_ENTRY_SIZE > size - start - NVB_LDCACHE_HEADER_SIZE)
		return nvb_fail(err, NVB_ERR_CORRUPT, "ld.so.cache is truncated: %u entries in %zu bytes",
			count, size);
	if (count && !(read.entries = calloc(count, sizeof(*read.entries))))
		return nvb_fail_oom(err);
	if (!read_extension(&read, data, size, u32_at(data, start + EXTENSION_OFFSET)))
		return nvb_fail_oom(err);
	read_entries(&read, data, size, start, count);
	read.data = data;
	read.size = size;
	*cache = read;
	read = (struct nvb_ldcache){0};
	return 0;
}

void nvb_ldcache_release(struct nvb_ldcache *cache)
{
	free(cache->data);
	free(cache->entries);
	free(cache->hwcap_names);
	*cache = (struct nvb_ldcache){0};
}
