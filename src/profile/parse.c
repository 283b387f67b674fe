/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/toml.h"
#include "base/units.h"
#include "knob/value.h"
#include "profile/fields.h"
#include "profile/profile.h"

/* One profile's file, laid over what the profiles it extends have said. */

enum { FIELDS_MAX = 16 }; /* of one table */

struct reader {
	struct nvb_profile *profile;
	const struct nvb_toml *doc;
	const char *file; /* in the profile's arena */
	nvb_error **err;
};

static const char *keep(struct reader *r, const char *text)
{
	return nvb_arena_strdup(&r->profile->arena, text);
}

/* The setting of that kind and name, a new one where there is none yet; NULL without memory. */
static struct nvb_setting *setting(struct reader *r, enum nvb_setting_kind kind, const char *name)
{
	struct nvb_profile *profile = r->profile;
	struct nvb_setting *s;

	for (size_t i = 0; i < profile->setting_count; i++) {
		s = &profile->settings[i];
		if (s->kind == kind && nvb_streq0(s->name, name))
			return s;
	}
	name = name ? keep(r, name) : NULL;
	if ((kind != NVB_SETTING_SHM && !name) ||
		!NVB_GROW(profile->settings, profile->setting_count, profile->setting_capacity))
		return NULL;
	s = &profile->settings[profile->setting_count++];
	*s = (struct nvb_setting){.kind = kind, .name = name};
	return s;
}

static void place(struct reader *r, struct nvb_setting *s, unsigned line)
{
	s->file = r->file;
	s->line = line;
}

/* What a parser says of a value, with its place; that there is no memory has none. */
static int refuse_value(const struct nvb_toml *doc, const struct nvb_toml_value *v, const nvb_error *why,
	nvb_error **err)
{
	if (nvb_error_code(why) == NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	return nvb_toml_fail(doc, v, err, "%s", nvb_error_message(why));
}

static int read_capabilities(struct reader *r, nvb_error **err)
{
	const struct nvb_toml_value *list = NULL;
	unsigned all = 0;
	int rc = nvb_toml_get_array(r->doc, &r->doc->root, "capabilities", &list, err);

	nvb_toml_foreach(v, list)
	{
		_cleanup_error_ nvb_error *why = NULL;
		const char *word = NULL;
		unsigned bits = 0;

		rc = nvb_toml_string(r->doc, v, &word, err);
		if (rc < 0)
			return rc;
		if (nvb_capabilities_parse(word, &bits, &why) < 0)
			return refuse_value(r->doc, v, why, err);
		all |= bits;
	}
	if (rc == 0 && list)
		r->profile->capabilities = all;
	return rc;
}

/* A variable of a profile that this one extends is not wanted. */
static void forget(struct nvb_profile *profile, const char *name)
{
	for (size_t i = 0; i < profile->setting_count; i++)
		if (profile->settings[i].kind == NVB_SETTING_ENV &&
			nvb_streq(profile->settings[i].name, name)) {
			memmove(&profile->settings[i], &profile->settings[i + 1],
				(--profile->setting_count - i) * sizeof(*profile->settings));
			return;
		}
}

/* NAME = "value", NAME = { value = "...", reason = "..." }, or NAME = false: not the one of a profile that
 * this one extends. */
static int read_variable(struct reader *r, const struct nvb_toml_value *v)
{
	static const char *const keys[] = {"value", "reason"};
	const char *value = NULL, *reason = NULL;
	struct nvb_setting *s;
	int rc = 0;

	if (!*v->key || strlen(v->key) < v->key_size || strchr(v->key, '='))
		return nvb_toml_fail_key(r->doc, v, r->err, "no name of an environment variable");
	if (v->type == NVB_TOML_BOOLEAN && !v->boolean) {
		forget(r->profile, v->key);
		return 0;
	}
	if (v->type == NVB_TOML_TABLE) {
		rc = nvb_toml_check_keys(r->doc, v, "a variable", keys, NVB_ELEMENTS(keys), r->err);
		if (rc == 0)
			rc = nvb_toml_get_string(r->doc, v, "value", &value, r->err);
		if (rc == 0)
			rc = nvb_toml_get_string(r->doc, v, "reason", &reason, r->err);
		if (rc == 0 && !value)
			return nvb_toml_fail_key(r->doc, v, r->err, "the variable has no 'value'");
	} else {
		rc = nvb_toml_string(r->doc, v, &value, r->err);
	}
	if (rc < 0)
		return rc;
	s = setting(r, NVB_SETTING_ENV, v->key);
	if (!s || !(s->value = keep(r, value)))
		return nvb_fail_oom(r->err);
	s->reason = reason ? keep(r, reason) : NULL;
	place(r, s, v->key_line);
	return reason && !s->reason ? nvb_fail_oom(r->err) : 0;
}

static int read_environment(struct reader *r)
{
	const struct nvb_toml_value *table = NULL;
	int rc = nvb_toml_get_table(r->doc, &r->doc->root, "env", &table, r->err);

	nvb_toml_foreach(v, table)
	{
		rc = read_variable(r, v);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* An amount of bytes ("64MiB"), a number, or "unlimited". */
static int read_amount(
	struct reader *r, const struct nvb_toml_value *v, bool bytes, bool unlimited, uint64_t *out)
{
	_cleanup_error_ nvb_error *why = NULL;
	const char *text = NULL;
	int64_t number = 0;
	int rc;

	if (v->type == NVB_TOML_INTEGER) {
		rc = nvb_toml_int(r->doc, v, 0, INT64_MAX, &number, r->err);
		if (rc == 0)
			*out = (uint64_t)number;
		return rc;
	}
	rc = nvb_toml_string(r->doc, v, &text, r->err);
	if (rc < 0)
		return rc;
	if (unlimited && nvb_streq(text, "unlimited"))
		*out = UINT64_MAX;
	else if (!bytes)
		return nvb_toml_fail(r->doc, v, r->err, "neither a number nor \"unlimited\"");
	else if (nvb_parse_size(text, "the amount", out, &why) < 0)
		return refuse_value(r->doc, v, why, r->err);
	return 0;
}

static int read_size(struct reader *r, const struct nvb_toml_value *v, uint64_t *amount)
{
	int rc = read_amount(r, v, true, false, amount);

	return rc == 0 && !*amount ? nvb_toml_fail(r->doc, v, r->err, "the size must be more than 0") : rc;
}

static int read_knob(struct reader *r, const struct nvb_toml_value *v, const char *name, const char **value)
{
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_knob_value parsed;
	int rc = nvb_toml_string(r->doc, v, value, r->err);

	if (rc < 0 || nvb_knob_parse(nvb_knob_find(name), *value, &parsed, &why) == 0)
		return rc;
	return nvb_hint(r->err, refuse_value(r->doc, v, why, r->err), "%s", nvb_error_hint(why));
}

/* What the value is: a number in *amount, and where words tell more, *value. */
static int read_value(struct reader *r, const struct nvb_profile_field *field, const struct nvb_toml_value *v,
	uint64_t *amount, const char **value)
{
	int64_t number = 0;
	bool on = false;
	int choice = 0, rc = 0;

	switch (field->type) {
	case NVB_FIELD_SWITCH:
		rc = nvb_toml_bool(r->doc, v, &on, r->err);
		*amount = on;
		break;
	case NVB_FIELD_CHOICE:
		rc = nvb_toml_choice(r->doc, v, field->choices, &choice, r->err);
		*amount = (uint64_t)choice;
		*value = nvb_choice_name(field->choices, choice);
		break;
	case NVB_FIELD_NUMBER:
		rc = nvb_toml_int(r->doc, v, field->min, field->max, &number, r->err);
		*amount = (uint64_t)number;
		break;
	case NVB_FIELD_SIZE:
		rc = read_size(r, v, amount);
		break;
	case NVB_FIELD_BYTES:
	case NVB_FIELD_COUNT:
		rc = read_amount(r, v, field->type == NVB_FIELD_BYTES, true, amount);
		break;
	case NVB_FIELD_KNOB:
		rc = read_knob(r, v, field->key, value);
		break;
	}
	return rc;
}

static int read_field(struct reader *r, const struct nvb_profile_field *field, const struct nvb_toml_value *v)
{
	const char *value = NULL;
	struct nvb_setting *s;
	uint64_t amount = 0;
	int rc = read_value(r, field, v, &amount, &value);

	if (rc < 0)
		return rc;
	s = setting(r, field->kind, field->kind == NVB_SETTING_SHM ? NULL : field->key);
	if (!s || (value && !(value = keep(r, value))))
		return nvb_fail_oom(r->err);
	s->amount = amount;
	s->value = value;
	s->reason = field->effect;
	place(r, s, v->key_line);
	return 0;
}

static bool same_table(const char *a, const char *b)
{
	return nvb_streq0(a, b);
}

/* The fields of one table; the file's own (name NULL) are checked with its other words. */
static int read_table(struct reader *r, const char *name)
{
	const struct nvb_toml_value *table = &r->doc->root;
	const char *keys[FIELDS_MAX];
	char where[32];
	size_t count = 0;
	int rc = name ? nvb_toml_get_table(r->doc, &r->doc->root, name, &table, r->err) : 0;

	if (rc < 0 || !nvb_toml_first(table))
		return rc;
	for (size_t i = 0; i < nvb_profile_field_count && count < FIELDS_MAX; i++)
		if (same_table(nvb_profile_fields[i].table, name))
			keys[count++] = nvb_profile_fields[i].key;
	snprintf(where, sizeof(where), "[%s]", name ? name : "");
	if (name)
		rc = nvb_toml_check_keys(r->doc, table, where, keys, count, r->err);
	for (size_t i = 0; rc == 0 && i < nvb_profile_field_count; i++) {
		const struct nvb_profile_field *field = &nvb_profile_fields[i];
		const struct nvb_toml_value *v =
			same_table(field->table, name) ? nvb_toml_get(table, field->key) : NULL;

		if (v)
			rc = read_field(r, field, v);
	}
	return rc;
}

static int read_class(struct reader *r)
{
	static const char *const keys[] = {"class"};
	const struct nvb_toml_value *table = NULL;
	const char *class = NULL;
	int rc = nvb_toml_get_table(r->doc, &r->doc->root, "cdi", &table, r->err);

	if (rc == 0 && table)
		rc = nvb_toml_check_keys(r->doc, table, "[cdi]", keys, NVB_ELEMENTS(keys), r->err);
	if (rc == 0)
		rc = nvb_toml_get_string(r->doc, table, "class", &class, r->err);
	if (rc == 0 && class && !(r->profile->cdi_class = keep(r, class)))
		return nvb_fail_oom(r->err);
	return rc;
}

static int read_words(struct reader *r, const char **extends)
{
	const char *description = NULL, *parent = NULL;
	int rc = nvb_toml_get_string(r->doc, &r->doc->root, "description", &description, r->err);

	if (rc == 0)
		rc = nvb_toml_get_string(r->doc, &r->doc->root, "extends", &parent, r->err);
	if (rc < 0)
		return rc;
	if ((description && !(r->profile->description = keep(r, description))) ||
		(parent && !(parent = keep(r, parent))))
		return nvb_fail_oom(r->err);
	*extends = parent;
	return 0;
}

int nvb_profile_parse(struct nvb_profile *profile, const char *data, size_t size, const char *file,
	const char **extends, nvb_error **err)
{
	static const char *const keys[] = {"description", "extends", "capabilities", "shm-size", "env",
		"driver", "session", "cache", "cpu", "knobs", "limits", "cdi"};
	_cleanup_toml_ struct nvb_toml doc = {0};
	struct reader reader = {.profile = profile, .doc = &doc, .err = err};
	int rc = nvb_toml_parse(&doc, data, size, file, err);

	if (rc == 0 && !(reader.file = keep(&reader, file)))
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = nvb_toml_check_keys(&doc, &doc.root, "a profile", keys, NVB_ELEMENTS(keys), err);
	if (rc == 0)
		rc = read_words(&reader, extends);
	if (rc == 0)
		rc = read_capabilities(&reader, err);
	if (rc == 0)
		rc = read_table(&reader, NULL);
	if (rc == 0)
		rc = read_environment(&reader);
	for (const char *const *table = nvb_profile_tables; rc == 0 && *table; table++)
		rc = read_table(&reader, *table);
	return rc < 0 ? rc : read_class(&reader);
}
