/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/ldcache.h"
#include "fuzz.h"

/* True when a string lies in the file, its end included. */
static bool inside(const struct nvb_ldcache *cache, const char *s)
{
	return s >= cache->data && s < cache->data + cache->size &&
	       memchr(s, '\0', (size_t)(cache->data + cache->size - s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_ldcache_ struct nvb_ldcache cache = {0};
	_cleanup_error_ nvb_error *err = NULL;
	char *copy = malloc(size ? size : 1);

	FUZZ_CHECK(copy);
	memcpy(copy, data, size);
	if (nvb_ldcache_parse(&cache, copy, size, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		FUZZ_CHECK(!cache.data && !cache.entries);
		free(copy);
		return 0;
	}
	for (size_t i = 0; i < cache.count; i++) {
		const struct nvb_ldcache_entry *entry = &cache.entries[i];

		FUZZ_CHECK(inside(&cache, entry->soname) && inside(&cache, entry->path));
		FUZZ_CHECK(!entry->hwcap_name || inside(&cache, entry->hwcap_name));
	}
	return 0;
}
