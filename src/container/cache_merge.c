/* SPDX-License-Identifier: Apache-2.0 */
#include "container/cache_merge.h"

#include <string.h>

#include "base/str.h"
#include "config.h"

#define GENERATOR "nvbind " NVB_VERSION

enum {
	FLAGS_LITTLE_ENDIAN = 2,
	EXTENSION_HEADER_SIZE = 8,
	SECTION_SIZE = 16,
	HWCAPS_MAX = 256,
	RIVALS_MAX = 64, /* of ours for one name: spellings of its numbers, which no driver has */
};

/* The file's header (glibc's struct cache_file_new). */
struct header {
	char magic[20];
	uint32_t count, string_size;
	uint8_t flags, padding[3];
	uint32_t extension_offset, unused[3];
};
_Static_assert(sizeof(struct header) == NVB_LDCACHE_HEADER_SIZE, "layout of the file's header");

/* One library (glibc's struct file_entry_new). Offsets count from the file's start. */
struct record {
	int32_t flags;
	uint32_t key, value, osversion;
	uint64_t hwcap;
};
_Static_assert(sizeof(struct record) == NVB_LDCACHE_ENTRY_SIZE, "layout of the file's entries");

struct section {
	uint32_t tag, flags, offset, size;
};
_Static_assert(sizeof(struct section) == SECTION_SIZE, "layout of an extension's section");

struct merge {
	const struct nvb_ldcache_entry *ours;
	size_t our_count;
	const struct nvb_ldcache_entry **entries, **chosen, **rivals;
	size_t count;
	const char **hwcaps; /* the names in use, in strcmp order without repetition: the format demands it */
	size_t hwcap_count, hwcap_capacity;
	struct nvb_strbuf out;
};

static bool is_ours(const struct merge *m, const struct nvb_ldcache_entry *entry)
{
	return entry >= m->ours && entry < m->ours + m->our_count;
}

static void release(struct merge *m)
{
	free(m->entries);
	free(m->chosen);
	free(m->rivals);
	free(m->hwcaps);
	nvb_sb_release(&m->out);
}

/* An entry of a hwcap variant whose name was not in the file's table: no ld.so would have used it. */
static bool useless(const struct nvb_ldcache_entry *entry)
{
	return (entry->hwcap & NVB_LDCACHE_HWCAP_EXTENSION) && !entry->hwcap_name;
}

/* True when one of ours that glibc takes for the same name (`rivals`) is to be found instead of `entry`. */
static bool gives_way(const struct merge *m, const struct nvb_ldcache_entry *entry, size_t rival_count)
{
	for (size_t i = 0; i < rival_count; i++) {
		const struct nvb_ldcache_entry *other = m->rivals[i];

		if (other != entry && other->flags == entry->flags &&
			nvb_streq(other->soname, entry->soname) && (!is_ours(m, entry) || other < entry))
			return true;
	}
	return false;
}

/* Entries stand sorted, so that those which compete for a name are neighbours. */
static void drop_replaced(struct merge *m)
{
	size_t kept = 0;

	for (size_t begin = 0, end; begin < m->count; begin = end) {
		size_t rival_count = 0;

		for (end = begin; end < m->count && nvb_cache_same_name(m->entries[begin], m->entries[end]);
			end++)
			if (is_ours(m, m->entries[end]) && rival_count < RIVALS_MAX)
				m->rivals[rival_count++] = m->entries[end];
		for (size_t i = begin; i < end; i++)
			if (!gives_way(m, m->entries[i], rival_count))
				m->chosen[kept++] = m->entries[i];
	}
	m->count = kept;
	free(m->entries);
	m->entries = NVB_TAKE_PTR(m->chosen);
}

static int choose(struct merge *m, const struct nvb_ldcache *old, nvb_error **err)
{
	size_t most = m->our_count + (old ? old->count : 0);

	m->entries = calloc(most + 1, sizeof(*m->entries));
	m->chosen = calloc(most + 1, sizeof(*m->chosen));
	m->rivals = calloc(m->our_count + 1, sizeof(*m->rivals));
	if (!m->entries || !m->chosen || !m->rivals)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < m->our_count; i++)
		m->entries[m->count++] = &m->ours[i];
	for (size_t i = 0; old && i < old->count; i++)
		if (!useless(&old->entries[i]))
			m->entries[m->count++] = &old->entries[i];
	if (!nvb_cache_sort(m->entries, m->count))
		return nvb_fail_oom(err);
	drop_replaced(m);
	return 0;
}

/* Where a name stands among the hwcap names, or would. */
static size_t hwcap_place(const struct merge *m, const char *name, bool *found)
{
	size_t low = 0, high = m->hwcap_count;

	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, m->hwcaps[middle]);

		if (order == 0) {
			*found = true;
			low = middle;
		} else if (order < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return low;
}

static int collect_hwcaps(struct merge *m, nvb_error **err)
{
	for (size_t i = 0; i < m->count; i++) {
		const char *name = m->entries[i]->hwcap_name;
		bool found = true;
		size_t at = name ? hwcap_place(m, name, &found) : 0;

		if (found)
			continue;
		if (m->hwcap_count == HWCAPS_MAX)
			return nvb_fail(err, NVB_ERR_CORRUPT,
				"ld.so.cache names more hardware variants than there are");
		if (!NVB_GROW(m->hwcaps, m->hwcap_count, m->hwcap_capacity))
			return nvb_fail_oom(err);
		memmove(m->hwcaps + at + 1, m->hwcaps + at, (m->hwcap_count - at) * sizeof(*m->hwcaps));
		m->hwcaps[at] = name;
		m->hwcap_count++;
	}
	return 0;
}

/* Appends a string to the table and gives its offset in the file. */
static uint32_t add_string(struct merge *m, const char *s)
{
	uint32_t offset = (uint32_t)m->out.len;

	if (m->out.len <= NVB_CACHE_OUTPUT_MAX)
		nvb_sb_addn(&m->out, s, strlen(s) + 1);
	return offset;
}

static struct record write_strings(struct merge *m, const struct nvb_ldcache_entry *entry)
{
	struct record r = {.flags = entry->flags, .osversion = entry->osversion, .hwcap = entry->hwcap};
	bool found;

	r.value = add_string(m, entry->path);
	/* A path ends in its SONAME as a rule, so that one string serves both. */
	r.key = nvb_ends_with(entry->path, entry->soname)
			? r.value + (uint32_t)(strlen(entry->path) - strlen(entry->soname))
			: add_string(m, entry->soname);
	if (entry->hwcap_name)
		r.hwcap = (entry->hwcap & ~UINT64_C(0xffffffff)) | hwcap_place(m, entry->hwcap_name, &found);
	return r;
}

static void align(struct nvb_strbuf *out, size_t to)
{
	while (out->len % to && !out->failed)
		nvb_sb_addc(out, '\0');
}

/* The extension (glibc 2.33 on; older ones do not look at it): the hwcap names, and who wrote the file. */
static uint32_t write_extension(struct merge *m, const uint32_t *names)
{
	const size_t sections = m->hwcap_count ? 2 : 1;
	uint32_t head[2] = {NVB_LDCACHE_EXTENSION_MAGIC, (uint32_t)sections}, offset;
	size_t table = m->hwcap_count * sizeof(*names), at;

	align(&m->out, sizeof(uint32_t));
	offset = (uint32_t)m->out.len;
	at = m->out.len + EXTENSION_HEADER_SIZE + sections * SECTION_SIZE;
	nvb_sb_addn(&m->out, head, sizeof(head));
	nvb_sb_addn(&m->out,
		&(struct section){NVB_LDCACHE_TAG_GENERATOR, 0, (uint32_t)(at + table), strlen(GENERATOR)},
		SECTION_SIZE);
	if (m->hwcap_count) {
		nvb_sb_addn(&m->out,
			&(struct section){NVB_LDCACHE_TAG_GLIBC_HWCAPS, 0, (uint32_t)at, (uint32_t)table},
			SECTION_SIZE);
		nvb_sb_addn(&m->out, names, table);
	}
	nvb_sb_addn(&m->out, GENERATOR, strlen(GENERATOR));
	return offset;
}

static int write_file(struct merge *m, nvb_error **err)
{
	struct header header = {.magic = NVB_LDCACHE_NEW_MAGIC, .flags = FLAGS_LITTLE_ENDIAN};
	_cleanup_free_ struct record *records = calloc(m->count + 1, sizeof(*records));
	_cleanup_free_ uint32_t *names = calloc(m->hwcap_count + 1, sizeof(*names));
	size_t strings = sizeof(header) + m->count * sizeof(*records);

	if (!records || !names)
		return nvb_fail_oom(err);
	nvb_sb_addn(&m->out, &header, sizeof(header));
	nvb_sb_addn(&m->out, records, m->count * sizeof(*records));
	for (size_t i = 0; i < m->hwcap_count; i++)
		names[i] = add_string(m, m->hwcaps[i]);
	for (size_t i = 0; i < m->count; i++)
		records[i] = write_strings(m, m->entries[i]);
	header.count = (uint32_t)m->count;
	header.string_size = (uint32_t)(m->out.len - strings);
	header.extension_offset = write_extension(m, names);
	if (m->out.failed)
		return nvb_fail_oom(err);
	if (m->out.len > NVB_CACHE_OUTPUT_MAX)
		return nvb_fail(err, NVB_ERR_CORRUPT, "ld.so.cache would grow beyond %d MiB",
			NVB_CACHE_OUTPUT_MAX >> 20);
	memcpy(m->out.s, &header, sizeof(header));
	memcpy(m->out.s + sizeof(header), records, m->count * sizeof(*records));
	return 0;
}

int nvb_cache_merge(const struct nvb_ldcache *old, const struct nvb_ldcache_entry *ours, size_t count,
	char **data, size_t *size, nvb_error **err)
{
	_cleanup_(release) struct merge m = {.ours = ours, .our_count = count};
	int rc = choose(&m, old, err);

	if (rc == 0)
		rc = collect_hwcaps(&m, err);
	if (rc == 0)
		rc = write_file(&m, err);
	if (rc < 0)
		return rc;
	*size = m.out.len;
	*data = nvb_sb_finish(&m.out);
	return 0;
}
