/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "container/cache_merge.h"
#include "fuzz.h"

static const struct nvb_ldcache_entry ours[] = {
	{.soname = "libcuda.so.1", .path = "/usr/lib/libcuda.so.550.54.15", .flags = 0x303},
	{.soname = "libcuda.so.1", .path = "/usr/lib32/libcuda.so.550.54.15", .flags = 0x003},
	{.soname = "libnvidia-ml.so.1", .path = "/usr/lib/libnvidia-ml.so.1", .flags = 0x303},
};
enum { OURS = NVB_ELEMENTS(ours) };

static size_t times_listed(const struct nvb_ldcache *cache, const struct nvb_ldcache_entry *wanted)
{
	size_t times = 0;

	for (size_t i = 0; i < cache->count; i++) {
		const struct nvb_ldcache_entry *e = &cache->entries[i];

		times += e->flags == wanted->flags && nvb_streq(e->soname, wanted->soname) &&
			 nvb_streq(e->path, wanted->path);
	}
	return times;
}

/* Any cache that can be read can be merged with ours into one that is sound whole, has ours, and has not
 * grown. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_ldcache_ struct nvb_ldcache old = {0}, merged = {0};
	char *copy = malloc(size + 1), *out = NULL;
	size_t out_size;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (nvb_ldcache_parse(&old, copy, size, NULL) < 0) {
		free(copy);
		return 0;
	}
	if (nvb_cache_merge(&old, ours, OURS, &out, &out_size, NULL) < 0)
		return 0;
	FUZZ_CHECK(nvb_ldcache_parse(&merged, out, out_size, NULL) == 0);
	FUZZ_CHECK(merged.skipped == 0);
	FUZZ_CHECK(merged.count <= old.count + OURS);
	for (size_t i = 0; i < OURS; i++)
		FUZZ_CHECK(times_listed(&merged, &ours[i]) >= 1);
	for (size_t i = 0; i < merged.count; i++)
		FUZZ_CHECK(!(merged.entries[i].hwcap & NVB_LDCACHE_HWCAP_EXTENSION) ||
			   merged.entries[i].hwcap_name);
	return 0;
}
