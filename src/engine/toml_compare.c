/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/toml_compare.h"

#include "base/str.h"

static bool same_key(const struct nvb_toml_value *a, const struct nvb_toml_value *b)
{
	return a->key_size == b->key_size && memcmp(a->key, b->key, a->key_size) == 0;
}

/* The member of `table` with the key of `like`; `guess` is looked at first, since documents keep their order.
 */
static const struct nvb_toml_value *member(const struct nvb_toml_value *table,
	const struct nvb_toml_value *like, const struct nvb_toml_value *guess)
{
	if (guess && same_key(guess, like))
		return guess;
	nvb_toml_foreach(v, table) if (same_key(v, like)) return v;
	return NULL;
}

static bool same_datetime(const struct nvb_toml_datetime *a, const struct nvb_toml_datetime *b)
{
	return a->year == b->year && a->month == b->month && a->day == b->day && a->hour == b->hour &&
	       a->minute == b->minute && a->second == b->second && a->nanosecond == b->nanosecond &&
	       a->offset == b->offset;
}

static bool same_items(const struct nvb_toml_value *a, const struct nvb_toml_value *b)
{
	const struct nvb_toml_value *other = nvb_toml_first(b);

	if (a->items.count != b->items.count)
		return false;
	nvb_toml_foreach(v, a)
	{
		if (a->type == NVB_TOML_TABLE)
			other = member(b, v, other);
		if (!other || !toml_equal(v, other))
			return false;
		other = other->next;
	}
	return true;
}

bool toml_equal(const struct nvb_toml_value *a, const struct nvb_toml_value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case NVB_TOML_STRING:
		return a->string.size == b->string.size &&
		       memcmp(a->string.s, b->string.s, a->string.size) == 0;
	case NVB_TOML_INTEGER:
		return a->integer == b->integer;
	case NVB_TOML_FLOAT: /* bits, so that nan is itself */
		return memcmp(&a->real, &b->real, sizeof(a->real)) == 0;
	case NVB_TOML_BOOLEAN:
		return a->boolean == b->boolean;
	case NVB_TOML_OFFSET_DATETIME:
	case NVB_TOML_LOCAL_DATETIME:
	case NVB_TOML_LOCAL_DATE:
	case NVB_TOML_LOCAL_TIME:
		return same_datetime(&a->datetime, &b->datetime);
	case NVB_TOML_ARRAY:
	case NVB_TOML_TABLE:
		return same_items(a, b);
	}
	return false;
}

static bool is_key(const struct nvb_toml_value *v, const char *key)
{
	return strlen(key) == v->key_size && memcmp(v->key, key, v->key_size) == 0;
}

/* Every member of `a`, the one on the path apart, is in `b` and the same there. */
static bool others_are_in(
	const struct nvb_toml_value *a, const struct nvb_toml_value *b, const char *const *path)
{
	const struct nvb_toml_value *other = nvb_toml_first(b);

	nvb_toml_foreach(v, a)
	{
		if (is_key(v, *path))
			continue;
		if (other && is_key(other, *path))
			other = other->next;
		other = member(b, v, other);
		if (!other || !toml_equal(v, other))
			return false;
		other = other->next;
	}
	return true;
}

/* Two tables that may differ in what stands at the path. A table that is not there is an empty one. */
static bool same_elsewhere(
	const struct nvb_toml_value *a, const struct nvb_toml_value *b, const char *const *path)
{
	static const struct nvb_toml_value empty = {.type = NVB_TOML_TABLE};

	for (; *path; path++) {
		a = a ? a : &empty;
		b = b ? b : &empty;
		if (a->type != NVB_TOML_TABLE || b->type != NVB_TOML_TABLE)
			return false;
		if (!others_are_in(a, b, path) || !others_are_in(b, a, path))
			return false;
		a = nvb_toml_get(a, *path);
		b = nvb_toml_get(b, *path);
		if (!a && !b)
			return true;
	}
	return true;
}

/* A value by itself: the document "v = <text>". */
static int parse_value(
	struct nvb_toml *doc, const char *text, const struct nvb_toml_value **value, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	int rc;

	nvb_sb_addf(&sb, "v = %s\n", text);
	if (sb.failed)
		return nvb_fail_oom(err);
	rc = nvb_toml_parse(doc, sb.s, sb.len, "value", err);
	if (rc == 0)
		*value = nvb_toml_get(&doc->root, "v");
	return rc;
}

int toml_same(const char *a, const char *b, nvb_error **err)
{
	_cleanup_toml_ struct nvb_toml left = {0}, right = {0};
	const struct nvb_toml_value *va = NULL, *vb = NULL;
	int rc = parse_value(&left, a, &va, err);

	if (rc == 0)
		rc = parse_value(&right, b, &vb, err);
	return rc < 0 ? rc : toml_equal(va, vb);
}

/* `wanted` NULL: nothing may stand there. */
static bool has_value(
	const struct nvb_toml *doc, const char *const *path, const struct nvb_toml_value *wanted)
{
	const struct nvb_toml_value *there = &doc->root;

	while (*path)
		there = nvb_toml_get(there, *path++);
	return wanted ? there && toml_equal(there, wanted) : !there;
}

int toml_verify(const char *before, size_t before_size, const char *after, size_t after_size,
	const char *const *path, const char *value, const char *file, nvb_error **err)
{
	_cleanup_toml_ struct nvb_toml old = {0}, new = {0}, alone = {0};
	const struct nvb_toml_value *wanted = NULL;
	int rc = nvb_toml_parse(&old, before, before_size, file, err);

	if (rc == 0)
		rc = nvb_toml_parse(&new, after, after_size, file, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "the edited text does not read");
	rc = value ? parse_value(&alone, value, &wanted, err) : 0;
	if (rc < 0)
		return rc;
	/* An unset table stays, as it was, where tables below it have headers of their own. */
	if (!value && toml_equal(&old.root, &new.root))
		return 0;
	if (!same_elsewhere(&old.root, &new.root, path) || !has_value(&new, path, wanted))
		return nvb_fail(err, NVB_ERR_CONFLICT, "%s: an edit of '%s' would change more than that",
			file, path[0]);
	return 0;
}
