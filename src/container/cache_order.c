/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <string.h>

#include "container/cache_merge.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A run of digits as glibc reads it into an int: larger numbers wrap around. */
static uint32_t number(const char **s)
{
	uint32_t value = 0;

	for (; is_digit(**s); (*s)++)
		value = value * 10 + (uint32_t)(**s - '0');
	return value;
}

/*
 * glibc's order of names (_dl_cache_libcmp in elf/dl-cache.c): runs of digits compare as numbers, and a digit
 * stands behind anything else. ld.so searches with it, so with any other order it misses libraries that
 * `ldconfig -p` still prints.
 */
static int compare_names(const char *a, const char *b)
{
	while (*a) {
		if (is_digit(*a) && is_digit(*b)) {
			int difference = (int)(number(&a) - number(&b));

			if (difference)
				return difference;
		} else if (is_digit(*a)) {
			return 1;
		} else if (is_digit(*b)) {
			return -1;
		} else if (*a != *b) {
			return *a - *b;
		} else {
			a++;
			b++;
		}
	}
	return *a - *b;
}

bool nvb_cache_same_name(const struct nvb_ldcache_entry *a, const struct nvb_ldcache_entry *b)
{
	return compare_names(a->soname, b->soname) == 0;
}

static int descending(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

int nvb_cache_compare(const struct nvb_ldcache_entry *a, const struct nvb_ldcache_entry *b)
{
	int order = compare_names(b->soname, a->soname);

	if (order == 0 && a->flags != b->flags)
		order = a->flags > b->flags ? -1 : 1;
	/* ld.so stops at the first entry that is no hwcap variant, so the variants stand first. */
	if (order == 0 && !a->hwcap_name != !b->hwcap_name)
		order = a->hwcap_name ? -1 : 1;
	if (order == 0 && a->hwcap_name)
		return strcmp(a->hwcap_name, b->hwcap_name);
	/* Older variants are bits: the more of them a library wants, the more special it is. */
	if (order == 0)
		order = __builtin_popcountll(b->hwcap) - __builtin_popcountll(a->hwcap);
	if (order == 0)
		order = descending(a->hwcap, b->hwcap);
	if (order == 0)
		order = descending(a->osversion, b->osversion);
	return order;
}

static void merge(const struct nvb_ldcache_entry **from, const struct nvb_ldcache_entry **to, size_t begin,
	size_t middle, size_t end)
{
	size_t left = begin, right = middle;

	for (size_t i = begin; i < end; i++)
		if (left < middle && (right >= end || nvb_cache_compare(from[left], from[right]) <= 0))
			to[i] = from[left++];
		else
			to[i] = from[right++];
}

bool nvb_cache_sort(const struct nvb_ldcache_entry **entries, size_t count)
{
	const struct nvb_ldcache_entry **spare = calloc(count ? count : 1, sizeof(*spare));
	const struct nvb_ldcache_entry **from = entries, **to = spare, **swap;

	if (!spare)
		return false;
	for (size_t width = 1; width < count; width *= 2) {
		for (size_t begin = 0; begin < count; begin += 2 * width) {
			size_t middle = begin + width < count ? begin + width : count;
			size_t end = middle + width < count ? middle + width : count;

			merge(from, to, begin, middle, end);
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from != entries)
		memcpy(entries, from, count * sizeof(*entries));
	free(spare);
	return true;
}

bool nvb_cache_flags(unsigned machine, unsigned elf_class, int32_t *flags)
{
	/* The machines NVIDIA makes libraries for; values of glibc's sysdeps/generic/ldconfig.h. */
	static const struct {
		unsigned machine, elf_class;
		int32_t abi;
	} abis[] = {
		{EM_X86_64, 64, NVB_LDCACHE_ABI_X86_64},
		{EM_386, 32, NVB_LDCACHE_ABI_I386},
		{EM_AARCH64, 64, NVB_LDCACHE_ABI_AARCH64},
		{EM_ARM, 32, NVB_LDCACHE_ABI_ARMHF},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(abis); i++)
		if (abis[i].machine == machine && abis[i].elf_class == elf_class) {
			*flags = NVB_LDCACHE_TYPE_LIBC6 | abis[i].abi;
			return true;
		}
	return false;
}
