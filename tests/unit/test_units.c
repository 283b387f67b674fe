/* SPDX-License-Identifier: Apache-2.0 */
#include "base/choice.h"
#include "base/mem.h"
#include "base/units.h"
#include "cmocka_all.h"

static void sizes_are_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"512", 512},
		{"7b", 7},
		{"64k", 65536},
		{"8G", 8ULL << 30},
		{"8GB", 8ULL << 30},
		{"8gib", 8ULL << 30},
		{"1.5g", 3ULL << 29},
		{"0.001k", 1},
		{"2T", 2ULL << 40},
		{"15.999p", (15ULL << 50) + (1ULL << 50) * 999 / 1000},
		{"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {"", "G", "-1", "+1", "8 G", "8X", "8GG", "8bb", "8ib", "1.", ".5",
		"1.2345G", "1e3", "18446744073709551616", "16384p", "99999999999999999999999", "0x10"};
	uint64_t v = 42;

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(good); i++) {
		assert_int_equal(nvb_parse_size(good[i].text, "memory", &v, NULL), 0);
		assert_true(v == good[i].bytes);
	}
	v = 42;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		assert_int_equal(nvb_parse_size(bad[i], "memory", &v, NULL), -NVB_ERR_INVALID);
	assert_int_equal(v, 42);
}

static void memory_limits_say_which_gigabyte(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"8GB", 8000000000},
		{"8gb", 8000000000},
		{"8GiB", 8ULL << 30},
		{"1.5GB", 1500000000},
		{"512MiB", 512ULL << 20},
		{"1b", 1},
		{"1TB", 1000000000000},
	};
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"8", "limit: '8' lacks its unit; write it as 8GB or 8MiB"},
		{"8G", "limit: '8G' can be read in two ways; write 8GB (powers of 1000) or 8GiB (powers of "
		       "1024)"},
		{"1.5m", "limit: '1.5m' can be read in two ways; write 1.5MB (powers of 1000) or 1.5MiB "
			 "(powers of "
			 "1024)"},
		{"", "limit: '' is no amount of memory; write it as 8GB or 8GiB"},
		{"8 GB", "limit: '8 GB' is no amount of memory; write it as 8GB or 8GiB"},
		{"8XB", "limit: '8XB' is no amount of memory; write it as 8GB or 8GiB"},
		{"-8GB", "limit: '-8GB' is no amount of memory; write it as 8GB or 8GiB"},
		{"0GB", "limit: a limit of 0GB leaves nothing to use"},
		{"99999999TiB", "limit: 99999999TiB is too large"},
	};
	uint64_t v = 42;

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(good); i++) {
		assert_int_equal(nvb_parse_memory_limit(good[i].text, "limit", &v, NULL), 0);
		assert_true(v == good[i].bytes);
	}
	v = 42;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(nvb_parse_memory_limit(bad[i].text, "limit", &v, &err), -NVB_ERR_INVALID);
		assert_string_equal(nvb_error_message(err), bad[i].message);
	}
	assert_int_equal(v, 42);
}

static void shares_are_percents(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"80", "limit: '80' lacks its unit; write a share as 80%"},
		{"0.8", "limit: '0.8' lacks its unit; write a share as 80%"},
		{"0%", "limit: '0%' is not between 1% and 100%, in whole percents"},
		{"101%", "limit: '101%' is not between 1% and 100%, in whole percents"},
		{"12.5%", "limit: '12.5%' is not between 1% and 100%, in whole percents"},
		{"%", "limit: '%' is no share; write it as 80%"},
		{"80%%", "limit: '80%%' is no share; write it as 80%"},
		{"-5%", "limit: '-5%' is no share; write it as 80%"},
		{"99999999999999999999%", "limit: '99999999999999999999%' is no share; write it as 80%"},
	};
	uint32_t v = 42;

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(nvb_parse_percent(bad[i].text, "limit", &v, &err), -NVB_ERR_INVALID);
		assert_string_equal(nvb_error_message(err), bad[i].message);
	}
	assert_int_equal(v, 42);
	assert_int_equal(nvb_parse_percent("1%", "limit", &v, NULL), 0);
	assert_int_equal(v, 1);
	assert_int_equal(nvb_parse_percent("100%", "limit", &v, NULL), 0);
	assert_int_equal(v, 100);
}

static void durations_have_a_unit(void **state)
{
	_cleanup_error_ nvb_error *err = NULL;
	uint64_t v = 42;

	(void)state;
	assert_int_equal(nvb_parse_duration("100ms", "interval", &v, NULL), 0);
	assert_true(v == 100000000);
	assert_int_equal(nvb_parse_duration("1.5s", "interval", &v, NULL), 0);
	assert_true(v == 1500000000);
	assert_int_equal(nvb_parse_duration("2h", "interval", &v, NULL), 0);
	assert_true(v == 7200ULL * 1000000000);
	assert_int_equal(nvb_parse_duration("0s", "interval", &v, NULL), 0);
	assert_true(v == 0);
	v = 42;
	assert_int_equal(nvb_parse_duration("30", "interval", &v, &err), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(err), "interval: '30' lacks its unit; write it as 30ms or 30s");
	assert_int_equal(nvb_parse_duration("1y", "interval", &v, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_parse_duration("1e9s", "interval", &v, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_parse_duration("300000d", "interval", &v, NULL), -NVB_ERR_INVALID);
	assert_int_equal(v, 42);
}

static void choices_are_found_by_name_and_value(void **state)
{
	static const struct nvb_choice choices[] = {{"one", 1}, {"two", 2}, {"zwei", 2}, {NULL, 0}};
	_cleanup_free_ char *list = nvb_choice_list(choices, "|");
	_cleanup_error_ nvb_error *err = NULL;
	int v = 42;

	(void)state;
	assert_string_equal(list, "one|two|zwei");
	assert_int_equal(nvb_choice_parse(choices, "zwei", "number", &v, NULL), 0);
	assert_int_equal(v, 2);
	assert_string_equal(nvb_choice_name(choices, 2), "two");
	assert_null(nvb_choice_name(choices, 3));
	assert_int_equal(nvb_choice_parse(choices, "tow", "number", &v, &err), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(err), "number: no such value 'tow'; one of one, two, zwei");
	assert_string_equal(nvb_error_hint(err), "did you mean 'two'?");
	assert_int_equal(v, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(memory_limits_say_which_gigabyte),
		cmocka_unit_test(shares_are_percents),
		cmocka_unit_test(durations_have_a_unit),
		cmocka_unit_test(choices_are_found_by_name_and_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
