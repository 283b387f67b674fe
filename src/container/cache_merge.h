/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_CACHE_MERGE_H
#define NVB_CONTAINER_CACHE_MERGE_H

#include <stdbool.h>

#include "base/ldcache.h"

/*
 * Writing ld.so.cache, in glibc's format "glibc-ld.so.cache1.1" alone: every glibc since 2.2 reads it.
 */

/* No real cache comes near it; strings that hostile entries share in the old file are written apart. */
enum { NVB_CACHE_OUTPUT_MAX = 16 * 1024 * 1024 };

/*
 * Gives the bytes of a cache with the libraries of `old` (NULL: none) and `ours`, ours first: what `old` has
 * under the same SONAME and flags is dropped, in every hwcap variant, and of two of ours the earlier stays.
 * *data is malloc'd. NVB_ERR_CORRUPT when the result would exceed NVB_CACHE_OUTPUT_MAX.
 */
int nvb_cache_merge(const struct nvb_ldcache *old, const struct nvb_ldcache_entry *ours, size_t count,
	char **data, size_t *size, nvb_error **err);

/* The order in which ld.so expects entries, since it searches by halving: below 0 when a stands before b. */
int nvb_cache_compare(const struct nvb_ldcache_entry *a, const struct nvb_ldcache_entry *b);

/* True when ld.so cannot tell the names apart. */
bool nvb_cache_same_name(const struct nvb_ldcache_entry *a, const struct nvb_ldcache_entry *b);

/*
 * Sorts by nvb_cache_compare, keeping the order of equals. glibc's comparison is not transitive for numbers
 * that overflow, and an image's names are hostile: this sort stays within the array whatever the comparison
 * says, which qsort(3) does not promise.
 */
bool nvb_cache_sort(const struct nvb_ldcache_entry **entries, size_t count);

/* The flags word of a library of this machine and class; false for a machine no driver library is made for.
 */
bool nvb_cache_flags(unsigned machine, unsigned elf_class, int32_t *flags);

#endif
