/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <stdio.h>

#include "base/jscan.h"
#include "base/str.h"

/* Reads a whole document; 0 or the negated code, with the message in *message when it is wanted. */
static int scan(const char *text, size_t size, char *message, size_t message_size)
{
	_cleanup_error_ nvb_error *error = NULL;
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json value;
	int rc;

	nvb_jscan_begin(&js, text, size);
	rc = nvb_jscan_value(&js, &value, &error);
	if (rc == 0)
		rc = nvb_jscan_end(&js, &error);
	if (message)
		snprintf(message, message_size, "%s", nvb_error_message(error));
	return rc;
}

static int scan_text(const char *text)
{
	/* From the heap without the NUL, so that a read beyond the end is seen by the sanitizer. */
	size_t n = strlen(text);
	_cleanup_free_ char *copy = malloc(n ? n : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, n);
	rc = scan(copy, n, NULL, 0);
	return rc;
}

static void takes_what_rfc8259_takes(void **state)
{
	static const char *const good[] = {"null", " true ", "false", "0", "-0", "1.5e+10", "1E5", "\"\"",
		"[]", "{}", "[ ]", "{ }", "[1,[2,{\"a\":[]}],\"x\"]", "{\"a\":1,\"b\":{\"a\":1}}",
		"\"\\u00e9\\n\\/\"", "\"\\ud83d\\ude00\"", "\"\x7f\"", "\"\xf0\x9f\x98\x80\"",
		"18446744073709551615", "\r\n\t [1]\n", "{\"\":1,\"a\":1,\"A\":2}"};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(good); i++)
		if (scan_text(good[i]) != 0)
			fail_msg("refused: %s", good[i]);
}

static void refuses_everything_else(void **state)
{
	static const char *const bad[] = {"", " ", "nul", "True", "01", "-", "1.", ".5", "1e", "+1", "0x10",
		"NaN", "Infinity", "\"", "\"a", "\"\\", "\"\\u12", "\"\\x41\"", "\"\\u0000\"", "\"\\ud800\"",
		"\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\\ud800\\ud800\"", "\"\n\"",
		"\"\x01\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\"", "[", "[1", "[1,",
		"[1,]", "[,1]", "[1 2]", "]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
		"{,}", "{a:1}", "{\"a\" 1}", "{'a':1}", "{1:1}", "[1}", "{\"a\":1]", "1 2", "{} x", "[]]",
		"\xef\xbb\xbf{}", "// c\n1", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
		"{\"\\u0061\":1,\"\\u0061\":2}", "[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", "{\"\":1,\"\":2}"};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		if (scan_text(bad[i]) != -NVB_ERR_CORRUPT)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(scan("\"a\0b\"", 5, NULL, 0), -NVB_ERR_CORRUPT);
	assert_int_equal(scan("1\0", 2, NULL, 0), -NVB_ERR_CORRUPT);
}

static void says_where(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"{\"linux\":{\"devices\":[{},{\"path\":\"\\ud800\"}]}}",
			"linux.devices[1].path: lone surrogate in a string (byte 33)"},
		{"{\"a\":1,\"b\":{\"x y\":[1,2,}", "b[\"x y\"][2]: not a JSON value (byte 23)"},
		{"{\"a\":{\"k\":1,\"j\":2,\"k\":3}}", "a: the key \"k\" stands twice (byte 18)"},
		{"{\"a\":[1 2]}", "a: expected ',' or ']' (byte 8)"},
		{"[1,2", "ends before its ']' (byte 4)"},
		{"[[[[[[[[[[[[[[[x", "[0][0][0][0][0][0][0][0][0][0][0][0]...: not a JSON value (byte 15)"},
		{"{} {}", "something stands behind the end of the document (byte 3)"},
	};
	char message[200];

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		assert_int_equal(scan(cases[i].text, strlen(cases[i].text), message, sizeof(message)),
			-NVB_ERR_CORRUPT);
		assert_string_equal(message, cases[i].message);
	}
}

static void limits_depth(void **state)
{
	char text[2 * NVB_JSCAN_DEPTH + 2];

	(void)state;
	memset(text, '[', NVB_JSCAN_DEPTH);
	memset(text + NVB_JSCAN_DEPTH, ']', NVB_JSCAN_DEPTH);
	assert_int_equal(scan(text, (size_t)2 * NVB_JSCAN_DEPTH, NULL, 0), 0);
	memset(text, '[', NVB_JSCAN_DEPTH + 1);
	memset(text + NVB_JSCAN_DEPTH + 1, ']', NVB_JSCAN_DEPTH + 1);
	assert_int_equal(scan(text, sizeof(text), NULL, 0), -NVB_ERR_CORRUPT);
}

/* An object of `count` keys; the last one repeats the first where `twice` says so. */
static char *many_keys(unsigned count, bool twice)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_add(&sb, "{");
	for (unsigned i = 0; i < count; i++)
		nvb_sb_addf(&sb, "%s\"key%u\":%u", i ? "," : "", twice && i == count - 1 ? 0 : i, i);
	nvb_sb_add(&sb, "}");
	return nvb_sb_finish(&sb);
}

static void finds_duplicates_at_any_size(void **state)
{
	static const unsigned counts[] = {2, 15, 16, 17, 18, 95, 96, 97, 1000, 50000};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(counts); i++) {
		_cleanup_free_ char *once = many_keys(counts[i], false);
		_cleanup_free_ char *twice = many_keys(counts[i], true);

		assert_int_equal(scan_text(once), 0);
		assert_int_equal(scan_text(twice), -NVB_ERR_CORRUPT);
	}
}

static void pulls_members_and_extents(void **state)
{
	static const char text[] = "{\"a\": [1, 22 ] , \"b\":{}}";
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json key, value;
	uint64_t n = 0;

	(void)state;
	nvb_jscan_begin(&js, text, sizeof(text) - 1);
	assert_int_equal(nvb_jscan_enter(&js, NVB_JSON_OBJECT, NULL), 0);
	assert_int_equal(nvb_jscan_next(&js, &key, NULL), 1);
	assert_true(nvb_json_equals(&key, "a", 1));
	assert_int_equal(nvb_jscan_enter(&js, NVB_JSON_ARRAY, NULL), 0);
	assert_int_equal(nvb_jscan_next(&js, NULL, NULL), 1);
	assert_int_equal(nvb_jscan_value(&js, &value, NULL), 0);
	assert_int_equal(nvb_jscan_next(&js, NULL, NULL), 1);
	assert_int_equal(nvb_jscan_expect(&js, NVB_JSON_NUMBER, &value, NULL), 0);
	assert_true(nvb_json_u64(&value, &n));
	assert_int_equal(n, 22);
	assert_int_equal(nvb_jscan_next(&js, NULL, NULL), 0);
	assert_int_equal(js.left.open, 6);
	assert_int_equal(js.left.tail, 12);
	assert_int_equal(js.left.close, 13);
	assert_int_equal(js.left.count, 2);
	assert_int_equal(nvb_jscan_next(&js, &key, NULL), 1);
	assert_int_equal(nvb_jscan_value(&js, &value, NULL), 0);
	assert_int_equal(value.type, NVB_JSON_OBJECT);
	assert_int_equal(value.size, 2);
	assert_int_equal(nvb_jscan_next(&js, &key, NULL), 0);
	assert_int_equal(js.left.tail, sizeof(text) - 2);
	assert_int_equal(nvb_jscan_end(&js, NULL), 0);
}

static void names_both_types(void **state)
{
	_cleanup_error_ nvb_error *error = NULL;
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json key;

	(void)state;
	nvb_jscan_begin(&js, "{\"linux\": 5}", 12);
	assert_int_equal(nvb_jscan_enter(&js, NVB_JSON_OBJECT, &error), 0);
	assert_int_equal(nvb_jscan_next(&js, &key, &error), 1);
	assert_int_equal(nvb_jscan_enter(&js, NVB_JSON_OBJECT, &error), -NVB_ERR_CORRUPT);
	assert_string_equal(nvb_error_message(error), "linux: must be an object, is a number (byte 10)");
}

static int match(const char *raw, int *which)
{
	static const char *const names[] = {"devices", "linux", NULL};
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json key;
	char text[64];
	int rc;

	snprintf(text, sizeof(text), "{\"%s\":1}", raw);
	nvb_jscan_begin(&js, text, strlen(text));
	assert_int_equal(nvb_jscan_enter(&js, NVB_JSON_OBJECT, NULL), 0);
	assert_int_equal(nvb_jscan_next(&js, &key, NULL), 1);
	rc = nvb_jscan_match(&js, &key, names, which, NULL);
	return rc;
}

static void matches_names_and_refuses_case_variants(void **state)
{
	static const char *const variants[] = {
		"Devices", "DEVICES", "device\\u017f", "device\xc5\xbf", "\\u0044evices", "LINUX"};
	int which = 7;

	(void)state;
	assert_int_equal(match("linux", &which), 0);
	assert_int_equal(which, 1);
	assert_int_equal(match("\\u006cinux", &which), 0);
	assert_int_equal(which, 1);
	assert_int_equal(match("device", &which), 0);
	assert_int_equal(which, -1);
	assert_int_equal(match("devices2", &which), 0);
	assert_int_equal(which, -1);
	for (size_t i = 0; i < NVB_ELEMENTS(variants); i++)
		assert_int_equal(match(variants[i], &which), -NVB_ERR_CORRUPT);
}

static struct nvb_json string(const char *raw)
{
	return (struct nvb_json){NVB_JSON_STRING, raw, strlen(raw), strchr(raw, '\\') != NULL};
}

static void decodes_strings(void **state)
{
	struct nvb_json s = string("a\\n\\u00e9\\ud83d\\ude00\\\"\\/z");
	struct nvb_json plain = string("a\n\xc3\xa9\xf0\x9f\x98\x80\"/z");
	_cleanup_free_ char *copy = nvb_json_strdup(&s);

	(void)state;
	plain.escaped = false;
	assert_string_equal(copy, plain.text);
	assert_true(nvb_json_same(&s, &plain));
	assert_true(nvb_json_equals(&s, plain.text, plain.size));
	assert_false(nvb_json_equals(&s, plain.text, plain.size - 1));
	assert_true(nvb_json_starts(&s, "a\n", 2));
	assert_false(nvb_json_starts(&s, "a\r", 2));
}

/* A string that is not JSON's but somebody's name: its backslashes are its own. */
static void hashes_what_is_decoded(void **state)
{
	struct nvb_json raw = string("end\\\\"), plain = string("end\\\\");

	(void)state;
	plain.size--;
	plain.escaped = false;
	assert_int_equal(nvb_json_hash(&raw), nvb_json_hash(&plain));
	assert_true(nvb_json_same(&raw, &plain));
}

static void reads_integers_whole_or_not_at_all(void **state)
{
	struct nvb_json max = {NVB_JSON_NUMBER, "18446744073709551615", 20, false};
	struct nvb_json over = {NVB_JSON_NUMBER, "18446744073709551616", 20, false};
	struct nvb_json lowest = {NVB_JSON_NUMBER, "-9223372036854775808", 20, false};
	struct nvb_json real = {NVB_JSON_NUMBER, "1.0", 3, false};
	uint64_t u = 7;
	int64_t i = 7;

	(void)state;
	assert_true(nvb_json_u64(&max, &u));
	assert_true(u == UINT64_MAX);
	u = 7;
	assert_false(nvb_json_u64(&over, &u));
	assert_false(nvb_json_u64(&real, &u));
	assert_int_equal(u, 7);
	assert_false(nvb_json_i64(&max, &i));
	assert_true(nvb_json_i64(&lowest, &i));
	assert_true(i == INT64_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_rfc8259_takes),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(says_where),
		cmocka_unit_test(limits_depth),
		cmocka_unit_test(finds_duplicates_at_any_size),
		cmocka_unit_test(pulls_members_and_extents),
		cmocka_unit_test(names_both_types),
		cmocka_unit_test(matches_names_and_refuses_case_variants),
		cmocka_unit_test(decodes_strings),
		cmocka_unit_test(hashes_what_is_decoded),
		cmocka_unit_test(reads_integers_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
