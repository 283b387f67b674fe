/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/str.h"
#include "cli/output.h"
#include "profile_verbs.h"

/* nvbind profile list */

static int format = NVB_FORMAT_TABLE;

const struct nvb_option nvbind_profile_list_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};

static const char *last_file(const struct nvb_profile *profile)
{
	return profile->file_count ? profile->files[profile->file_count - 1] : NULL;
}

static void add_json(struct nvb_strbuf *sb, const char *key, const char *value)
{
	nvb_sb_addf(sb, ", \"%s\": ", key);
	if (value)
		nvb_sb_add_json(sb, value);
	else
		nvb_sb_add(sb, "null");
}

static void add(struct nvb_table *table, struct nvb_strbuf *sb, const char *name,
	const struct nvb_profile *profile, const nvb_error *why)
{
	if (format == NVB_FORMAT_TABLE) {
		nvb_table_cell(table, name);
		nvb_table_cell(table, why ? nvb_error_message(why) : profile->description);
		if (why)
			nvb_table_style(table, NVB_STYLE_RED);
		nvb_table_cell(table, last_file(profile));
		return;
	}
	nvb_sb_add(sb, sb->len > 1 ? ",\n  {\"name\": " : "\n  {\"name\": ");
	nvb_sb_add_json(sb, name);
	add_json(sb, "description", profile->description);
	add_json(sb, "file", last_file(profile));
	add_json(sb, "error", why ? nvb_error_message(why) : NULL);
	nvb_sb_addc(sb, '}');
}

int nvbind_profile_list(int argc, char **argv, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"NAME"}, {"FOR"}, {"FILE"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	_cleanup_strv_ char **directories = NULL, **names = NULL;
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	int rc = profile_directories(&directories, err);

	(void)argc;
	(void)argv;
	if (rc < 0)
		return rc;
	names = nvb_profile_names(directories);
	nvb_sb_addc(&sb, '[');
	/* One that is broken is listed as such: the others are of use all the same. */
	nvb_strv_foreach (name, names) {
		_cleanup_profile_ struct nvb_profile profile = {0};
		_cleanup_error_ nvb_error *why = NULL;

		rc = nvb_profile_read(&profile, directories, *name, &why);
		add(&table, &sb, *name, &profile, rc < 0 ? why : NULL);
	}
	nvb_sb_add(&sb, "\n]\n");
	if (format == NVB_FORMAT_TABLE)
		return nvb_table_print(&table, stdout, err);
	return sb.failed ? nvb_fail_oom(err) : nvb_stdout_write(sb.s, sb.len, err);
}
