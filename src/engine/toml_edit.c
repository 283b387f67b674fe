/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/document.h"
#include "engine/toml_compare.h"
#include "engine/toml_layout.h"

/* Setting and taking away single values of a TOML text. Everything else stays byte for byte. */

/* Where a pair goes that is not there yet. */
struct home {
	size_t at;	    /* offset in the text */
	size_t known;	    /* so many keys of the path are said by the header it goes below */
	const char *indent; /* white space before it */
	size_t indent_size;
};

static const struct toml_item *container_of(const struct toml_layout *layout, const struct toml_item *item)
{
	return item->container == TOML_ROOT ? NULL : &layout->items[item->container];
}

static size_t container_depth(const struct toml_layout *layout, const struct toml_item *item)
{
	const struct toml_item *container = container_of(layout, item);

	return container ? container->depth : 0;
}

static void add_key(struct nvb_strbuf *sb, const char *key)
{
	size_t bare = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	if (*key && !key[bare])
		nvb_sb_add(sb, key);
	else
		document_add_string(sb, key);
}

static void add_keys(struct nvb_strbuf *sb, const char *const *path, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		nvb_sb_add(sb, i ? "." : "");
		add_key(sb, path[i]);
	}
}

/* The text with the bytes from `from` to `to` replaced. */
static void splice(
	struct nvb_strbuf *out, const struct toml_layout *layout, size_t from, size_t to, const char *with)
{
	nvb_sb_addn(out, layout->text, from);
	nvb_sb_add(out, with);
	nvb_sb_addn(out, layout->text + to, layout->size - to);
}

static int conflict(
	const struct toml_item *item, size_t depth, const char *file, const char *what, nvb_error **err)
{
	return nvb_fail(err, NVB_ERR_CONFLICT, "%s:%u: '%s' is %s here", file, item->line_number,
		item->path[depth - 1], what);
}

/* Whole lines put into the text. At the end of a text without a last newline they have none either. */
static void insert_lines(
	struct nvb_strbuf *out, const struct toml_layout *layout, size_t at, struct nvb_strbuf *lines)
{
	const char *end = document_line_end(layout->text, layout->size);
	bool open = at == layout->size && at > layout->start && layout->text[at - 1] != '\n';

	out->failed = out->failed || lines->failed;
	if (out->failed)
		return;
	nvb_sb_addn(out, layout->text, at);
	if (open && lines->len) {
		nvb_sb_add(out, end);
		nvb_sb_addn(out, lines->s, lines->len - strlen(end));
	} else {
		nvb_sb_addn(out, lines->s, lines->len);
	}
	nvb_sb_addn(out, layout->text + at, layout->size - at);
}

/* Where something new goes. */

static void indent_as(struct home *home, const struct toml_layout *layout, const struct toml_item *item)
{
	home->indent = layout->text + item->line;
	home->indent_size = item->begin - item->line;
}

/* Places in the text that are lines. */
static size_t line_before(const struct toml_layout *layout, size_t line)
{
	for (line--; line > layout->start && layout->text[line - 1] != '\n'; line--)
		;
	return line;
}

static bool is_blank_line(const struct toml_layout *layout, size_t line)
{
	while (line < layout->size && (layout->text[line] == ' ' || layout->text[line] == '\t'))
		line++;
	return line == layout->size || layout->text[line] == '\n' || layout->text[line] == '\r';
}

static bool is_comment_line(const struct toml_layout *layout, size_t line)
{
	while (line < layout->size && (layout->text[line] == ' ' || layout->text[line] == '\t'))
		line++;
	return line < layout->size && layout->text[line] == '#';
}

/* Where the first pair of the root goes: behind a comment that opens the file and belongs to nothing below
 * it. */
static size_t behind_heading(const struct toml_layout *layout)
{
	size_t at = layout->start;

	while (at < layout->size && is_comment_line(layout, at)) {
		const char *newline = memchr(layout->text + at, '\n', layout->size - at);

		at = newline ? (size_t)(newline - layout->text) + 1 : layout->size;
	}
	return at == layout->size || is_blank_line(layout, at) ? at : layout->start;
}

/* Behind the last pair below a header, or behind the header; NULL is the root's, which has none. */
static void at_end_of_body(
	struct home *home, const struct toml_layout *layout, const struct toml_item *header)
{
	size_t container = header ? (size_t)(header - layout->items) : TOML_ROOT;

	*home = (struct home){
		.at = header ? 0 : behind_heading(layout), .known = header ? header->depth : 0, .indent = ""};
	if (header) {
		home->at = header->line_end;
		indent_as(home, layout, header);
	}
	for (size_t i = 0; i < layout->count; i++) {
		const struct toml_item *item = &layout->items[i];

		if (item->kind != TOML_ITEM_VALUE || item->in_inline || item->container != container)
			continue;
		home->at = item->line_end;
		indent_as(home, layout, item);
	}
}

/* A table that dotted keys have made can only be added to below the header where they stand. */
static bool below_dotted_keys(
	struct home *home, const struct toml_layout *layout, const char *const *path, size_t parent_depth)
{
	for (size_t depth = parent_depth; depth > 0; depth--) {
		for (size_t i = layout->count; i-- > 0;) {
			const struct toml_item *item = &layout->items[i];

			if (item->kind != TOML_ITEM_VALUE || item->in_inline || item->aside ||
				item->depth <= depth || container_depth(layout, item) >= depth ||
				!toml_item_starts(item, path, depth))
				continue;
			*home = (struct home){.at = item->line_end, .known = container_depth(layout, item)};
			indent_as(home, layout, item);
			return true;
		}
	}
	return false;
}

/* The comment that stands directly above a header goes with it. What looks like one may be the end of a
 * string. */
static size_t with_its_comment(const struct toml_layout *layout, size_t line)
{
	size_t floor = layout->start;

	for (size_t i = 0; i < layout->count; i++)
		if (!layout->items[i].in_inline && layout->items[i].line_end <= line)
			floor = layout->items[i].line_end;
	while (line > floor && is_comment_line(layout, line_before(layout, line)))
		line = line_before(layout, line);
	return line;
}

static size_t shared_keys(const struct toml_item *item, const char *const *path, size_t depth)
{
	size_t n = depth;

	while (n > 0 && !toml_item_starts(item, path, n))
		n--;
	return n;
}

/* Where a header of its own goes: before the first one of a table in it, else behind the section of the
 * header that it shares most with, else at the end. */
struct section {
	size_t at;
	bool before;		      /* the blank line that parts it comes behind it */
	const struct toml_item *like; /* a header to be indented like */
};

static void find_section(
	struct section *section, const struct toml_layout *layout, const char *const *path, size_t depth)
{
	const struct toml_item *near = NULL, *next = NULL;
	size_t most = 1;

	*section = (struct section){.at = layout->size};
	for (size_t i = 0; i < layout->count; i++) {
		const struct toml_item *item = &layout->items[i];

		if (item->kind == TOML_ITEM_VALUE)
			continue;
		if (near && !next)
			next = item;
		if (item->kind == TOML_ITEM_TABLE && !item->aside && item->depth > depth &&
			toml_item_starts(item, path, depth)) {
			section->at = with_its_comment(layout, item->line);
			section->before = true;
			section->like = item;
			return;
		}
		if (!item->aside && item->kind == TOML_ITEM_TABLE && shared_keys(item, path, depth) >= most) {
			most = shared_keys(item, path, depth);
			near = item;
			next = NULL;
			if (item->depth == depth)
				section->like = item;
		}
	}
	if (!next)
		return;
	section->at = with_its_comment(layout, next->line);
	while (section->at > near->line_end && is_blank_line(layout, line_before(layout, section->at)))
		section->at = line_before(layout, section->at);
	if (section->at < near->line_end)
		section->at = near->line_end;
}

/* How far the pairs below a header stand in from it. */
static size_t inner_indent(const struct toml_layout *layout, const struct toml_item *header)
{
	struct home home;

	at_end_of_body(&home, layout, header);
	return home.indent_size > header->begin - header->line
		       ? home.indent_size - (header->begin - header->line)
		       : 0;
}

static void add_section(struct nvb_strbuf *out, const struct toml_layout *layout, const char *const *path,
	size_t depth, const char *value)
{
	_cleanup_strbuf_ struct nvb_strbuf lines = {0};
	const char *end = document_line_end(layout->text, layout->size);
	struct section section;
	const char *indent = "";
	size_t indent_size = 0, inner = 0;

	find_section(&section, layout, path, depth);
	if (section.like) {
		indent = layout->text + section.like->line;
		indent_size = section.like->begin - section.like->line;
		inner = inner_indent(layout, section.like);
	}
	if (!section.before && section.at > layout->start)
		nvb_sb_add(&lines, end);
	nvb_sb_addn(&lines, indent, indent_size);
	nvb_sb_addc(&lines, '[');
	add_keys(&lines, path, depth);
	nvb_sb_addf(&lines, "]%s", end);
	nvb_sb_addn(&lines, indent, indent_size);
	for (size_t i = 0; i < inner; i++)
		nvb_sb_addc(&lines, indent_size && indent[0] == '\t' ? '\t' : ' ');
	add_key(&lines, path[depth]);
	nvb_sb_addf(&lines, " = %s%s", value, end);
	if (section.before)
		nvb_sb_add(&lines, end);
	insert_lines(out, layout, section.at, &lines);
}

static void add_pair(struct nvb_strbuf *out, const struct toml_layout *layout, const struct home *home,
	const char *const *path, size_t depth, const char *value)
{
	_cleanup_strbuf_ struct nvb_strbuf lines = {0};

	nvb_sb_addn(&lines, home->indent, home->indent_size);
	add_keys(&lines, path + home->known, depth - home->known);
	nvb_sb_addf(&lines, " = %s%s", value, document_line_end(layout->text, layout->size));
	insert_lines(out, layout, home->at, &lines);
}

/* A new last pair of an inline table. */
static void add_inline(struct nvb_strbuf *out, const struct toml_layout *layout,
	const struct toml_item *table, const char *const *path, size_t depth, const char *value)
{
	_cleanup_strbuf_ struct nvb_strbuf pair = {0};
	size_t number = (size_t)(table - layout->items), at = table->value + 1;
	bool first = true;

	for (size_t i = number + 1; i < layout->count; i++) {
		if (layout->items[i].container != number || !layout->items[i].in_inline)
			continue;
		at = layout->items[i].end;
		first = false;
	}
	nvb_sb_add(&pair, first ? " " : ", ");
	add_keys(&pair, path + table->depth, depth - table->depth);
	nvb_sb_addf(&pair, " = %s", value);
	if (first && layout->text[at] == '}')
		nvb_sb_addc(&pair, ' ');
	splice(out, layout, at, at, pair.s ? pair.s : "");
	out->failed = out->failed || pair.failed;
}

/* Set. */

/* Something on the way that is no table, or a table where the value should go. 1: `*inline_table` is on it.
 */
static int look_on_the_way(const struct toml_layout *layout, const char *const *path, size_t depth,
	const char *file, const struct toml_item **inline_table, nvb_error **err)
{
	for (size_t i = 0; i < layout->count; i++) {
		const struct toml_item *item = &layout->items[i];

		if (item->aside)
			continue;
		if (item->depth >= depth && toml_item_starts(item, path, depth))
			return conflict(item, depth, file, "a table", err);
		if (item->kind == TOML_ITEM_TABLE || !toml_item_starts(item, path, item->depth) ||
			item->depth >= depth)
			continue;
		if (item->kind == TOML_ITEM_ELEMENT)
			return conflict(item, item->depth, file, "an array of tables", err);
		if (!item->is_inline)
			return conflict(item, item->depth, file, "no table", err);
		*inline_table = item;
	}
	return 0;
}

static int set_new(const struct toml_layout *layout, const char *const *path, size_t depth, const char *value,
	const char *file, struct nvb_strbuf *out, nvb_error **err)
{
	const struct toml_item *inline_table = NULL, *header;
	struct home home;
	int rc = look_on_the_way(layout, path, depth, file, &inline_table, err);

	if (rc < 0)
		return rc;
	if (inline_table) {
		add_inline(out, layout, inline_table, path, depth, value);
		return 0;
	}
	header = toml_layout_find(layout, TOML_ITEM_TABLE, path, depth - 1);
	if (header || depth == 1)
		at_end_of_body(&home, layout, header);
	else if (!below_dotted_keys(&home, layout, path, depth - 1)) {
		add_section(out, layout, path, depth - 1, value);
		return 0;
	}
	add_pair(out, layout, &home, path, depth, value);
	return 0;
}

static int toml_set(const char *text, size_t size, const char *const *path, const char *value,
	const char *file, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_toml_layout_ struct toml_layout layout = {0};
	size_t depth = document_path_depth(path);
	const struct toml_item *item;
	int rc = toml_layout_read(&layout, text, size, file, err);

	if (rc < 0)
		return rc;
	item = toml_layout_find(&layout, TOML_ITEM_VALUE, path, depth);
	if (item && item->is_inline && value[0] != '{')
		return conflict(item, depth, file, "a table", err);
	if (!item)
		return set_new(&layout, path, depth, value, file, out, err);
	splice(out, &layout, item->value, item->end, value);
	return 0;
}

/* Unset. */

/* Lines from `from` to `to`. Where they end a text without a last newline, so does what stays. */
static void remove_lines(struct nvb_strbuf *out, const struct toml_layout *layout, size_t from, size_t to)
{
	if (to == layout->size && to > from && layout->text[to - 1] != '\n' && from > layout->start) {
		from--;
		from -= from > layout->start && layout->text[from - 1] == '\r';
	}
	splice(out, layout, from, to, "");
}

static void remove_pair(
	struct nvb_strbuf *out, const struct toml_layout *layout, const struct toml_item *item)
{
	size_t end = item->end;

	while (end < item->line_end && (layout->text[end] == ' ' || layout->text[end] == '\t'))
		end++;
	/* A comment behind the value is somebody's: it stays. */
	if (end < item->line_end && layout->text[end] == '#')
		splice(out, layout, item->begin, end, "");
	else
		remove_lines(out, layout, item->line, item->line_end);
}

static void remove_inline(
	struct nvb_strbuf *out, const struct toml_layout *layout, const struct toml_item *item)
{
	const struct toml_item *before = NULL, *behind = NULL;

	for (size_t i = 0; i < layout->count; i++) {
		const struct toml_item *other = &layout->items[i];

		if (other == item || !other->in_inline || other->container != item->container)
			continue;
		if (other < item)
			before = other;
		else if (!behind)
			behind = other;
	}
	if (before)
		splice(out, layout, before->end, item->end, "");
	else
		splice(out, layout, item->begin, behind ? behind->begin : item->end, "");
}

/* A header goes with the blank line that parts it from others: the one above it, else the one below. */
static void remove_header(
	struct nvb_strbuf *out, const struct toml_layout *layout, const struct toml_item *header)
{
	size_t from = header->line, to = header->line_end;

	if (from > layout->start && is_blank_line(layout, line_before(layout, from))) {
		from = line_before(layout, from);
	} else if (to < layout->size && is_blank_line(layout, to)) {
		while (to < layout->size && layout->text[to] != '\n')
			to++;
		to += to < layout->size;
	}
	remove_lines(out, layout, from, to);
}

static bool is_empty(const struct toml_layout *layout, const struct toml_item *table)
{
	for (size_t i = 0; i < layout->count; i++)
		if (&layout->items[i] != table && layout->items[i].depth > table->depth &&
			toml_item_starts(&layout->items[i], table->path, table->depth))
			return false;
	return true;
}

/* A header whose tables below have their own stays dispensable: [a] above [a.b] says nothing. */
static bool is_empty_body(const struct toml_layout *layout, const struct toml_item *table)
{
	size_t number = (size_t)(table - layout->items);

	for (size_t i = 0; i < layout->count; i++)
		if (layout->items[i].kind == TOML_ITEM_VALUE && layout->items[i].container == number)
			return false;
	return true;
}

static int toml_unset(const char *text, size_t size, const char *const *path, const char *file,
	struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_toml_layout_ struct toml_layout layout = {0};
	size_t depth = document_path_depth(path);
	const struct toml_item *item;
	int rc = toml_layout_read(&layout, text, size, file, err);

	if (rc < 0)
		return rc;
	item = toml_layout_find(&layout, TOML_ITEM_VALUE, path, depth);
	if (item && (!item->is_inline || is_empty(&layout, item))) {
		if (item->in_inline)
			remove_inline(out, &layout, item);
		else
			remove_pair(out, &layout, item);
		return 0;
	}
	item = toml_layout_find(&layout, TOML_ITEM_TABLE, path, depth);
	if (item && is_empty_body(&layout, item))
		remove_header(out, &layout, item);
	else
		nvb_sb_addn(out, text, size);
	return 0;
}

/* Reading. */

static int toml_check(const char *text, size_t size, const char *file, nvb_error **err)
{
	_cleanup_toml_ struct nvb_toml doc = {0};

	return nvb_toml_parse(&doc, text, size, file, err);
}

static int toml_get(const char *text, size_t size, const char *const *path, const char *file, char **value,
	nvb_error **err)
{
	_cleanup_toml_layout_ struct toml_layout layout = {0};
	const struct nvb_toml_value *there;
	const struct toml_item *item;
	char *copy = NULL;
	int rc = toml_layout_read(&layout, text, size, file, err);

	if (rc < 0)
		return rc;
	item = toml_layout_find(&layout, TOML_ITEM_VALUE, path, document_path_depth(path));
	there = &layout.doc.root;
	for (size_t i = 0; path[i]; i++)
		there = nvb_toml_get(there, path[i]);
	if (item)
		copy = strndup(text + item->value, item->end - item->value);
	else if (there)
		copy = strdup("");
	if (!copy && (item || there))
		return nvb_fail_oom(err);
	*value = copy;
	return 0;
}

static int toml_stands(
	const char *text, size_t size, const char *const *path, const char *file, nvb_error **err)
{
	_cleanup_toml_layout_ struct toml_layout layout = {0};
	size_t depth = document_path_depth(path);
	int rc = toml_layout_read(&layout, text, size, file, err);

	return rc < 0 ? rc
		      : toml_layout_find(&layout, TOML_ITEM_VALUE, path, depth) ||
				toml_layout_find(&layout, TOML_ITEM_TABLE, path, depth);
}

const struct document_format document_toml = {
	.name = "TOML",
	.check = toml_check,
	.get = toml_get,
	.stands = toml_stands,
	.set = toml_set,
	.unset = toml_unset,
	.same = toml_same,
	.verify = toml_verify,
};
