/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ldcache.h"

#include <string.h>

#include "cmocka_all.h"

/* A cache of two entries and one glibc-hwcaps name, at a given place of the file. */
enum { ENTRIES = 2, STRINGS = NVB_LDCACHE_HEADER_SIZE + ENTRIES * NVB_LDCACHE_ENTRY_SIZE, SIZE = 256 };

static void put32(char *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void put_entry(char *p, uint32_t flags, uint32_t key, uint32_t value, uint64_t hwcap)
{
	put32(p, flags);
	put32(p + 4, key);
	put32(p + 8, value);
	memcpy(p + 16, &hwcap, sizeof(hwcap));
}

static char *make_cache(size_t start)
{
	char *data = calloc(1, start + SIZE);
	char *h = data + start;

	assert_non_null(data);
	memcpy(h, NVB_LDCACHE_NEW_MAGIC, strlen(NVB_LDCACHE_NEW_MAGIC));
	put32(h + 20, ENTRIES);
	h[28] = 2;
	memcpy(h + STRINGS, "liba.so.1\0/lib/liba.so.1\0x86-64-v3", 35);
	put_entry(h + 48, 0x303, STRINGS, STRINGS + 10, 0);
	put_entry(h + 72, 0x003, STRINGS, STRINGS + 10, NVB_LDCACHE_HWCAP_EXTENSION | (UINT64_C(3) << 32));
	put32(h + 32, (uint32_t)start + 160);
	put32(h + 160, NVB_LDCACHE_EXTENSION_MAGIC);
	put32(h + 164, 1);
	put32(h + 168, NVB_LDCACHE_TAG_GLIBC_HWCAPS);
	put32(h + 176, (uint32_t)start + 184);
	put32(h + 180, 4);
	put32(h + 184, (uint32_t)start + STRINGS + 25);
	return data;
}

static void check_cache(char *data, size_t size)
{
	_cleanup_ldcache_ struct nvb_ldcache cache = {0};

	assert_int_equal(nvb_ldcache_parse(&cache, data, size, NULL), 0);
	assert_int_equal(cache.count, 2);
	assert_string_equal(cache.entries[0].soname, "liba.so.1");
	assert_string_equal(cache.entries[0].path, "/lib/liba.so.1");
	assert_int_equal(cache.entries[0].flags, 0x303);
	assert_null(cache.entries[0].hwcap_name);
	assert_string_equal(cache.entries[1].hwcap_name, "x86-64-v3");
}

static void test_new_format(void **state)
{
	(void)state;
	check_cache(make_cache(0), SIZE);
}

static void test_behind_old_format(void **state)
{
	/* Two old entries: 16 + 24 bytes, which is aligned already. */
	size_t start = 40;
	char *data = make_cache(start);

	(void)state;
	memcpy(data, NVB_LDCACHE_OLD_MAGIC, strlen(NVB_LDCACHE_OLD_MAGIC));
	put32(data + 12, 2);
	check_cache(data, start + SIZE);
}

static void test_old_format_alone(void **state)
{
	struct nvb_ldcache cache = {0};
	char data[64] = NVB_LDCACHE_OLD_MAGIC;

	(void)state;
	assert_int_equal(nvb_ldcache_parse(&cache, data, sizeof(data), NULL), -NVB_ERR_UNSUPPORTED);
}

static void test_every_truncation(void **state)
{
	(void)state;
	for (size_t size = 0; size < SIZE; size++) {
		_cleanup_ldcache_ struct nvb_ldcache cache = {0};
		_cleanup_free_ char *whole = make_cache(0);
		char *data = malloc(size ? size : 1);

		assert_non_null(data);
		memcpy(data, whole, size);
		if (nvb_ldcache_parse(&cache, data, size, NULL) < 0)
			free(data);
		else
			assert_true(size >= STRINGS && cache.count + cache.skipped == ENTRIES);
	}
}

static void test_wild_numbers(void **state)
{
	struct nvb_ldcache cache = {0};
	_cleanup_free_ char *data = make_cache(0);
	nvb_error *err = NULL;

	(void)state;
	put32(data + 20, UINT32_MAX);
	assert_int_equal(nvb_ldcache_parse(&cache, data, SIZE, &err), -NVB_ERR_CORRUPT);
	assert_non_null(strstr(nvb_error_message(err), "truncated"));
	nvb_error_free(err);
	put32(data + 20, ENTRIES);
	data[28] = 3;
	assert_int_equal(nvb_ldcache_parse(&cache, data, SIZE, NULL), -NVB_ERR_UNSUPPORTED);
	data[28] = 2;
	put32(data + 72 + 4, UINT32_MAX);
	assert_int_equal(nvb_ldcache_parse(&cache, data, SIZE, NULL), 0);
	assert_int_equal(cache.count, 1);
	assert_int_equal(cache.skipped, 1);
	data = NULL;
	nvb_ldcache_release(&cache);
}

/* A SONAME is a file's name: what is longer than those serves only to keep whoever compares it busy. */
static void test_long_names(void **state)
{
	(void)state;
	for (size_t length = 250; length <= 260; length++) {
		_cleanup_ldcache_ struct nvb_ldcache cache = {0};
		size_t size = SIZE + 512;
		char *data = realloc(make_cache(0), size);

		assert_non_null(data);
		memset(data + SIZE, 'a', length);
		data[SIZE + length] = '\0';
		put32(data + 48 + 4, SIZE);
		assert_int_equal(nvb_ldcache_parse(&cache, data, size, NULL), 0);
		assert_int_equal(cache.count, length <= 255 ? 2 : 1);
		assert_int_equal(cache.skipped, length <= 255 ? 0 : 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_format),
		cmocka_unit_test(test_behind_old_format),
		cmocka_unit_test(test_old_format_alone),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_wild_numbers),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
