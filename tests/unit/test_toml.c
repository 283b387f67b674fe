/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/str.h"
#include "base/toml.h"
#include "cmocka_all.h"

/* The official cases (tests/toml) hold the grammar; this is what they leave open. */

static void parse(struct nvb_toml *doc, const char *text)
{
	assert_int_equal(nvb_toml_parse(doc, text, strlen(text), "f", NULL), 0);
}

static void assert_refused(const char *text, const char *message)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_toml doc = {0};

	assert_int_equal(nvb_toml_parse(&doc, text, strlen(text), "f", &err), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(err), message);
	assert_null(doc.arena.blocks);
}

static void errors_name_line_and_character(void **state)
{
	(void)state;
	assert_refused("a = 1\n  b = x\n", "f:2:7: 'x' is no value; a string needs quotes");
	assert_refused("a = 1\n\n[b]\na = 1\na = 2\n", "f:5:1: 'a' stands already on line 4");
	assert_refused("[a]\n[b]\n[a]\n", "f:3:2: 'a' stands already on line 1");
	assert_refused("a.b = 1\n[a]\n", "f:2:2: 'a' stands already on line 1");
	assert_refused("a = {}\n[a.b]\n", "f:2:2: 'a' is complete since line 1; nothing can be added here");
	assert_refused("a = 1\na.b = 2\n", "f:2:1: 'a' is an integer (line 1), not a table");
	assert_refused("a", "f:1:2: the end of the file where '=' should follow the key");
	assert_refused("a =\n", "f:1:4: the end of the line where a value should stand");
	/* Characters are counted, not bytes. */
	assert_refused("\"\xc3\xa4\xe2\x82\xac\" = ?\n", "f:1:8: '?' where a value should stand");
	assert_refused("x = \"\xff\"\n", "f:1:1: this line is not UTF-8");
	assert_refused("\xef\xbb\xbf"
		       "a = !\n",
		"f:1:5: '!' where a value should stand");
	assert_refused("a = \"x\\q\"\n", "f:1:7: no escape is written as a backslash and 'q'; a literal "
					 "string ('...') takes backslashes "
					 "as they are");
	assert_refused("a = \"\\ud800\"", "f:1:6: \\ud800 is no Unicode character");
	assert_refused("a = 'x\n'", "f:1:5: the string that begins here has no end on its line");
	assert_refused("a = 9223372036854775808", "f:1:5: 9223372036854775808 does not fit into 64 bits");
	assert_refused("a = -9223372036854775809", "f:1:5: -9223372036854775809 does not fit into 64 bits");
	assert_refused("a = 0x8000000000000000", "f:1:5: 0x8000000000000000 does not fit into 64 bits");
	assert_refused("a = 1e400", "f:1:5: 1e400 does not fit into 64 bits");
	assert_refused("a = 2023-02-29", "f:1:5: '2023-02-29' is no date or time");
}

static void values_know_where_they_stand(void **state)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	const struct nvb_toml_value *v;

	(void)state;
	parse(&doc, "x = [1,\r\n     2]\r\n[t]\r\n  \"\xc3\xa4\" =  true\r\n[[e]]\r\n[[e]]\r\n");
	v = nvb_toml_first(nvb_toml_get(&doc.root, "x"))->next;
	assert_int_equal(v->line, 2);
	assert_int_equal(v->column, 6);
	v = nvb_toml_get(nvb_toml_get(&doc.root, "t"), "\xc3\xa4");
	assert_int_equal(v->line, 4);
	assert_int_equal(v->column, 10);
	assert_int_equal(v->key_column, 3);
	assert_int_equal(nvb_toml_get(&doc.root, "t")->line, 3);
	assert_int_equal(nvb_toml_first(nvb_toml_get(&doc.root, "e"))->next->line, 6);
	assert_int_equal(nvb_toml_get(&doc.root, "e")->items.count, 2);
}

static void depth_is_limited_however_it_is_made(void **state)
{
	static const struct {
		const char *open, *middle, *close;
		int most;
	} cases[] = {
		{"[", "", "]", NVB_TOML_DEPTH - 1}, /* the key is one step itself */
		{"{a=", "1", "}", NVB_TOML_DEPTH - 1},
		{"[{a=", "1", "}]", (NVB_TOML_DEPTH - 1) / 2},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		for (int extra = 0; extra < 2; extra++) {
			_cleanup_strbuf_ struct nvb_strbuf sb = {0};
			_cleanup_toml_ struct nvb_toml doc = {0};
			int n = cases[i].most + extra;

			nvb_sb_add(&sb, "a=");
			for (int k = 0; k < n; k++)
				nvb_sb_add(&sb, cases[i].open);
			nvb_sb_add(&sb, cases[i].middle);
			for (int k = 0; k < n; k++)
				nvb_sb_add(&sb, cases[i].close);
			assert_int_equal(
				nvb_toml_parse(&doc, sb.s, sb.len, "f", NULL), extra ? -NVB_ERR_INVALID : 0);
		}
	}
	_cleanup_strbuf_ struct nvb_strbuf brackets = {0};
	struct nvb_toml doc = {0};

	nvb_sb_add(&brackets, "a=");
	for (int i = 0; i < 1000000; i++)
		nvb_sb_addc(&brackets, '[');
	assert_int_equal(nvb_toml_parse(&doc, brackets.s, brackets.len, "f", NULL), -NVB_ERR_INVALID);
}

/* Of the square kind, either of these would take minutes, and the test its time limit. */
static void large_files_take_linear_time(void **state)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	_cleanup_toml_ struct nvb_toml doc = {0};

	(void)state;
	nvb_sb_add(&sb, "a=[");
	for (int i = 0; i < 200000; i++)
		nvb_sb_add(&sb, "1,");
	nvb_sb_add(&sb, "]\n");
	for (int i = 0; i < 100000; i++)
		nvb_sb_addf(&sb, "k%d=1\n", i);
	parse(&doc, sb.s);
	assert_int_equal(doc.root.items.count, 100001);
	assert_int_equal(doc.root.items.first->items.count, 200000);
}

static void typed_getters_leave_what_is_absent(void **state)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_strv_ char **list = NULL;
	const char *s = "old";
	int64_t i = 7;
	double d = 7;
	bool b = false;

	(void)state;
	parse(&doc, "s = 'x'\ni = 5\nf = 1.5\nb = true\nl = ['a', 'b']\n");
	assert_int_equal(nvb_toml_get_string(&doc, &doc.root, "s", &s, NULL), 0);
	assert_string_equal(s, "x");
	assert_int_equal(nvb_toml_get_string(&doc, &doc.root, "absent", &s, NULL), 0);
	assert_int_equal(nvb_toml_get_string(&doc, NULL, "s", &s, NULL), 0);
	assert_string_equal(s, "x");
	assert_int_equal(nvb_toml_get_int(&doc, &doc.root, "i", 0, 9, &i, NULL), 0);
	assert_int_equal(i, 5);
	assert_int_equal(nvb_toml_get_float(&doc, &doc.root, "f", &d, NULL), 0);
	assert_true(d > 1.4 && d < 1.6);
	assert_int_equal(nvb_toml_get_float(&doc, &doc.root, "i", &d, NULL), 0);
	assert_true(d > 4.9 && d < 5.1);
	assert_int_equal(nvb_toml_get_bool(&doc, &doc.root, "b", &b, NULL), 0);
	assert_true(b);
	assert_int_equal(nvb_toml_get_strv(&doc, &doc.root, "l", &list, NULL), 0);
	assert_int_equal(nvb_strv_length(list), 2);
}

/* One line for each wrong type, with the place of the value. */
static void wrong_types_are_refused_with_their_place(void **state)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_error_ nvb_error *e1 = NULL, *e2 = NULL, *e3 = NULL, *e4 = NULL, *e5 = NULL, *e6 = NULL;
	const struct nvb_toml_value *table = NULL;
	char **list = NULL;
	const char *s = "old";
	int64_t i = 7;
	bool b = false;

	(void)state;
	parse(&doc, "s = 'x'\ni = 50\nn = \"a\\u0000b\"\nm = ['a', 1]\n");
	assert_int_equal(nvb_toml_get_string(&doc, &doc.root, "i", &s, &e1), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(e1), "f:2:5: 'i' wants a string, this is an integer");
	assert_int_equal(nvb_toml_get_string(&doc, &doc.root, "n", &s, &e2), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(e2), "f:3:5: the string holds a NUL character");
	assert_int_equal(nvb_toml_get_int(&doc, &doc.root, "i", 0, 9, &i, &e3), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(e3), "f:2:5: 50 is not between 0 and 9");
	assert_int_equal(nvb_toml_get_strv(&doc, &doc.root, "m", &list, &e4), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(e4), "f:4:11: a string should stand here, this is an integer");
	assert_int_equal(nvb_toml_get_bool(&doc, &doc.root, "s", &b, &e5), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(e5), "f:1:5: 's' wants true or false, this is a string");
	assert_int_equal(nvb_toml_get_table(&doc, &doc.root, "s", &table, &e6), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(e6), "f:1:5: 's' wants a table, this is a string");
	assert_string_equal(s, "old");
	assert_int_equal(i, 7);
	assert_null(list);
	assert_null(table);
}

static void choices_and_unknown_keys_propose_the_nearest(void **state)
{
	static const struct nvb_choice choices[] = {{"shared", 1}, {"exclusive", 2}, {NULL, 0}};
	static const char *const known[] = {"isolation", "devices"};
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_error_ nvb_error *e1 = NULL, *e2 = NULL;
	int value = 7;

	(void)state;
	parse(&doc, "isolation = 'exclusiv'\ndevces = []\n");
	assert_int_equal(
		nvb_toml_get_choice(&doc, &doc.root, "isolation", choices, &value, &e1), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(e1),
		"f:1:13: isolation: no such value 'exclusiv'; one of shared, exclusive");
	assert_string_equal(nvb_error_hint(e1), "did you mean 'exclusive'?");
	assert_int_equal(value, 7);
	assert_int_equal(nvb_toml_check_keys(&doc, &doc.root, "[gpu]", known, 2, &e2), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(e2), "f:2:1: there is no key 'devces' in [gpu]");
	assert_string_equal(nvb_error_hint(e2), "did you mean 'devices'?");
}

static void extreme_values_survive(void **state)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	const struct nvb_toml_value *v;

	(void)state;
	parse(&doc, "f = 1_0.5e1\nn = -inf\nq = nan\ni = -9223372036854775808\n"
		    "d = 1979-05-27 07:32:00.123456789012-07:30\n");
	v = doc.root.items.first;
	assert_true(v->real > 104.9 && v->real < 105.1);
	v = v->next;
	assert_true(isinf(v->real) && v->real < 0);
	v = v->next;
	assert_true(isnan(v->real));
	v = v->next;
	assert_true(v->integer == INT64_MIN);
	v = v->next;
	assert_int_equal(v->type, NVB_TOML_OFFSET_DATETIME);
	assert_int_equal(v->datetime.nanosecond, 123456789);
	assert_int_equal(v->datetime.offset, -450);
}

static void line_ends_in_strings_are_newlines(void **state)
{
	_cleanup_toml_ struct nvb_toml doc = {0};

	(void)state;
	parse(&doc, "a = \"\"\"\r\nx\r\ny \\\r\n   z\"\"\"\r\n");
	assert_string_equal(doc.root.items.first->string.s, "x\ny z");
}

static void keys_may_hold_anything(void **state)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	static const char text[] = "\"a\\u0000\" = 1\na = 2\n\"\" = 3\n'.' = 4\n";

	(void)state;
	parse(&doc, text);
	assert_int_equal(nvb_toml_get(&doc.root, "a")->integer, 2);
	assert_int_equal(nvb_toml_get(&doc.root, "")->integer, 3);
	assert_int_equal(nvb_toml_get(&doc.root, ".")->integer, 4);
	assert_int_equal(doc.root.items.first->key_size, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_name_line_and_character),
		cmocka_unit_test(values_know_where_they_stand),
		cmocka_unit_test(depth_is_limited_however_it_is_made),
		cmocka_unit_test(large_files_take_linear_time),
		cmocka_unit_test(typed_getters_leave_what_is_absent),
		cmocka_unit_test(wrong_types_are_refused_with_their_place),
		cmocka_unit_test(choices_and_unknown_keys_propose_the_nearest),
		cmocka_unit_test(extreme_values_survive),
		cmocka_unit_test(line_ends_in_strings_are_newlines),
		cmocka_unit_test(keys_may_hold_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
