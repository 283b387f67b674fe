/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"
#include "boltfile/boltfile.h"

/* docs/boltfile.md has every key, in the words of the table. With an argument "print" the part of the page is
 * printed instead. */

static const char *source_directory;
static const char begin[] = "<!-- keys -->\n", end[] = "<!-- end of keys -->";

static void add_key(const struct nvb_boltfile_key_info *key, void *data)
{
	struct nvb_strbuf *out = data;
	_cleanup_free_ char *choices = key->choices ? nvb_choice_list(key->choices, ", ") : NULL;

	if (key->same)
		nvb_sb_addf(out, "| `%s` | a table | the same as `%s` |\n", key->path, key->help);
	else if (key->no_effect)
		nvb_sb_addf(out, "| `%s` | anything | *no effect*: %s |\n", key->path, key->help);
	else
		nvb_sb_addf(out, "| `%s` | %s | %s |\n", key->path, choices ? choices : key->type,
			key->help ? key->help : "");
}

static char *make_table(void)
{
	struct nvb_strbuf out = {0};

	nvb_sb_add(&out, "| key | value | what it does |\n|---|---|---|\n");
	nvb_boltfile_keys(add_key, &out);
	return nvb_sb_finish(&out);
}

static void page_has_every_key(void **state)
{
	_cleanup_free_ char *path = NULL, *page = NULL, *table = make_table();
	const char *from, *to;
	size_t size;

	(void)state;
	assert_true(asprintf(&path, "%s/docs/boltfile.md", source_directory) > 0);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, NVB_TOML_MAX, &page, &size, NULL), 0);
	from = strstr(page, begin);
	to = from ? strstr(from, end) : NULL;
	assert_non_null(to);
	from += strlen(begin);
	if (strlen(table) != (size_t)(to - from) || strncmp(table, from, strlen(table)) != 0)
		fail_msg("docs/boltfile.md is not what the table says; 'test_boltfile_docs . print' prints "
			 "that "
			 "part");
}

/* The examples of the page are Boltfiles. */
static void examples_are_boltfiles(void **state)
{
	_cleanup_free_ char *path = NULL, *page = NULL;
	unsigned count = 0;
	size_t size;

	(void)state;
	assert_true(asprintf(&path, "%s/docs/boltfile.md", source_directory) > 0);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, NVB_TOML_MAX, &page, &size, NULL), 0);
	for (const char *at = page; (at = strstr(at, "```toml\n")); count++) {
		_cleanup_boltfile_ struct nvb_boltfile file = {0};
		_cleanup_error_ nvb_error *err = NULL;
		const char *stop = strstr(at += strlen("```toml\n"), "```");

		assert_non_null(stop);
		if (nvb_boltfile_parse(&file, at, (size_t)(stop - at), "example", "/", NULL, &err) < 0)
			fail_msg("%s", nvb_error_message(err));
		assert_int_equal(file.note_count, 0);
	}
	assert_true(count > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_has_every_key),
		cmocka_unit_test(examples_are_boltfiles),
	};

	source_directory = argc > 1 ? argv[1] : ".";
	if (argc > 2) {
		_cleanup_free_ char *table = make_table();

		fputs(table, stdout);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
