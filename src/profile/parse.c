/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/toml.h"
#include "base/units.h"
#include "profile/profile.h"

/* One profile's file, laid over what the profiles it extends have said. */

/* The limits that this kind of work meets; all of getrlimit(2) would be an invitation to guess. */
static const struct {
	const char *name;
	bool bytes;
	const char *reason;
} limits[] = {
	{"memlock", true, "memory that may be pinned"},
	{"stack", true, "the main thread's stack"},
	{"core", true, "what a crash may leave behind"},
	{"nofile", false, "descriptors that may be open"},
	{"nproc", false, "processes and threads of the user"},
	{"rtprio", false, "real-time priority that may be taken"},
};

struct reader {
	struct nvb_profile *profile;
	const struct nvb_toml *doc;
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
			return nvb_toml_fail(r->doc, v, err, "%s", nvb_error_message(why));
		all |= bits;
	}
	if (rc == 0 && list)
		r->profile->capabilities = all;
	return rc;
}

/* NAME = "value", or NAME = { value = "...", reason = "..." } */
static int read_variable(struct reader *r, const struct nvb_toml_value *v)
{
	static const char *const keys[] = {"value", "reason"};
	const char *value = NULL, *reason = NULL;
	struct nvb_setting *s;
	int rc = 0;

	if (!*v->key || strlen(v->key) < v->key_size || strchr(v->key, '='))
		return nvb_toml_fail_key(r->doc, v, r->err, "no name of an environment variable");
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
		return nvb_toml_fail(r->doc, v, r->err, "%s", nvb_error_message(why));
	return 0;
}

static int read_limits(struct reader *r)
{
	const char *names[NVB_ELEMENTS(limits)];
	const struct nvb_toml_value *table = NULL;
	int rc = nvb_toml_get_table(r->doc, &r->doc->root, "limits", &table, r->err);

	for (size_t i = 0; i < NVB_ELEMENTS(limits); i++)
		names[i] = limits[i].name;
	if (rc == 0 && table)
		rc = nvb_toml_check_keys(r->doc, table, "[limits]", names, NVB_ELEMENTS(names), r->err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(limits); i++) {
		const struct nvb_toml_value *v = nvb_toml_get(table, limits[i].name);
		struct nvb_setting *s;
		uint64_t amount = 0;

		if (!v)
			continue;
		rc = read_amount(r, v, limits[i].bytes, true, &amount);
		if (rc < 0)
			return rc;
		s = setting(r, NVB_SETTING_RLIMIT, limits[i].name);
		if (!s)
			return nvb_fail_oom(r->err);
		s->amount = amount;
		s->reason = limits[i].reason;
	}
	return rc;
}

static int read_shm(struct reader *r)
{
	const struct nvb_toml_value *v = nvb_toml_get(&r->doc->root, "shm-size");
	struct nvb_setting *s;
	uint64_t amount = 0;
	int rc;

	if (!v)
		return 0;
	rc = read_amount(r, v, true, false, &amount);
	if (rc < 0)
		return rc;
	if (!amount)
		return nvb_toml_fail(r->doc, v, r->err, "the size must be more than 0");
	s = setting(r, NVB_SETTING_SHM, NULL);
	if (!s)
		return nvb_fail_oom(r->err);
	s->amount = amount;
	s->reason = "what processes share, data loaders above all";
	return 0;
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
	static const char *const keys[] = {
		"description", "extends", "capabilities", "shm-size", "env", "limits", "cdi"};
	_cleanup_toml_ struct nvb_toml doc = {0};
	struct reader reader = {.profile = profile, .doc = &doc, .err = err};
	int rc = nvb_toml_parse(&doc, data, size, file, err);

	if (rc == 0)
		rc = nvb_toml_check_keys(&doc, &doc.root, "a profile", keys, NVB_ELEMENTS(keys), err);
	if (rc == 0)
		rc = read_words(&reader, extends);
	if (rc == 0)
		rc = read_capabilities(&reader, err);
	if (rc == 0)
		rc = read_shm(&reader);
	if (rc == 0)
		rc = read_environment(&reader);
	if (rc == 0)
		rc = read_limits(&reader);
	return rc < 0 ? rc : read_class(&reader);
}
