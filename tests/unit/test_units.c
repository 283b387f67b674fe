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
		cmocka_unit_test(durations_have_a_unit),
		cmocka_unit_test(choices_are_found_by_name_and_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
