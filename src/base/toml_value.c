/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "base/toml.h"

const char *nvb_toml_type_name(enum nvb_toml_type type)
{
	static const char *const names[] = {
		[NVB_TOML_STRING] = "a string",
		[NVB_TOML_INTEGER] = "an integer",
		[NVB_TOML_FLOAT] = "a float",
		[NVB_TOML_BOOLEAN] = "a boolean",
		[NVB_TOML_OFFSET_DATETIME] = "a date and time",
		[NVB_TOML_LOCAL_DATETIME] = "a local date and time",
		[NVB_TOML_LOCAL_DATE] = "a date",
		[NVB_TOML_LOCAL_TIME] = "a time",
		[NVB_TOML_ARRAY] = "an array",
		[NVB_TOML_TABLE] = "a table",
	};

	return names[type];
}

const struct nvb_toml_value *nvb_toml_get(const struct nvb_toml_value *table, const char *key)
{
	size_t size = strlen(key);

	if (!table || table->type != NVB_TOML_TABLE)
		return NULL;
	nvb_toml_foreach(v, table) if (v->key_size == size && memcmp(v->key, key, size) == 0) return v;
	return NULL;
}

static int __attribute__((format(printf, 5, 0)))
fail(nvb_error **err, const char *file, unsigned line, unsigned column, const char *fmt, va_list ap)
{
	char *what;
	int rc;

	if (vasprintf(&what, fmt, ap) < 0)
		return nvb_fail_oom(err);
	rc = nvb_fail(err, NVB_ERR_INVALID, "%s:%u:%u: %s", file, line, column, what);
	free(what);
	return rc;
}

int nvb_toml_fail(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, nvb_error **err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fail(err, doc->file, v->line, v->column, fmt, ap);
	va_end(ap);
	return rc;
}

int nvb_toml_fail_key(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, nvb_error **err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fail(
		err, doc->file, v->key ? v->key_line : v->line, v->key ? v->key_column : v->column, fmt, ap);
	va_end(ap);
	return rc;
}

static int fail_type(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, const char *wanted, nvb_error **err)
{
	const char *found = nvb_toml_type_name(v->type);

	if (v->key)
		return nvb_toml_fail(doc, v, err, "'%s' wants %s, this is %s", v->key, wanted, found);
	return nvb_toml_fail(doc, v, err, "%s should stand here, this is %s", wanted, found);
}

int nvb_toml_string(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, const char **out, nvb_error **err)
{
	if (v->type != NVB_TOML_STRING)
		return fail_type(doc, v, "a string", err);
	if (strlen(v->string.s) != v->string.size)
		return nvb_toml_fail(doc, v, err, "the string holds a NUL character");
	*out = v->string.s;
	return 0;
}

int nvb_toml_bool(const struct nvb_toml *doc, const struct nvb_toml_value *v, bool *out, nvb_error **err)
{
	if (v->type != NVB_TOML_BOOLEAN)
		return fail_type(doc, v, "true or false", err);
	*out = v->boolean;
	return 0;
}

int nvb_toml_int(const struct nvb_toml *doc, const struct nvb_toml_value *v, int64_t min, int64_t max,
	int64_t *out, nvb_error **err)
{
	if (v->type != NVB_TOML_INTEGER)
		return fail_type(doc, v, "an integer", err);
	if (v->integer < min || v->integer > max)
		return nvb_toml_fail(doc, v, err, "%lld is not between %lld and %lld", (long long)v->integer,
			(long long)min, (long long)max);
	*out = v->integer;
	return 0;
}

int nvb_toml_float(const struct nvb_toml *doc, const struct nvb_toml_value *v, double *out, nvb_error **err)
{
	if (v->type == NVB_TOML_INTEGER)
		*out = (double)v->integer;
	else if (v->type == NVB_TOML_FLOAT)
		*out = v->real;
	else
		return fail_type(doc, v, "a number", err);
	return 0;
}

int nvb_toml_strv(const struct nvb_toml *doc, const struct nvb_toml_value *v, char ***out, nvb_error **err)
{
	_cleanup_strv_ char **list = NULL;
	const char *s = NULL;
	size_t n = 0;
	int rc;

	if (v->type != NVB_TOML_ARRAY)
		return fail_type(doc, v, "an array of strings", err);
	list = calloc(v->items.count + 1, sizeof(*list));
	if (!list)
		return nvb_fail_oom(err);
	nvb_toml_foreach(element, v)
	{
		rc = nvb_toml_string(doc, element, &s, err);
		if (rc < 0)
			return rc;
		list[n] = strdup(s);
		if (!list[n++])
			return nvb_fail_oom(err);
	}
	*out = NVB_TAKE_PTR(list);
	return 0;
}

int nvb_toml_choice(const struct nvb_toml *doc, const struct nvb_toml_value *v,
	const struct nvb_choice *choices, int *out, nvb_error **err)
{
	const char *word = NULL;
	int rc = nvb_toml_string(doc, v, &word, err);

	if (rc < 0)
		return rc;
	rc = nvb_choice_parse(choices, word, v->key ? v->key : "value", out, err);
	return rc < 0 ? nvb_wrap(err, rc, "%s:%u:%u", doc->file, v->line, v->column) : 0;
}

int nvb_toml_get_string(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const char **out, nvb_error **err)
{
	const struct nvb_toml_value *v = nvb_toml_get(table, key);

	return v ? nvb_toml_string(doc, v, out, err) : 0;
}

int nvb_toml_get_bool(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	bool *out, nvb_error **err)
{
	const struct nvb_toml_value *v = nvb_toml_get(table, key);

	return v ? nvb_toml_bool(doc, v, out, err) : 0;
}

int nvb_toml_get_int(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	int64_t min, int64_t max, int64_t *out, nvb_error **err)
{
	const struct nvb_toml_value *v = nvb_toml_get(table, key);

	return v ? nvb_toml_int(doc, v, min, max, out, err) : 0;
}

int nvb_toml_get_float(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	double *out, nvb_error **err)
{
	const struct nvb_toml_value *v = nvb_toml_get(table, key);

	return v ? nvb_toml_float(doc, v, out, err) : 0;
}

int nvb_toml_get_strv(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	char ***out, nvb_error **err)
{
	const struct nvb_toml_value *v = nvb_toml_get(table, key);
	char **list;
	int rc;

	if (!v)
		return 0;
	rc = nvb_toml_strv(doc, v, &list, err);
	if (rc < 0)
		return rc;
	nvb_strv_free(*out);
	*out = list;
	return 0;
}

int nvb_toml_get_choice(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const struct nvb_choice *choices, int *out, nvb_error **err)
{
	const struct nvb_toml_value *v = nvb_toml_get(table, key);

	return v ? nvb_toml_choice(doc, v, choices, out, err) : 0;
}

int nvb_toml_get_table(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const struct nvb_toml_value **out, nvb_error **err)
{
	const struct nvb_toml_value *v = nvb_toml_get(table, key);

	if (v && v->type != NVB_TOML_TABLE)
		return fail_type(doc, v, "a table", err);
	*out = v;
	return 0;
}

int nvb_toml_get_array(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const struct nvb_toml_value **out, nvb_error **err)
{
	const struct nvb_toml_value *v = nvb_toml_get(table, key);

	if (v && v->type != NVB_TOML_ARRAY)
		return fail_type(doc, v, "an array", err);
	*out = v;
	return 0;
}

static bool is_known(const struct nvb_toml_value *v, const char *const *known, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(known[i]) == v->key_size && memcmp(known[i], v->key, v->key_size) == 0)
			return true;
	return false;
}

int nvb_toml_check_keys(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *where,
	const char *const *known, size_t count, nvb_error **err)
{
	nvb_toml_foreach(v, table)
	{
		const char *nearest;
		int rc;

		if (is_known(v, known, count))
			continue;
		rc = nvb_toml_fail_key(doc, v, err, "there is no %s '%s' in %s",
			v->type == NVB_TOML_TABLE ? "table" : "key", v->key, where);
		nearest = nvb_nearest(v->key, known, count);
		return nearest ? nvb_hint(err, rc, "did you mean '%s'?", nearest) : rc;
	}
	return 0;
}
