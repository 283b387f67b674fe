/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/str.h"

static void parses_numbers_whole_or_not_at_all(void **state)
{
	uint64_t v = 7;
	uint32_t w = 7;

	(void)state;
	assert_true(nvb_parse_u64("18446744073709551615", &v));
	assert_int_equal(v, UINT64_MAX);
	v = 7;
	assert_false(nvb_parse_u64("18446744073709551616", &v));
	assert_false(nvb_parse_u64("", &v));
	assert_false(nvb_parse_u64(" 1", &v));
	assert_false(nvb_parse_u64("-1", &v));
	assert_false(nvb_parse_u64("1x", &v));
	assert_int_equal(v, 7);
	assert_false(nvb_parse_u32("4294967296", &w));
	assert_int_equal(w, 7);
	assert_true(nvb_parse_u64_base("fF", 16, &v));
	assert_int_equal(v, 255);
}

static void finds_the_nearest_word(void **state)
{
	static const char *const words[] = {"devices", "driver", "isolation", "runtime"};

	(void)state;
	assert_string_equal(nvb_nearest("devcies", words, NVB_ELEMENTS(words)), "devices");
	assert_string_equal(nvb_nearest("isolaton", words, NVB_ELEMENTS(words)), "isolation");
	assert_null(nvb_nearest("zebra", words, NVB_ELEMENTS(words)));
}

static void checks_utf8_as_rfc3629(void **state)
{
	(void)state;
	assert_true(nvb_utf8_valid("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10));
	assert_false(nvb_utf8_valid("\xc0\x80", 2));
	assert_false(nvb_utf8_valid("\xed\xa0\x80", 3));
	assert_false(nvb_utf8_valid("\xf4\x90\x80\x80", 4));
	assert_false(nvb_utf8_valid("\xe2\x82", 2));
}

static void writes_json_strings(void **state)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	(void)state;
	nvb_sb_add_json(&sb, "a\"\\\n\x01\xff");
	assert_string_equal(sb.s, "\"a\\\"\\\\\\n\\u0001\\ufffd\"");
	/* Terminals take U+009B for the beginning of a command; U+00A0 is a space. */
	nvb_sb_release(&sb);
	nvb_sb_add_json(&sb, "\xc2\x9b\xc2\xa0\xc3\x9b");
	assert_string_equal(sb.s, "\"\\u009b\xc2\xa0\xc3\x9b\"");
}

static void splits_without_empty_parts(void **state)
{
	_cleanup_strv_ char **v = nvb_strv_split(",a,,bc,", ",");

	(void)state;
	assert_int_equal(nvb_strv_length(v), 2);
	assert_string_equal(v[0], "a");
	assert_string_equal(v[1], "bc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_numbers_whole_or_not_at_all),
		cmocka_unit_test(finds_the_nearest_word),
		cmocka_unit_test(checks_utf8_as_rfc3629),
		cmocka_unit_test(writes_json_strings),
		cmocka_unit_test(splits_without_empty_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
