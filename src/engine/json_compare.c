/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/json_compare.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>

#include "base/jscan.h"
#include "base/mem.h"
#include "base/str.h"

static void put(struct json_object **object)
{
	json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(put)

/* *out gets the value; a text of nothing but white space is an empty object, as for the engines. */
static int parse(const char *text, size_t size, struct json_object **out, nvb_error **err)
{
	struct json_tokener *tokener;
	enum json_tokener_error error;
	size_t blank = strspn(text, " \t\r\n");

	if (size > INT_MAX)
		return nvb_fail(err, NVB_ERR_INVALID, "larger than %d bytes", INT_MAX);
	if (blank >= size) {
		*out = json_object_new_object();
		return *out ? 0 : nvb_fail_oom(err);
	}
	tokener = json_tokener_new_ex(NVB_JSCAN_DEPTH + 2);
	if (!tokener)
		return nvb_fail_oom(err);
	errno = 0;
	/* With the NUL behind the text, so that a number at its end is known to end there. */
	*out = json_tokener_parse_ex(tokener, text, (int)size + 1);
	error = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	if (error == json_tokener_success)
		return 0;
	if (errno == ENOMEM) /* json-c 0.16 has no code for it */
		return nvb_fail_oom(err);
	return nvb_fail(err, NVB_ERR_INVALID, "does not read: %s", json_tokener_error_desc(error));
}

int json_same(const char *a, const char *b, nvb_error **err)
{
	_cleanup_json_ struct json_object *left = NULL, *right = NULL;
	int rc = parse(a, strlen(a), &left, err);

	if (rc == 0)
		rc = parse(b, strlen(b), &right, err);
	return rc < 0 ? rc : json_object_equal(left, right) != 0;
}

static bool others_are_in(struct json_object *a, struct json_object *b, const char *but)
{
	json_object_object_foreach(a, key, value)
	{
		struct json_object *other = NULL;

		if (nvb_streq(key, but))
			continue;
		if (!json_object_object_get_ex(b, key, &other) || !json_object_equal(value, other))
			return false;
	}
	return true;
}

/* Two objects that may differ in what stands at the path; what is absent is an empty object, as null is. */
static bool same_elsewhere(struct json_object *a, struct json_object *b, const char *const *path)
{
	_cleanup_json_ struct json_object *empty = json_object_new_object();

	for (; *path && empty; path++) {
		a = a ? a : empty;
		b = b ? b : empty;
		if (!json_object_is_type(a, json_type_object) || !json_object_is_type(b, json_type_object) ||
			!others_are_in(a, b, *path) || !others_are_in(b, a, *path))
			return false;
		a = json_object_object_get(a, *path);
		b = json_object_object_get(b, *path);
	}
	return empty != NULL;
}

/* `wanted` is NULL for a null, too: `absent` says that nothing may stand there. */
static bool has_value(
	struct json_object *there, const char *const *path, struct json_object *wanted, bool absent)
{
	bool found = true;

	for (; *path && found; path++)
		found = json_object_is_type(there, json_type_object) &&
			json_object_object_get_ex(there, *path, &there);
	return absent ? !found : found && json_object_equal(there, wanted);
}

int json_verify(const char *before, size_t before_size, const char *after, size_t after_size,
	const char *const *path, const char *value, const char *file, nvb_error **err)
{
	_cleanup_json_ struct json_object *old = NULL, *new = NULL, *wanted = NULL;
	int rc = parse(before, before_size, &old, err);

	if (rc == 0)
		rc = parse(after, after_size, &new, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s: edited text", file);
	rc = value ? parse(value, strlen(value), &wanted, err) : 0;
	if (rc < 0)
		return rc;
	if (!value && json_object_equal(old, new))
		return 0;
	if (!same_elsewhere(old, new, path) || !has_value(new, path, wanted, !value))
		return nvb_fail(err, NVB_ERR_CONFLICT, "%s: an edit of \"%s\" would change more than that",
			file, path[0]);
	return 0;
}
