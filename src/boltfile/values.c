/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/values.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/units.h"
#include "boltfile/variables.h"

int nvb_boltfile_place(struct boltfile_reader *r, const struct nvb_toml_value *v, int rc)
{
	return rc < 0 ? nvb_wrap(r->err, rc, "%s:%u:%u", r->file->doc.file, v->line, v->column) : rc;
}

int nvb_boltfile_note(struct boltfile_reader *r, unsigned line, unsigned column, const char *fmt, ...)
{
	struct nvb_boltfile *file = r->file;
	_cleanup_free_ char *what = NULL;
	const char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0) {
		what = NULL;
		return nvb_fail_oom(r->err);
	}
	text = nvb_arena_printf(&file->arena, "%s:%u:%u: %s", file->doc.file, line, column, what);
	if (!text || !NVB_GROW(file->notes, file->note_count, file->note_capacity))
		return nvb_fail_oom(r->err);
	file->notes[file->note_count++] = (struct nvb_boltfile_note){line, column, text};
	return 0;
}

static int expand(
	struct boltfile_reader *r, const struct nvb_toml_value *v, const char *text, const char **out)
{
	const char *missing = NULL;
	int rc = nvb_variables_expand(r->variables, &r->file->arena, text, out, &missing, r->err);

	if (rc < 0)
		return nvb_boltfile_place(r, v, rc);
	if (missing)
		return nvb_boltfile_note(
			r, v->line, v->column, "the variable %s is not set; it is taken as empty", missing);
	return 0;
}

int nvb_boltfile_text(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **out)
{
	const char *text = NULL;
	int rc = nvb_toml_string(&r->file->doc, v, &text, r->err);

	return rc < 0 ? rc : expand(r, v, text, out);
}

/* The shortest decimal that reads as the same number. */
static const char *print_real(struct nvb_arena *arena, double real)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	return nvb_arena_strdup(arena, text);
}

int nvb_boltfile_scalar(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **out)
{
	struct nvb_arena *arena = &r->file->arena;
	const char *text;

	if (v->type == NVB_TOML_INTEGER)
		text = nvb_arena_printf(arena, "%lld", (long long)v->integer);
	else if (v->type == NVB_TOML_BOOLEAN)
		text = nvb_arena_strdup(arena, v->boolean ? "true" : "false");
	else if (v->type == NVB_TOML_FLOAT)
		text = print_real(arena, v->real);
	else
		return nvb_boltfile_text(r, v, out);
	if (!text)
		return nvb_fail_oom(r->err);
	*out = text;
	return 0;
}

int nvb_boltfile_append(struct boltfile_reader *r, struct boltfile_list *list, const char *text)
{
	/* One more for the NULL behind the last. */
	if (list->count + 1 >= list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		char **items = nvb_arena_alloc(&r->file->arena, capacity * sizeof(*items));

		if (!items)
			return nvb_fail_oom(r->err);
		if (list->count)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = (char *)text;
	return 0;
}

int nvb_boltfile_finish(struct boltfile_reader *r, struct boltfile_list *list, char ***out)
{
	int rc = nvb_boltfile_append(r, list, NULL);

	if (rc == 0)
		*out = list->items;
	return rc;
}

static int fail_type(struct boltfile_reader *r, const struct nvb_toml_value *v, const char *wanted)
{
	const char *found = nvb_toml_type_name(v->type);

	if (v->key)
		return nvb_toml_fail(
			&r->file->doc, v, r->err, "'%s' wants %s, this is %s", v->key, wanted, found);
	return nvb_toml_fail(&r->file->doc, v, r->err, "%s should stand here, this is %s", wanted, found);
}

bool nvb_boltfile_is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && !s[n] && n <= 64 && *s != '-' && *s != '.';
}

/* bolt://NAME, an image of Bolt's own collection, is NAME where there is no such collection. */
static int check_image(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **text)
{
	const char *bare = nvb_after(*text, "bolt://");
	int rc;

	if (bare && *bare) {
		rc = nvb_boltfile_note(r, v->line, v->column,
			"'bolt://' has no effect: there is no registry of that kind; the image is %s", bare);
		*text = bare;
		return rc;
	}
	if (nvb_after(*text, "./")) {
		*text = nvb_arena_printf(&r->file->arena, "%s/%s", r->file->directory, *text + 2);
		return *text ? 0 : nvb_fail_oom(r->err);
	}
	if (bare || strstr(*text, "://"))
		return nvb_hint(r->err,
			nvb_toml_fail(&r->file->doc, v, r->err, "'%s' is no image's name", *text),
			"NAME[:TAG], REGISTRY/NAME[:TAG], or a directory (/... or ./...)");
	return 0;
}

static int check_integer(struct boltfile_reader *r, const struct boltfile_key *key,
	const struct nvb_toml_value *v, const char *text)
{
	char *end;
	long long number = strtoll(text, &end, 10);

	if (!*text || *end || strlen(text) > 18)
		return nvb_toml_fail(&r->file->doc, v, r->err, "'%s': '%s' is no integer", v->key, text);
	if (number < key->min || number > key->max)
		return nvb_toml_fail(&r->file->doc, v, r->err, "'%s': %lld is not between %lld and %lld",
			v->key, number, (long long)key->min, (long long)key->max);
	return 0;
}

static bool is_number(const char *s)
{
	size_t whole = strspn(s, "0123456789");
	size_t rest = s[whole] == '.' ? strspn(s + whole + 1, "0123456789") : 0;

	return whole > 0 && whole < 10 && rest < 10 && !s[whole + (s[whole] == '.') + rest];
}

/* What a text must be, besides being one. May put another in its place. */
static int check_text(struct boltfile_reader *r, const struct boltfile_key *key,
	const struct nvb_toml_value *v, const char **text)
{
	uint64_t amount;
	uint32_t percent;
	int choice;

	switch (key->type) {
	case KEY_NAME:
		return nvb_boltfile_is_name(*text)
			       ? 0
			       : nvb_toml_fail(&r->file->doc, v, r->err,
					 "'%s': a name is made of letters, digits, '-', '_' and '.'", *text);
	case KEY_IMAGE:
		return check_image(r, v, text);
	case KEY_CHOICE:
		return nvb_boltfile_place(
			r, v, nvb_choice_parse(key->choices, *text, v->key, &choice, r->err));
	case KEY_INTEGER:
		return check_integer(r, key, v, *text);
	case KEY_NUMBER:
		return is_number(*text) ? 0
					: nvb_toml_fail(&r->file->doc, v, r->err,
						  "'%s': '%s' is no number such as 1.5", v->key, *text);
	case KEY_SIZE:
		return nvb_boltfile_place(r, v, nvb_parse_size(*text, v->key, &amount, r->err));
	case KEY_LIMIT:
		return nvb_boltfile_place(r, v, nvb_parse_memory_limit(*text, v->key, &amount, r->err));
	case KEY_PERCENT:
		return nvb_boltfile_place(r, v, nvb_parse_percent(*text, v->key, &percent, r->err));
	case KEY_DURATION:
		return nvb_boltfile_place(r, v, nvb_parse_duration(*text, v->key, &amount, r->err));
	case KEY_DIRECTORY:
		return **text == '/' ? 0
				     : nvb_toml_fail(&r->file->doc, v, r->err,
					       "'%s': '%s' is no absolute path", v->key, *text);
	default:
		return 0;
	}
}

static bool takes_numbers(enum key_type type)
{
	return type == KEY_INTEGER || type == KEY_NUMBER || type == KEY_SIZE || type == KEY_LIMIT ||
	       type == KEY_PERCENT || type == KEY_TEXT;
}

static int read_text(struct boltfile_reader *r, const struct boltfile_key *key,
	const struct nvb_toml_value *v, const char **out)
{
	const char *text = NULL;
	int rc;

	/* A number may stand for a user, a size; true may not. */
	if (takes_numbers(key->type) && (v->type == NVB_TOML_INTEGER || v->type == NVB_TOML_FLOAT))
		rc = nvb_boltfile_scalar(r, v, &text);
	else if (v->type != NVB_TOML_STRING)
		return fail_type(r, v, nvb_boltfile_type_name(key));
	else
		rc = nvb_boltfile_text(r, v, &text);
	if (rc == 0 && !*text)
		return nvb_toml_fail(&r->file->doc, v, r->err, "'%s' is empty", v->key);
	if (rc == 0)
		rc = check_text(r, key, v, &text);
	if (rc == 0)
		*out = text;
	return rc;
}

/* One string of a list: as it stands, or a path that counts from the Boltfile's directory. */
static int append_item(struct boltfile_reader *r, const struct boltfile_key *key, struct boltfile_list *list,
	const char *text)
{
	if (key->type == KEY_PATHS && *text != '/')
		text = nvb_arena_printf(&r->file->arena, "%s/%s", r->file->directory,
			nvb_after(text, "./") ? text + 2 : text);
	return text ? nvb_boltfile_append(r, list, text) : nvb_fail_oom(r->err);
}

static int read_list(struct boltfile_reader *r, const struct boltfile_key *key,
	const struct nvb_toml_value *v, char ***out)
{
	struct boltfile_list list = {0};
	const char *text = NULL;
	int rc = 0;

	if (v->type == NVB_TOML_STRING && key->type != KEY_LIST) {
		rc = nvb_boltfile_text(r, v, &text);
		if (rc == 0 && key->type == KEY_WORDS)
			rc = nvb_boltfile_place(r, v, nvb_boltfile_split(r, text, &list));
		else if (rc == 0 && key->type == KEY_TEST)
			rc = nvb_boltfile_append(r, &list, "CMD-SHELL");
		if (rc == 0 && key->type != KEY_WORDS)
			rc = append_item(r, key, &list, text);
	} else if (v->type != NVB_TOML_ARRAY) {
		return fail_type(r, v, nvb_boltfile_type_name(key));
	}
	nvb_toml_foreach(element, v->type == NVB_TOML_ARRAY ? v : NULL)
	{
		if (rc == 0)
			rc = nvb_boltfile_text(r, element, &text);
		if (rc == 0)
			rc = append_item(r, key, &list, text);
	}
	return rc < 0 ? rc : nvb_boltfile_finish(r, &list, out);
}

/* { frontend = {}, backend = {} } is what compose writes for a list of names. */
static int read_names(struct boltfile_reader *r, const struct boltfile_key *key,
	const struct nvb_toml_value *v, char ***out)
{
	struct boltfile_list list = {0};
	int rc = 0;

	if (v->type != NVB_TOML_TABLE)
		return read_list(r, key, v, out);
	nvb_toml_foreach(member, v)
	{
		if (rc == 0)
			rc = nvb_boltfile_append(r, &list, member->key);
	}
	return rc < 0 ? rc : nvb_boltfile_finish(r, &list, out);
}

static int read_flag(struct boltfile_reader *r, const struct nvb_toml_value *v, enum nvb_said *out)
{
	bool flag = false;
	int rc = nvb_toml_bool(&r->file->doc, v, &flag, r->err);

	if (rc == 0)
		*out = flag ? NVB_SAID_YES : NVB_SAID_NO;
	return rc;
}

static int check_test(struct boltfile_reader *r, const struct nvb_toml_value *v, char *const *test)
{
	size_t n = nvb_strv_length(test);

	if (n == 0 || (nvb_streq(test[0], "NONE") && n == 1) || (nvb_streq(test[0], "CMD") && n > 1) ||
		(nvb_streq(test[0], "CMD-SHELL") && n == 2))
		return 0;
	return nvb_hint(r->err, nvb_toml_fail(&r->file->doc, v, r->err, "'test' is no health check"),
		"[\"CMD\", PROGRAM, ARGUMENT...], [\"CMD-SHELL\", LINE] or [\"NONE\"]");
}

int nvb_boltfile_read_value(
	struct boltfile_reader *r, const struct boltfile_key *key, const struct nvb_toml_value *v, void *base)
{
	void *field = (char *)base + key->offset;
	char ***list = field;
	int rc;

	switch (key->type) {
	case KEY_LIST:
	case KEY_WORDS:
	case KEY_FILES:
	case KEY_PATHS:
		return read_list(r, key, v, list);
	case KEY_TEST:
		rc = read_list(r, key, v, list);
		return rc < 0 ? rc : check_test(r, v, *list);
	case KEY_NAMES:
		return read_names(r, key, v, list);
	case KEY_PAIRS:
		return nvb_boltfile_read_pairs(r, v, nvb_streq(key->path, "services.*.environment"), list);
	case KEY_VOLUMES:
		return nvb_boltfile_read_volumes(r, v, list);
	case KEY_PORTS:
		return nvb_boltfile_read_ports(r, v, list);
	case KEY_DEPENDS:
		return nvb_boltfile_read_depends(r, v, list);
	case KEY_DEVICES:
		return nvb_boltfile_read_devices(r, v, list);
	case KEY_LIMITS:
		return nvb_boltfile_read_limits(r, v, list);
	case KEY_FLAG:
		return read_flag(r, v, field);
	default:
		return read_text(r, key, v, field);
	}
}
