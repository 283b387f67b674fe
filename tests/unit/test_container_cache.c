/* SPDX-License-Identifier: Apache-2.0 */
/* The merged ld.so.cache, looked up the way ld.so does it. */
#include "cmocka_all.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "container/cache_merge.h"

enum { X86_64 = NVB_LDCACHE_TYPE_LIBC6 | NVB_LDCACHE_ABI_X86_64, I386 = NVB_LDCACHE_TYPE_LIBC6 };

static struct nvb_ldcache_entry library(const char *soname, const char *path, int32_t flags)
{
	return (struct nvb_ldcache_entry){.soname = soname, .path = path, .flags = flags};
}

static struct nvb_ldcache_entry variant(const char *soname, const char *path, const char *hwcap)
{
	/* The index in the word is the old file's and must not survive. */
	return (struct nvb_ldcache_entry){.soname = soname,
		.path = path,
		.flags = X86_64,
		.hwcap = NVB_LDCACHE_HWCAP_EXTENSION | UINT64_C(3) << 32 | 77,
		.hwcap_name = hwcap};
}

static void merge(const struct nvb_ldcache_entry *old, size_t old_count, const struct nvb_ldcache_entry *ours,
	size_t count, struct nvb_ldcache *merged)
{
	struct nvb_ldcache cache = {
		.entries = (struct nvb_ldcache_entry *)(uintptr_t)old, .count = old_count};
	char *data;
	size_t size;

	assert_int_equal(nvb_cache_merge(&cache, ours, count, &data, &size, NULL), 0);
	assert_int_equal(nvb_ldcache_parse(merged, data, size, NULL), 0);
	assert_int_equal(merged->skipped, 0);
}

/* Written from glibc's description, apart from the code under test: digits as one number, behind all else. */
static long compare_as_ld_so(const char *a, const char *b)
{
	for (; *a || *b;) {
		bool da = *a >= '0' && *a <= '9', db = *b >= '0' && *b <= '9';

		if (da && db) {
			char *ea, *eb;
			long na = strtol(a, &ea, 10), nb = strtol(b, &eb, 10);

			if (na != nb)
				return na - nb;
			a = ea;
			b = eb;
		} else if (da || db) {
			return da ? 1 : -1;
		} else if (*a != *b) {
			return *a - *b;
		} else {
			a++;
			b++;
		}
	}
	return 0;
}

/* ld.so's search by halving: the path for a name and flags, or NULL. Without hwcaps of the machine. */
static const char *look_up(const struct nvb_ldcache *cache, const char *name, int32_t flags)
{
	long left = 0, right = (long)cache->count - 1;

	while (left <= right) {
		long middle = (left + right) / 2;
		long order = compare_as_ld_so(name, cache->entries[middle].soname);

		if (order == 0) {
			while (middle > 0 && compare_as_ld_so(name, cache->entries[middle - 1].soname) == 0)
				middle--;
			for (; middle < (long)cache->count; middle++) {
				const struct nvb_ldcache_entry *e = &cache->entries[middle];

				if (compare_as_ld_so(name, e->soname) != 0)
					return NULL;
				if (e->flags == flags && !e->hwcap_name)
					return e->path;
			}
			return NULL;
		}
		if (order < 0)
			left = middle + 1;
		else
			right = middle - 1;
	}
	return NULL;
}

static const char *const names[] = {
	"libcuda.so.1",
	"libnvidia-ml.so.1",
	"libnvidia-glcore.so.550.54.15",
	"libnvidia-glcore.so.60.2",
	"libnvidia-nvvm70.so.4",
	"libnvidia-nvvm.so.4",
	"libnvidia-ptxjitcompiler.so.1",
	"libnvidia-egl-gbm.so.1",
	"libnvidia-egl-wayland.so.1",
	"libnvidia-egl-wayland2.so.1",
	"libnvcuvid.so.1",
	"libicuuc.so.72",
	"libicuuc.so.8",
	"libicuuc.so.100",
	"libX11.so.6",
	"libX11-xcb.so.1",
	"libx264.so.164",
	"libx265.so.199",
	"lib2geom.so.1",
	"libz.so.1",
	"libz3.so.4",
	"liba52-0.7.4.so",
	"libc.so.6",
	"libc++.so.1",
	"libc++abi.so.1",
	"libm.so.6",
	"libstdc++.so.6",
	"libpcre2-8.so.0",
	"libpcre2-16.so.0",
	"libdb-5.3.so",
};

static void every_name_is_found(void **state _unused_)
{
	struct nvb_ldcache_entry old[NVB_ELEMENTS(names)], ours[NVB_ELEMENTS(names)];
	char paths[NVB_ELEMENTS(names)][80];
	_cleanup_ldcache_ struct nvb_ldcache merged = {0};
	size_t n = 0, m = 0;

	for (size_t i = 0; i < NVB_ELEMENTS(names); i++) {
		snprintf(paths[i], sizeof(paths[i]), "/usr/lib/%s", names[i]);
		if (i % 2)
			old[n++] = library(names[i], paths[i], X86_64);
		else
			ours[m++] = library(names[i], paths[i], X86_64);
	}
	merge(old, n, ours, m, &merged);
	assert_int_equal(merged.count, NVB_ELEMENTS(names));
	for (size_t i = 0; i < NVB_ELEMENTS(names); i++) {
		const char *found = look_up(&merged, names[i], X86_64);

		if (!found)
			fail_msg("%s is not found", names[i]);
		assert_string_equal(found, paths[i]);
	}
}

/* The order ldconfig of glibc 2.36 gave to these names. */
static void numbers_order_as_numbers(void **state _unused_)
{
	static const char *const ordered[] = {"lib2geom.so.1", "libz3.so.4", "libz.so.1", "libpcre2-16.so.0",
		"libpcre2-8.so.0", "libnvidia-nvvm70.so.4", "libnvidia-nvvm.so.4", "libicuuc.so.100",
		"libicuuc.so.72", "libicuuc.so.8", "libc.so.6"};

	for (size_t i = 0; i + 1 < NVB_ELEMENTS(ordered); i++) {
		struct nvb_ldcache_entry a = library(ordered[i], "/a", X86_64),
					 b = library(ordered[i + 1], "/b", X86_64);

		if (nvb_cache_compare(&a, &b) >= 0 || nvb_cache_compare(&b, &a) <= 0)
			fail_msg("%s must stand before %s", a.soname, b.soname);
	}
}

static void ours_replace_what_competes(void **state _unused_)
{
	const struct nvb_ldcache_entry old[] = {
		library("libcuda.so.1", "/usr/local/cuda/compat/libcuda.so.1", X86_64),
		library("libcuda.so.1", "/usr/lib/i386-linux-gnu/libcuda.so.1", I386),
		variant("libcuda.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3/libcuda.so.1", "x86-64-v3"),
		library("libcuda.so.01", "/usr/lib/libcuda.so.01", X86_64),
		library("libc.so.6", "/lib/libc.so.6", X86_64),
	};
	const struct nvb_ldcache_entry ours[] = {
		library("libcuda.so.1", "/usr/lib64/libcuda.so.550.54.15", X86_64),
		library("libcuda.so.1", "/opt/later/libcuda.so.1", X86_64),
	};
	_cleanup_ldcache_ struct nvb_ldcache merged = {0};

	merge(old, NVB_ELEMENTS(old), ours, NVB_ELEMENTS(ours), &merged);
	assert_int_equal(merged.count, 4);
	assert_string_equal(look_up(&merged, "libcuda.so.1", X86_64), "/usr/lib64/libcuda.so.550.54.15");
	assert_string_equal(look_up(&merged, "libcuda.so.1", I386), "/usr/lib/i386-linux-gnu/libcuda.so.1");
	assert_string_equal(look_up(&merged, "libc.so.6", X86_64), "/lib/libc.so.6");
	assert_int_equal(merged.hwcap_count, 0);
}

static void hwcaps_are_kept(void **state _unused_)
{
	const struct nvb_ldcache_entry old[] = {
		library("libz.so.1", "/lib/libz.so.1", X86_64),
		variant("libz.so.1", "/lib/glibc-hwcaps/x86-64-v2/libz.so.1", "x86-64-v2"),
		variant("libz.so.1", "/lib/glibc-hwcaps/x86-64-v4/libz.so.1", "x86-64-v4"),
		variant("liba.so.1", "/lib/glibc-hwcaps/x86-64-v3/liba.so.1", "x86-64-v3"),
		{.soname = "libbroken.so.1",
			.path = "/x",
			.flags = X86_64,
			.hwcap = NVB_LDCACHE_HWCAP_EXTENSION | 9},
	};
	const struct nvb_ldcache_entry ours[] = {library("libcuda.so.1", "/l/libcuda.so.1", X86_64)};
	_cleanup_ldcache_ struct nvb_ldcache merged = {0};
	size_t variants = 0;

	merge(old, NVB_ELEMENTS(old), ours, 1, &merged);
	assert_int_equal(merged.count, 5); /* the broken one could not be used by anyone */
	assert_int_equal(merged.hwcap_count, 3);
	for (size_t i = 0; i < 3; i++) {
		static const char *const sorted[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};

		assert_string_equal(merged.hwcap_names[i], sorted[i]);
	}
	for (size_t i = 0; i < merged.count; i++) {
		const struct nvb_ldcache_entry *e = &merged.entries[i];

		if (!e->hwcap_name)
			continue;
		variants++;
		assert_non_null(strstr(e->path, e->hwcap_name));
		assert_int_equal(e->hwcap >> 32 & 0x3ff, 3); /* the level of the instruction set */
		/* Variants stand before the plain library of the same name. */
		if (nvb_streq(e->soname, "libz.so.1"))
			assert_true(
				i + 1 < merged.count && nvb_streq(merged.entries[i + 1].soname, "libz.so.1"));
	}
	assert_int_equal(variants, 3);
	assert_string_equal(look_up(&merged, "libz.so.1", X86_64), "/lib/libz.so.1");
}

static void twice_is_once(void **state _unused_)
{
	const struct nvb_ldcache_entry old[] = {library("libc.so.6", "/lib/libc.so.6", X86_64),
		variant("libz.so.1", "/lib/glibc-hwcaps/x86-64-v2/libz.so.1", "x86-64-v2")};
	const struct nvb_ldcache_entry ours[] = {library("libcuda.so.1", "/l/libcuda.so.1", X86_64)};
	_cleanup_ldcache_ struct nvb_ldcache merged = {0};
	_cleanup_free_ char *again = NULL;
	size_t size;

	merge(old, 2, ours, 1, &merged);
	assert_int_equal(nvb_cache_merge(&merged, ours, 1, &again, &size, NULL), 0);
	assert_int_equal(size, merged.size);
	assert_memory_equal(again, merged.data, size);
}

static void without_an_old_one(void **state _unused_)
{
	const struct nvb_ldcache_entry ours[] = {library("libcuda.so.1", "/l/libcuda.so.550", X86_64)};
	_cleanup_ldcache_ struct nvb_ldcache merged = {0};
	char *data;
	size_t size;

	assert_int_equal(nvb_cache_merge(NULL, ours, 1, &data, &size, NULL), 0);
	assert_int_equal(nvb_ldcache_parse(&merged, data, size, NULL), 0);
	assert_int_equal(merged.count, 1);
	assert_string_equal(look_up(&merged, "libcuda.so.1", X86_64), "/l/libcuda.so.550");
}

/* Strings that hostile entries share would be written apart: the size is bounded. */
static void a_bomb_is_refused(void **state _unused_)
{
	enum { ENTRIES = 8192, LENGTH = 4000 };
	static struct nvb_ldcache_entry old[ENTRIES];
	static char path[LENGTH + 1];
	struct nvb_ldcache cache = {.entries = old, .count = ENTRIES};
	const struct nvb_ldcache_entry ours[] = {library("libcuda.so.1", "/l/libcuda.so.1", X86_64)};
	char *data = NULL;
	size_t size;

	memset(path, 'x', LENGTH);
	for (size_t i = 0; i < ENTRIES; i++)
		old[i] = library("libx.so", path, X86_64);
	assert_int_equal(nvb_cache_merge(&cache, ours, 1, &data, &size, NULL), -NVB_ERR_CORRUPT);
	assert_null(data);
}

/* Numbers that overflow make glibc's comparison intransitive; sorting must end, and within the array. */
static void wild_numbers_are_sorted_safely(void **state _unused_)
{
	enum { ENTRIES = 1000 };
	static char sonames[ENTRIES][48];
	static struct nvb_ldcache_entry entries[ENTRIES];
	static const struct nvb_ldcache_entry *sorted[ENTRIES];
	uint64_t seed = 88172645463325252u;
	size_t seen = 0;

	for (size_t i = 0; i < ENTRIES; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		snprintf(sonames[i], sizeof(sonames[i]), "lib%llu.so",
			(unsigned long long)(seed >> seed % 60));
		entries[i] = library(sonames[i], "/x", X86_64);
		sorted[i] = &entries[i];
	}
	assert_true(nvb_cache_sort(sorted, ENTRIES));
	for (size_t i = 0; i < ENTRIES; i++)
		for (size_t k = 0; k < ENTRIES; k++)
			seen += sorted[k] == &entries[i];
	assert_int_equal(seen, ENTRIES);
}

static void flags_follow_machine_and_class(void **state _unused_)
{
	int32_t flags = -1;

	assert_true(nvb_cache_flags(EM_X86_64, 64, &flags));
	assert_int_equal(flags, 0x303);
	assert_true(nvb_cache_flags(EM_386, 32, &flags));
	assert_int_equal(flags, 0x003);
	assert_true(nvb_cache_flags(EM_AARCH64, 64, &flags));
	assert_int_equal(flags, 0xa03);
	assert_false(nvb_cache_flags(EM_X86_64, 32, &flags)); /* x32: NVIDIA has no such libraries */
	assert_false(nvb_cache_flags(EM_S390, 64, &flags));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_found),
		cmocka_unit_test(numbers_order_as_numbers),
		cmocka_unit_test(ours_replace_what_competes),
		cmocka_unit_test(hwcaps_are_kept),
		cmocka_unit_test(twice_is_once),
		cmocka_unit_test(without_an_old_one),
		cmocka_unit_test(a_bomb_is_refused),
		cmocka_unit_test(wild_numbers_are_sorted_safely),
		cmocka_unit_test(flags_follow_machine_and_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
