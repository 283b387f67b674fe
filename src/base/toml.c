/* SPDX-License-Identifier: Apache-2.0 */
#include "base/toml.h"

#include <sys/random.h>

#include "base/file.h"
#include "base/toml_reader.h"

/*
 * How a table or an array came to be decides who may add to it (TOML 1.0, "Table", "Inline Table", "Array of
 * Tables"); held in nvb_toml_value.state.
 */
enum {
	CLOSED,	  /* inline table, array written as a value: complete where it stands */
	IMPLICIT, /* named on the way by a header, [a] in [a.b]: may get a header of its own, once */
	HEADED,	  /* has had its header (or is the root) */
	DOTTED,	  /* made by a dotted key: more dotted keys may add to it, a header may not open it */
	ELEMENTS, /* array made by [[header]] */
};

static int read_value(struct toml_reader *r, size_t depth, struct nvb_toml_value *v);

static int fail_oom(struct toml_reader *r)
{
	return nvb_fail_oom(r->err);
}

static void append(struct nvb_toml_value *container, struct nvb_toml_value *v)
{
	if (container->items.last)
		container->items.last->next = v;
	else
		container->items.first = v;
	container->items.last = v;
	container->items.count++;
}

/* A new member of a table, which does not have the key yet. */
static struct nvb_toml_value *add_member(struct toml_reader *r, struct nvb_toml_value *table,
	const struct toml_key_part *key, enum nvb_toml_type type, uint8_t state)
{
	struct nvb_toml_value *v = nvb_arena_alloc(&r->doc->arena, sizeof(*v));

	if (!v)
		return NULL;
	v->type = type;
	v->state = state;
	v->key = key->s;
	v->key_size = key->size;
	v->line = v->key_line = key->place.line;
	v->column = v->key_column = key->place.column;
	if (!toml_index_add(r, table, v))
		return NULL;
	append(table, v);
	return v;
}

static int fail_duplicate(
	struct toml_reader *r, const struct toml_key_part *key, const struct nvb_toml_value *first)
{
	return toml_fail_at(r, key->place.at, "'%s' stands already on line %u", key->s, first->key_line);
}

static int fail_complete(
	struct toml_reader *r, const struct toml_key_part *key, const struct nvb_toml_value *there)
{
	if (there->type == NVB_TOML_TABLE || there->type == NVB_TOML_ARRAY)
		return toml_fail_at(r, key->place.at,
			"'%s' is complete since line %u; nothing can be added here", key->s, there->key_line);
	return toml_fail_at(r, key->place.at, "'%s' is %s (line %u), not a table", key->s,
		nvb_toml_type_name(there->type), there->key_line);
}

/* One step of a header's path: the table that `key` means below *table, made when it is missing. */
static int enter_by_header(
	struct toml_reader *r, const struct toml_key_part *key, struct nvb_toml_value **table)
{
	struct nvb_toml_value *v = toml_index_find(r, *table, key->s, key->size);

	if (!v)
		v = add_member(r, *table, key, NVB_TOML_TABLE, IMPLICIT);
	if (!v)
		return fail_oom(r);
	if (v->type == NVB_TOML_ARRAY && v->state == ELEMENTS)
		v = v->items.last;
	else if (v->type != NVB_TOML_TABLE || v->state == CLOSED)
		return fail_complete(r, key, v);
	*table = v;
	return 0;
}

/* One step of a dotted key's path, which may only go through tables that no header has claimed. */
static int enter_by_key(struct toml_reader *r, const struct toml_key_part *key, struct nvb_toml_value **table)
{
	struct nvb_toml_value *v = toml_index_find(r, *table, key->s, key->size);

	if (!v)
		v = add_member(r, *table, key, NVB_TOML_TABLE, DOTTED);
	if (!v)
		return fail_oom(r);
	if (v->type != NVB_TOML_TABLE || (v->state != DOTTED && v->state != IMPLICIT))
		return fail_complete(r, key, v);
	v->state = DOTTED;
	*table = v;
	return 0;
}

/* What `key = value` adds below a table; `depth` is the table's own. */
static int read_member(struct toml_reader *r, size_t depth, struct nvb_toml_value *table)
{
	const struct toml_key_part *last;
	struct nvb_toml_value *v;
	struct toml_key key;
	char c[16];
	int rc = toml_read_key(r, NVB_TOML_DEPTH - depth, &key);

	if (rc < 0)
		return rc;
	if (!toml_accept(r, "="))
		return toml_fail_at(
			r, r->at, "%s where '=' should follow the key", toml_describe(r, r->at, c));
	toml_skip_space(r);
	last = &key.parts[key.count - 1];
	for (const struct toml_key_part *part = key.parts; part < last; part++) {
		rc = enter_by_key(r, part, &table);
		if (rc < 0)
			return rc;
	}
	v = toml_index_find(r, table, last->s, last->size);
	if (v)
		return fail_duplicate(r, last, v);
	/* In its table before its value is read: a dotted key could not find its own table otherwise. */
	v = add_member(r, table, last, NVB_TOML_STRING, CLOSED);
	if (!v)
		return fail_oom(r);
	return read_value(r, depth + key.count, v);
}

static int read_inline_table(struct toml_reader *r, size_t depth, struct nvb_toml_value *v)
{
	char c[16];
	int rc;

	v->type = NVB_TOML_TABLE;
	r->at++;
	toml_skip_space(r);
	if (toml_accept(r, "}"))
		return 0;
	for (;;) {
		toml_skip_space(r);
		rc = read_member(r, depth, v);
		if (rc < 0)
			return rc;
		toml_skip_space(r);
		if (toml_accept(r, "}"))
			return 0;
		if (!toml_accept(r, ","))
			return toml_fail_at(r, r->at, "%s where ',' or '}' should stand in an inline table",
				toml_describe(r, r->at, c));
	}
}

static int read_array(struct toml_reader *r, size_t depth, struct nvb_toml_value *v)
{
	struct nvb_toml_value *element;
	char c[16];
	int rc;

	v->type = NVB_TOML_ARRAY;
	r->at++;
	for (;;) {
		toml_skip_lines(r);
		if (toml_accept(r, "]"))
			return 0;
		element = nvb_arena_alloc(&r->doc->arena, sizeof(*element));
		if (!element)
			return fail_oom(r);
		rc = read_value(r, depth, element);
		if (rc < 0)
			return rc;
		append(v, element);
		toml_skip_lines(r);
		if (toml_accept(r, "]"))
			return 0;
		if (!toml_accept(r, ","))
			return toml_fail_at(r, r->at, "%s where ',' or ']' should stand in an array",
				toml_describe(r, r->at, c));
	}
}

/* `depth` counts the tables and arrays around the value, its own key included. */
static int read_value(struct toml_reader *r, size_t depth, struct nvb_toml_value *v)
{
	struct toml_place place = toml_place(r, r->at);

	v->line = place.line;
	v->column = place.column;
	v->state = CLOSED;
	if (toml_next_is(r, '[') || toml_next_is(r, '{')) {
		if (depth >= NVB_TOML_DEPTH)
			return toml_fail_at(r, r->at, "nested more than %d deep", NVB_TOML_DEPTH);
		return *r->at == '[' ? read_array(r, depth + 1, v) : read_inline_table(r, depth, v);
	}
	if (toml_next_is(r, '"') || toml_next_is(r, '\'')) {
		v->type = NVB_TOML_STRING;
		return toml_read_string(r, true, &v->string.s, &v->string.size);
	}
	return toml_read_scalar(r, v);
}

/* What [a.b] opens. */
static int open_table(struct toml_reader *r, const struct toml_key_part *key, struct nvb_toml_value **table)
{
	struct nvb_toml_value *v = toml_index_find(r, *table, key->s, key->size);

	if (!v) {
		v = add_member(r, *table, key, NVB_TOML_TABLE, HEADED);
		if (!v)
			return fail_oom(r);
	} else if (v->type != NVB_TOML_TABLE || v->state != IMPLICIT) {
		return fail_duplicate(r, key, v);
	}
	v->state = HEADED;
	v->line = v->key_line = key->place.line;
	v->column = v->key_column = key->place.column;
	*table = v;
	return 0;
}

/* What [[a.b]] opens: a new table at the end of the array. */
static int open_element(struct toml_reader *r, const struct toml_key_part *key, struct nvb_toml_value **table)
{
	struct nvb_toml_value *array = toml_index_find(r, *table, key->s, key->size), *v;

	if (!array)
		array = add_member(r, *table, key, NVB_TOML_ARRAY, ELEMENTS);
	else if (array->type != NVB_TOML_ARRAY || array->state != ELEMENTS)
		return fail_duplicate(r, key, array);
	v = array ? nvb_arena_alloc(&r->doc->arena, sizeof(*v)) : NULL;
	if (!v)
		return fail_oom(r);
	v->type = NVB_TOML_TABLE;
	v->state = HEADED;
	v->line = key->place.line;
	v->column = key->place.column;
	append(array, v);
	*table = v;
	return 0;
}

/* A header line, which decides which table the following keys belong to. */
static int read_header(struct toml_reader *r, struct nvb_toml_value **table, size_t *depth)
{
	bool element = toml_accept(r, "[[");
	struct toml_key key;
	char c[16];
	int rc;

	if (!element)
		r->at++;
	toml_skip_space(r);
	rc = toml_read_key(r, NVB_TOML_DEPTH, &key);
	if (rc < 0)
		return rc;
	if (!toml_accept(r, element ? "]]" : "]"))
		return toml_fail_at(r, r->at, "%s where '%s' should close the header",
			toml_describe(r, r->at, c), element ? "]]" : "]");
	*table = &r->doc->root;
	for (size_t i = 0; i + 1 < key.count; i++) {
		rc = enter_by_header(r, &key.parts[i], table);
		if (rc < 0)
			return rc;
	}
	*depth = key.count;
	return element ? open_element(r, &key.parts[key.count - 1], table)
		       : open_table(r, &key.parts[key.count - 1], table);
}

static int read_document(struct toml_reader *r)
{
	struct nvb_toml_value *table = &r->doc->root;
	size_t depth = 0;
	int rc = toml_check_text(r);

	while (rc == 0) {
		toml_skip_lines(r);
		if (r->at == r->end)
			break;
		rc = toml_next_is(r, '[') ? read_header(r, &table, &depth) : read_member(r, depth, table);
		if (rc == 0)
			rc = toml_end_of_line(r);
	}
	return rc;
}

int nvb_toml_parse(struct nvb_toml *doc, const char *data, size_t size, const char *file, nvb_error **err)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	struct toml_reader r = {.doc = doc, .at = data, .end = data + size, .err = err};
	int rc;

	*doc = (struct nvb_toml){0};
	doc->root = (struct nvb_toml_value){.type = NVB_TOML_TABLE, .state = HEADED, .line = 1, .column = 1};
	doc->file = nvb_arena_strdup(&doc->arena, file);
	if (!doc->file) {
		nvb_toml_release(doc);
		return nvb_fail_oom(err);
	}
	if (getrandom(&r.seed, sizeof(r.seed), GRND_NONBLOCK) < 0)
		r.seed = (uint64_t)(uintptr_t)&r; /* early boot: the address is random too */
	toml_accept(&r, byte_order_mark);
	r.start = r.at;
	r.mark = (struct toml_place){.at = r.start, .line = 1, .column = 1};
	rc = read_document(&r);
	free(r.slots);
	nvb_sb_release(&r.scratch);
	if (rc < 0)
		nvb_toml_release(doc);
	return rc;
}

int nvb_toml_read(struct nvb_toml *doc, int dirfd, const char *path, size_t max, nvb_error **err)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	int rc = nvb_file_read(dirfd, path, max, &data, &size, err);

	return rc < 0 ? rc : nvb_toml_parse(doc, data, size, path, err);
}

void nvb_toml_release(struct nvb_toml *doc)
{
	nvb_arena_release(&doc->arena);
	*doc = (struct nvb_toml){0};
}
