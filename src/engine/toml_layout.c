/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/toml_layout.h"

#include "base/toml_reader.h"

/* A second reading of a document that the parser has accepted: its rules hold, so only places are collected.
 */
struct layout_reader {
	struct toml_reader r;
	struct toml_layout *layout;
};

/* What stands around what is read. */
struct around {
	const char *const *path;
	size_t depth;
	size_t container;
	bool aside, in_inline;
};

static int skip_value(struct layout_reader *lr);
static int read_pair(struct layout_reader *lr, const struct around *around);

static size_t offset(const struct layout_reader *lr)
{
	return (size_t)(lr->r.at - lr->layout->text);
}

/* The keys of `around` and then those of `key`. */
static int join_path(struct layout_reader *lr, const struct around *around, const struct toml_key *key,
	struct toml_item *item)
{
	size_t depth = around->depth + key->count;
	const char **path = nvb_arena_alloc(&lr->layout->doc.arena, (depth + 1) * sizeof(*path));

	if (!path)
		return nvb_fail_oom(lr->r.err);
	for (size_t i = 0; i < around->depth; i++)
		path[i] = around->path[i];
	for (size_t i = 0; i < key->count; i++) {
		path[around->depth + i] = key->parts[i].s;
		item->aside = item->aside || strlen(key->parts[i].s) != key->parts[i].size;
	}
	item->path = path;
	item->depth = depth;
	return 0;
}

static int add_item(struct layout_reader *lr, const struct toml_item *item)
{
	struct toml_layout *layout = lr->layout;

	if (!NVB_GROW(layout->items, layout->count, layout->capacity))
		return nvb_fail_oom(lr->r.err);
	layout->items[layout->count++] = *item;
	return 0;
}

static int skip_array(struct layout_reader *lr)
{
	struct toml_reader *r = &lr->r;

	for (r->at++;;) {
		int rc;

		toml_skip_lines(r);
		if (toml_accept(r, "]"))
			return 0;
		rc = skip_value(lr);
		if (rc < 0)
			return rc;
		toml_skip_lines(r);
		toml_accept(r, ",");
	}
}

static int read_inline_table(struct layout_reader *lr, const struct around *around)
{
	struct toml_reader *r = &lr->r;

	for (r->at++;;) {
		int rc;

		toml_skip_space(r);
		if (toml_accept(r, "}"))
			return 0;
		rc = read_pair(lr, around);
		if (rc < 0)
			return rc;
		toml_skip_space(r);
		toml_accept(r, ",");
	}
}

static int skip_value(struct layout_reader *lr)
{
	static const struct around nowhere = {.aside = true, .in_inline = true, .container = TOML_ROOT};
	struct nvb_toml_value scalar = {0};
	const char *s;
	size_t size;

	if (toml_next_is(&lr->r, '['))
		return skip_array(lr);
	if (toml_next_is(&lr->r, '{'))
		return read_inline_table(lr, &nowhere);
	if (toml_next_is(&lr->r, '"') || toml_next_is(&lr->r, '\''))
		return toml_read_string(&lr->r, true, &s, &size);
	return toml_read_scalar(&lr->r, &scalar);
}

static int read_pair(struct layout_reader *lr, const struct around *around)
{
	struct toml_item item = {
		.kind = TOML_ITEM_VALUE,
		.container = around->container,
		.aside = around->aside,
		.in_inline = around->in_inline,
		.begin = offset(lr),
		.line_number = toml_place(&lr->r, lr->r.at).line,
	};
	size_t number = lr->layout->count;
	struct toml_key key;
	struct around inside;
	int rc = toml_read_key(&lr->r, NVB_TOML_DEPTH, &key);

	if (rc == 0)
		rc = join_path(lr, around, &key, &item);
	if (rc < 0)
		return rc;
	toml_accept(&lr->r, "=");
	toml_skip_space(&lr->r);
	item.value = offset(lr);
	item.is_inline = toml_next_is(&lr->r, '{');
	rc = add_item(lr, &item);
	if (rc < 0)
		return rc;
	inside = (struct around){item.path, item.depth, number, item.aside, true};
	rc = item.is_inline ? read_inline_table(lr, &inside) : skip_value(lr);
	lr->layout->items[number].end = offset(lr);
	return rc;
}

static bool below_an_array(const struct toml_layout *layout, const struct toml_item *header)
{
	for (size_t i = 0; i < layout->count; i++)
		if (layout->items[i].kind == TOML_ITEM_ELEMENT && layout->items[i].depth < header->depth &&
			toml_item_starts(header, layout->items[i].path, layout->items[i].depth))
			return true;
	return false;
}

static int read_header(struct layout_reader *lr, struct around *around)
{
	static const struct around root = {.container = TOML_ROOT};
	struct toml_item item = {
		.begin = offset(lr),
		.line_number = toml_place(&lr->r, lr->r.at).line,
		.container = TOML_ROOT,
	};
	bool element = toml_accept(&lr->r, "[[");
	struct toml_key key;
	int rc;

	if (!element)
		lr->r.at++;
	toml_skip_space(&lr->r);
	rc = toml_read_key(&lr->r, NVB_TOML_DEPTH, &key);
	if (rc == 0)
		rc = join_path(lr, &root, &key, &item);
	if (rc < 0)
		return rc;
	toml_accept(&lr->r, element ? "]]" : "]");
	item.kind = element ? TOML_ITEM_ELEMENT : TOML_ITEM_TABLE;
	item.aside = item.aside || below_an_array(lr->layout, &item);
	item.end = offset(lr);
	*around = (struct around){item.path, item.depth, lr->layout->count, item.aside || element, false};
	return add_item(lr, &item);
}

/* The lines of an item that fills whole ones. */
static void set_lines(struct layout_reader *lr, struct toml_item *item)
{
	item->line = item->begin;
	while (item->line > lr->layout->start && lr->layout->text[item->line - 1] != '\n')
		item->line--;
	item->line_end = offset(lr);
}

static int read_all(struct layout_reader *lr)
{
	struct around around = {.container = TOML_ROOT};
	struct toml_reader *r = &lr->r;

	for (;;) {
		size_t number = lr->layout->count;
		int rc;

		toml_skip_lines(r);
		if (r->at == r->end)
			return 0;
		rc = toml_next_is(r, '[') ? read_header(lr, &around) : read_pair(lr, &around);
		if (rc == 0)
			rc = toml_end_of_line(r);
		if (rc < 0)
			return rc;
		set_lines(lr, &lr->layout->items[number]);
	}
}

int toml_layout_read(
	struct toml_layout *layout, const char *text, size_t size, const char *file, nvb_error **err)
{
	struct layout_reader lr = {.layout = layout};
	int rc = nvb_toml_parse(&layout->doc, text, size, file, err);

	if (rc < 0)
		return rc;
	layout->text = text;
	layout->size = size;
	lr.r = (struct toml_reader){.doc = &layout->doc, .at = text, .end = text + size, .err = err};
	toml_accept(&lr.r, "\xef\xbb\xbf");
	layout->start = (size_t)(lr.r.at - text);
	lr.r.start = lr.r.at;
	lr.r.mark = (struct toml_place){.at = lr.r.at, .line = 1, .column = 1};
	rc = read_all(&lr);
	nvb_sb_release(&lr.r.scratch);
	return rc;
}

void toml_layout_release(struct toml_layout *layout)
{
	free(layout->items);
	nvb_toml_release(&layout->doc);
	*layout = (struct toml_layout){0};
}

bool toml_item_starts(const struct toml_item *item, const char *const *path, size_t n)
{
	if (item->depth < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!nvb_streq(item->path[i], path[i]))
			return false;
	return true;
}

const struct toml_item *toml_layout_find(
	const struct toml_layout *layout, enum toml_item_kind kind, const char *const *path, size_t depth)
{
	for (size_t i = 0; i < layout->count; i++) {
		const struct toml_item *item = &layout->items[i];

		if (item->kind == kind && !item->aside && item->depth == depth &&
			toml_item_starts(item, path, depth))
			return item;
	}
	return NULL;
}
