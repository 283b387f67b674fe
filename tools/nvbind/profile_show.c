/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/output.h"
#include "profile/fields.h"
#include "profile_verbs.h"

/* nvbind profile show: every setting with its effect, where it comes from, and what it cannot do. */

static int format = NVB_FORMAT_TABLE;

const struct nvb_option nvbind_profile_show_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};

/* One setting in words. */
struct row {
	const char *table, *key, *value;
	const char *effect, *reader, *cannot; /* or NULL */
	const char *file;
	unsigned line;
	bool is_off;
	char text[NVB_SETTING_TEXT];
};

static void describe(const struct nvb_setting *s, struct row *row)
{
	const struct nvb_profile_field *field = nvb_profile_field_of(s);

	*row = (struct row){.file = s->file, .line = s->line};
	row->value = nvb_setting_text(s, row->text);
	if (field) {
		row->table = field->table;
		row->key = field->key;
		row->effect = field->effect;
		row->reader = field->reader;
		row->cannot = field->cannot;
		row->is_off = field->type == NVB_FIELD_SWITCH && !s->amount;
	} else {
		const struct nvb_variable *variable = nvb_variable_find(s->name);

		row->table = "env";
		row->key = s->name;
		row->effect = s->reason ? s->reason : variable ? variable->effect : NULL;
		row->reader = variable ? variable->reader : NULL;
		row->cannot = variable ? variable->cannot : nvb_variable_invented(s->name);
	}
}

/* A switch that is off takes away what it would bring. */
static const char *what(const struct row *row)
{
	return row->is_off ? "does not, leaves out:" : "does:";
}

static const char *base_name(const char *file)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	return slash ? slash + 1 : file;
}

static void add_line(struct nvb_strbuf *sb, const char *what, const char *text)
{
	if (!text)
		return;
	nvb_sb_addf(sb, "    %s ", what);
	nvb_sb_add_visible(sb, text);
	nvb_sb_addc(sb, '\n');
}

static void add_text(struct nvb_strbuf *sb, const struct row *row)
{
	if (row->table)
		nvb_sb_addf(sb, "[%s] ", row->table);
	nvb_sb_addf(sb, "%s", nvb_style_on(stdout, NVB_STYLE_BOLD));
	nvb_sb_add_visible(sb, row->key);
	nvb_sb_addf(sb, " = ");
	nvb_sb_add_visible(sb, row->value);
	nvb_sb_addf(sb, "%s   (%s:%u)\n", nvb_style_off(stdout), base_name(row->file), row->line);
	add_line(sb, what(row), row->effect);
	add_line(sb, "by:", row->reader);
	add_line(sb, "cannot:", row->cannot);
}

static void print_text(const struct nvb_profile *profile, struct nvb_strbuf *sb)
{
	char names[NVB_CAPABILITIES_TEXT];

	nvb_sb_add_visible(sb, profile->name);
	nvb_sb_add(sb, ": ");
	nvb_sb_add_visible(sb, profile->description ? profile->description : "(no description)");
	nvb_sb_addf(sb, "\ncapabilities: %s\nCDI class: %s\n",
		profile->capabilities ? nvb_capabilities_format(profile->capabilities, names)
				      : "as asked for, else compute,utility",
		profile->cdi_class);
	for (size_t i = 0; i < profile->file_count; i++) {
		nvb_sb_add(sb, i ? "then: " : "from: ");
		nvb_sb_add_visible(sb, profile->files[i]);
		nvb_sb_addc(sb, '\n');
	}
	nvb_sb_addc(sb, '\n');
	for (size_t i = 0; i < profile->setting_count; i++) {
		struct row row;

		describe(&profile->settings[i], &row);
		add_text(sb, &row);
	}
}

static void member(struct nvb_strbuf *sb, const char *key, const char *value)
{
	nvb_sb_addf(sb, ", \"%s\": ", key);
	if (value)
		nvb_sb_add_json(sb, value);
	else
		nvb_sb_add(sb, "null");
}

static void print_json(const struct nvb_profile *profile, struct nvb_strbuf *sb)
{
	char names[NVB_CAPABILITIES_TEXT];

	nvb_sb_add(sb, "{\n  \"name\": ");
	nvb_sb_add_json(sb, profile->name);
	member(sb, "description", profile->description);
	member(sb, "capabilities",
		profile->capabilities ? nvb_capabilities_format(profile->capabilities, names) : NULL);
	member(sb, "cdi_class", profile->cdi_class);
	nvb_sb_add(sb, ",\n  \"files\": [");
	for (size_t i = 0; i < profile->file_count; i++) {
		nvb_sb_add(sb, i ? ", " : "");
		nvb_sb_add_json(sb, profile->files[i]);
	}
	nvb_sb_add(sb, "],\n  \"settings\": [");
	for (size_t i = 0; i < profile->setting_count; i++) {
		struct row row;

		describe(&profile->settings[i], &row);
		nvb_sb_add(sb, i ? ",\n    {\"key\": " : "\n    {\"key\": ");
		nvb_sb_add_json(sb, row.key);
		member(sb, "table", row.table);
		member(sb, "value", row.value);
		member(sb, "effect", row.effect);
		member(sb, "by", row.reader);
		member(sb, "cannot", row.cannot);
		member(sb, "file", row.file);
		nvb_sb_addf(sb, ", \"line\": %u}", row.line);
	}
	nvb_sb_add(sb, "\n  ]\n}\n");
}

int nvbind_profile_show(int argc, char **argv, nvb_error **err)
{
	_cleanup_profile_ struct nvb_profile profile = {0};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	int rc = profile_open(&profile, argv[0], err);

	(void)argc;
	if (rc < 0)
		return rc;
	if (format == NVB_FORMAT_JSON)
		print_json(&profile, &sb);
	else
		print_text(&profile, &sb);
	return sb.failed ? nvb_fail_oom(err) : nvb_stdout_write(sb.s, sb.len, err);
}
