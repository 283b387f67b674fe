/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/recipe.h"

#include "base/str.h"

#define COMMAND	   "nvbind cdi generate"
#define COMMENT	   "# "
#define ANNOTATION "nvbind/made-by"

/* In the order in which they are written. */
static const struct {
	const char *option;
	size_t offset;
} rows[] = {
	{"--mode", offsetof(struct nvb_cdi_recipe, mode)},
	{"--imex-channel", offsetof(struct nvb_cdi_recipe, channels)},
	{"--profile", offsetof(struct nvb_cdi_recipe, profile)},
	{"--capabilities", offsetof(struct nvb_cdi_recipe, capabilities)},
	{"--vendor", offsetof(struct nvb_cdi_recipe, vendor)},
	{"--class", offsetof(struct nvb_cdi_recipe, class)},
	{"--device-name-strategy", offsetof(struct nvb_cdi_recipe, naming)},
	{"--cdi-version", offsetof(struct nvb_cdi_recipe, version)},
	{"--layout", offsetof(struct nvb_cdi_recipe, layout)},
	{"--tree-dir", offsetof(struct nvb_cdi_recipe, tree_directory)},
	{"--hook-path", offsetof(struct nvb_cdi_recipe, hook)},
	{"--root", offsetof(struct nvb_cdi_recipe, root)},
	{"--driver-root", offsetof(struct nvb_cdi_recipe, driver_root)},
	{"--dev-root", offsetof(struct nvb_cdi_recipe, dev_root)},
	{"--proc-root", offsetof(struct nvb_cdi_recipe, proc_root)},
	{"--sys-root", offsetof(struct nvb_cdi_recipe, sys_root)},
	{"--library-path", offsetof(struct nvb_cdi_recipe, library_path)},
};

static const char **value_at(const struct nvb_cdi_recipe *recipe, size_t row)
{
	return (const char **)((uintptr_t)recipe + rows[row].offset);
}

void nvb_cdi_recipe_release(struct nvb_cdi_recipe *recipe)
{
	nvb_arena_release(&recipe->arena);
	*recipe = (struct nvb_cdi_recipe){0};
}

static bool fits_on_a_line(const char *value)
{
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return nvb_utf8_valid(value, strlen(value));
}

/* As a POSIX shell takes it. */
static void add_quoted(struct nvb_strbuf *sb, const char *value)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";

	if (*value && !value[strspn(value, plain)]) {
		nvb_sb_add(sb, value);
		return;
	}
	nvb_sb_addc(sb, '\'');
	for (const char *p = value; *p; p++) {
		if (*p == '\'')
			nvb_sb_add(sb, "'\\''");
		else
			nvb_sb_addc(sb, *p);
	}
	nvb_sb_addc(sb, '\'');
}

int nvb_cdi_recipe_format(const struct nvb_cdi_recipe *recipe, char **line, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	char *text;

	nvb_sb_add(&sb, COMMAND);
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++) {
		const char *value = *value_at(recipe, i);

		if (!value)
			continue;
		if (!fits_on_a_line(value))
			return nvb_fail(err, NVB_ERR_INVALID,
				"the value of %s has characters that no line can hold", rows[i].option);
		nvb_sb_addf(&sb, " %s ", rows[i].option);
		add_quoted(&sb, value);
	}
	text = nvb_sb_finish(&sb);
	if (!text)
		return nvb_fail_oom(err);
	*line = text;
	return 0;
}

/* The next word of a line that add_quoted wrote, malloc'd; NULL at the end (*rc 0) or for a quote without its
 * partner. */
static char *next_word(const char **p, int *rc, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf word = {0};
	bool quoted = false;

	*p += strspn(*p, " ");
	if (!**p)
		return NULL;
	nvb_sb_add(&word, "");
	for (; **p && (quoted || **p != ' '); (*p)++) {
		if (**p == '\'')
			quoted = !quoted;
		else if (**p == '\\' && !quoted && (*p)[1])
			nvb_sb_addc(&word, *++*p);
		else
			nvb_sb_addc(&word, **p);
	}
	if (quoted)
		*rc = nvb_fail(err, NVB_ERR_INVALID, "a quote is not closed");
	else if (word.failed)
		*rc = nvb_fail_oom(err);
	return *rc < 0 ? NULL : nvb_sb_finish(&word);
}

static int take_option(struct nvb_cdi_recipe *recipe, const char *option, const char *value, nvb_error **err)
{
	size_t row = 0;

	while (row < NVB_ELEMENTS(rows) && !nvb_streq(rows[row].option, option))
		row++;
	if (row == NVB_ELEMENTS(rows))
		return nvb_fail(err, NVB_ERR_INVALID, "'%s' is no option that this version knows", option);
	if (!value)
		return nvb_fail(err, NVB_ERR_INVALID, "%s has no value", option);
	if (*value_at(recipe, row))
		return nvb_fail(err, NVB_ERR_INVALID, "%s is given twice", option);
	if (!fits_on_a_line(value))
		return nvb_fail(err, NVB_ERR_INVALID, "the value of %s is no text", option);
	*value_at(recipe, row) = nvb_arena_strdup(&recipe->arena, value);
	return *value_at(recipe, row) ? 0 : nvb_fail_oom(err);
}

int nvb_cdi_recipe_parse(struct nvb_cdi_recipe *recipe, const char *line, nvb_error **err)
{
	_cleanup_recipe_ struct nvb_cdi_recipe read = {0};
	const char *p = nvb_after(line, COMMAND);
	int rc = 0;

	if (!p || (*p && *p != ' '))
		return nvb_fail(err, NVB_ERR_INVALID, "it does not begin with '" COMMAND "'");
	while (rc == 0) {
		_cleanup_free_ char *option = next_word(&p, &rc, err), *value = NULL;

		if (!option)
			break;
		value = next_word(&p, &rc, err);
		if (rc == 0)
			rc = take_option(&read, option, value, err);
	}
	if (rc < 0)
		return rc;
	*recipe = read;
	read = (struct nvb_cdi_recipe){0};
	return 0;
}

bool nvb_cdi_recipe_annotate(struct nvb_cdi_spec *spec, enum nvb_cdi_format format, const char *line)
{
	if (format != NVB_CDI_JSON || nvb_cdi_version_parse(spec->version) < NVB_CDI_0_6_0)
		return true;
	spec->annotations = nvb_arena_alloc(&spec->arena, sizeof(*spec->annotations));
	if (!spec->annotations)
		return false;
	spec->annotations[0] = (struct nvb_cdi_pair){ANNOTATION, line};
	spec->annotation_count = 1;
	spec->object.given |= 1u << NVB_CDI_SPEC_ANNOTATIONS;
	return true;
}

char *nvb_cdi_recipe_comment(const char *line)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_add(&sb,
		COMMENT "Made by nvbind; 'nvbind cdi refresh' makes it again when this host has changed:\n");
	nvb_sb_add(&sb, COMMENT);
	nvb_sb_add(&sb, line);
	nvb_sb_addc(&sb, '\n');
	return nvb_sb_finish(&sb);
}

/* Among the comments at the head of the file, before anything else. */
static int find_comment(const char *data, char **line, nvb_error **err)
{
	while (*data == '#') {
		const char *text = nvb_after(data, COMMENT);
		size_t length = strcspn(data, "\n");

		if (text && nvb_after(text, COMMAND)) {
			size_t n = length - strlen(COMMENT);

			while (n && (text[n - 1] == '\r' || text[n - 1] == ' '))
				n--;
			*line = strndup(text, n);
			return *line ? 0 : nvb_fail_oom(err);
		}
		data += length;
		data += *data == '\n';
	}
	return 0;
}

int nvb_cdi_recipe_find(const struct nvb_cdi_spec *spec, const char *data, char **line, nvb_error **err)
{
	*line = NULL;
	for (size_t i = 0; spec && i < spec->annotation_count; i++) {
		if (!nvb_streq(spec->annotations[i].key, ANNOTATION))
			continue;
		*line = strdup(spec->annotations[i].value);
		return *line ? 0 : nvb_fail_oom(err);
	}
	return find_comment(data, line, err);
}
