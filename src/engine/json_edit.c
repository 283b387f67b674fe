/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jscan.h"
#include "engine/document.h"
#include "engine/json_compare.h"

/*
 * Setting and taking away single members of a JSON text. Everything else stays byte for byte; what is added
 * takes the white space of what stands beside it.
 */
enum { JSON_EDIT_DEPTH = 8 };

/* What was found of one key of the path. */
struct level {
	struct nvb_jscan_extent at; /* the object that should have the key */
	size_t first, second;	    /* offsets of its first two keys' quotes, or 0 */
	bool found;
	enum nvb_json_type type;
	size_t key;	   /* offset of the member's quote */
	size_t before;	   /* offset behind the member before it, or behind the bracket */
	size_t value, end; /* its value */
	size_t next;	   /* offset of the next member's quote, or 0 */
};

struct search {
	const char *text;
	size_t size;
	const char *const *path;
	size_t depth;	 /* keys in the path */
	size_t searched; /* objects entered on the way */
	struct level levels[JSON_EDIT_DEPTH];
	bool spaced; /* "key": value */
	struct nvb_jscan js;
};

/* jscan says the byte; people want the line. Its message ends in "(byte N)". */
static int at_line(const char *text, size_t size, const char *file, nvb_error *failure, nvb_error **err)
{
	const char *message = nvb_error_message(failure), *byte = NULL;
	enum nvb_error_code code = nvb_error_code(failure);
	size_t line = 1, column = 1;
	unsigned long long offset;
	int rc;

	for (const char *p = message; (p = strstr(p, " (byte ")); p++)
		byte = p;
	if (code != NVB_ERR_CORRUPT || !byte || sscanf(byte, " (byte %llu)", &offset) != 1) {
		nvb_error_move(err, failure);
		return -(int)code;
	}
	for (size_t i = 0; i < offset && i < size; i++) {
		column = text[i] == '\n' ? 1 : column + (((unsigned char)text[i] & 0xc0) != 0x80);
		line += text[i] == '\n';
	}
	/* "[]" is JSON, but no configuration. */
	rc = nvb_fail(err, NVB_ERR_INVALID, "%s:%zu:%zu: %s%.*s", file, line, column,
		strstr(message, "must be an object") ? "" : "not JSON: ", (int)(byte - message), message);
	nvb_error_free(failure);
	return rc;
}

static int search_object(struct search *s, size_t number, nvb_error **err);

static int search_member(
	struct search *s, size_t number, const struct nvb_json *key, size_t before, nvb_error **err)
{
	const char *const names[] = {s->path[number], NULL};
	struct level *level = &s->levels[number];
	struct nvb_json value;
	int which, rc = nvb_jscan_match(&s->js, key, names, &which, err);

	if (rc < 0)
		return rc;
	if (which < 0)
		return nvb_jscan_value(&s->js, &value, err);
	level->found = true;
	level->key = (size_t)(key->text - s->text) - 1;
	level->before = before;
	rc = nvb_jscan_peek(&s->js, &level->type, err);
	level->value = s->js.at;
	if (rc == 0 && level->type == NVB_JSON_OBJECT && number + 1 < s->depth)
		rc = search_object(s, number + 1, err);
	else if (rc == 0)
		rc = nvb_jscan_value(&s->js, &value, err);
	level->end = s->js.at;
	return rc;
}

/* Walks through the object that comes next, the `number`th on the path. */
static int search_object(struct search *s, size_t number, nvb_error **err)
{
	struct level *level = &s->levels[number];
	size_t before;
	struct nvb_json key;
	int more, rc = nvb_jscan_enter(&s->js, NVB_JSON_OBJECT, err);

	if (rc < 0)
		return rc;
	s->searched = number + 1;
	before = s->js.at;
	while ((more = nvb_jscan_next(&s->js, &key, err)) > 0) {
		size_t quote = (size_t)(key.text - s->text) - 1;

		if (!level->first)
			level->first = quote;
		else if (!level->second)
			level->second = quote;
		if (number == 0 && level->first == quote)
			s->spaced = s->js.at < s->size && s->text[s->js.at] != '"' &&
				    strchr(" \t", s->text[s->js.at]);
		if (level->found && !level->next)
			level->next = quote;
		rc = search_member(s, number, &key, before, err);
		if (rc < 0)
			return rc;
		before = s->js.tail;
	}
	level->at = s->js.left;
	return more;
}

static bool is_blank(const char *text, size_t size)
{
	return strspn(text, " \t\r\n") >= size;
}

/* Finds what there is of the path. The whole text is read, as strictly as the scanner does. */
static int search(struct search *s, const char *text, size_t size, const char *const *path, const char *file,
	nvb_error **err)
{
	nvb_error *failure = NULL;
	int rc;

	s->text = text;
	s->size = size;
	s->path = path;
	s->depth = document_path_depth(path);
	s->searched = 0;
	s->spaced = true;
	memset(s->levels, 0, sizeof(s->levels));
	if (s->depth > JSON_EDIT_DEPTH)
		return nvb_fail(
			err, NVB_ERR_INVALID, "%s: a path of more than %d keys", file, JSON_EDIT_DEPTH);
	nvb_jscan_begin(&s->js, text, size);
	rc = search_object(s, 0, &failure);
	if (rc == 0)
		rc = nvb_jscan_end(&s->js, &failure);
	nvb_jscan_release(&s->js);
	return rc < 0 ? at_line(text, size, file, failure, err) : 0;
}

static void splice(
	struct nvb_strbuf *out, const struct search *s, size_t from, size_t to, const struct nvb_strbuf *with)
{
	nvb_sb_addn(out, s->text, from);
	nvb_sb_addn(out, with->s ? with->s : "", with->len);
	nvb_sb_addn(out, s->text + to, s->size - to);
	out->failed = out->failed || with->failed;
}

/* White space. */

/* How members are parted that are written anew. */
struct layout {
	bool lines;		  /* a member a line */
	const char *end;	  /* "\n" or "\r\n" */
	struct nvb_strbuf indent; /* of the object's members */
	struct nvb_strbuf unit;	  /* what one level more takes */
};

static void release_layout(struct layout *layout)
{
	nvb_sb_release(&layout->indent);
	nvb_sb_release(&layout->unit);
}

/* The white space in front of a key, when its line begins with it. */
static bool indent_of(const struct search *s, size_t quote, size_t *from)
{
	*from = quote;
	while (*from > 0 && (s->text[*from - 1] == ' ' || s->text[*from - 1] == '\t'))
		(*from)--;
	return *from > 0 && s->text[*from - 1] == '\n';
}

static void find_layout(struct layout *layout, const struct search *s, size_t number)
{
	const struct level *root = &s->levels[0], *level = &s->levels[number];
	size_t from;

	*layout = (struct layout){.end = document_line_end(s->text, s->size)};
	if (root->first && indent_of(s, root->first, &from)) {
		nvb_sb_addn(&layout->unit, s->text + from, root->first - from);
		layout->lines = true;
	} else {
		nvb_sb_add(&layout->unit, "    ");
		layout->lines = !root->first;
	}
	if (level->first && indent_of(s, level->first, &from)) {
		nvb_sb_addn(&layout->indent, s->text + from, level->first - from);
		return;
	}
	if (level->first)
		layout->lines = false;
	for (size_t i = 0; i <= number; i++)
		nvb_sb_addn(&layout->indent, layout->unit.s, layout->unit.len);
}

static void add_line(struct nvb_strbuf *out, const struct layout *layout, size_t deeper)
{
	out->failed = out->failed || layout->indent.failed || layout->unit.failed;
	if (!layout->lines || out->failed)
		return;
	nvb_sb_add(out, layout->end);
	nvb_sb_addn(out, layout->indent.s ? layout->indent.s : "", layout->indent.len);
	for (size_t i = 0; i < deeper; i++)
		nvb_sb_addn(out, layout->unit.s, layout->unit.len);
}

/* "a": {"b": value} from the keys that are missing; objects a member a line where the document has them so.
 */
static void add_member(struct nvb_strbuf *out, const struct search *s, const struct layout *layout,
	size_t number, const char *value)
{
	for (size_t i = number; i < s->depth; i++) {
		if (i > number) {
			nvb_sb_addc(out, '{');
			add_line(out, layout, i - number);
		}
		document_add_string(out, s->path[i]);
		nvb_sb_add(out, s->spaced ? ": " : ":");
	}
	nvb_sb_add(out, value);
	for (size_t i = s->depth - 1; i > number; i--) {
		add_line(out, layout, i - number - 1);
		nvb_sb_addc(out, '}');
	}
}

/* The edits. */

/* A member behind the last one of an object. */
static void append(struct search *s, size_t number, const char *value, struct nvb_strbuf *out)
{
	_cleanup_(release_layout) struct layout layout;
	_cleanup_strbuf_ struct nvb_strbuf member = {0};
	const struct level *level = &s->levels[number];

	find_layout(&layout, s, number);
	if (level->at.count) {
		nvb_sb_addc(&member, ',');
		/* Members on one line are parted as the first two are. */
		if (layout.lines)
			add_line(&member, &layout, 0);
		else if (!level->second ? s->spaced : s->text[level->second - 1] == ' ')
			nvb_sb_addc(&member, ' ');
		add_member(&member, s, &layout, number, value);
		splice(out, s, level->at.tail, level->at.tail, &member);
		return;
	}
	add_line(&member, &layout, 0);
	add_member(&member, s, &layout, number, value);
	if (layout.lines && !memchr(s->text + level->at.open, '\n', level->at.close - level->at.open)) {
		nvb_sb_add(&member, layout.end);
		if (!member.failed)
			nvb_sb_addn(&member, layout.indent.s, layout.indent.len - layout.unit.len);
	}
	splice(out, s, level->at.open + 1, level->at.open + 1, &member);
}

/* An object in the place of a null, which Go takes for one. */
static void replace_null(struct search *s, size_t number, const char *value, struct nvb_strbuf *out)
{
	_cleanup_(release_layout) struct layout layout;
	_cleanup_strbuf_ struct nvb_strbuf object = {0};

	find_layout(&layout, s, number);
	nvb_sb_addc(&object, '{');
	add_line(&object, &layout, 1);
	nvb_sb_addn(&layout.indent, layout.unit.s, layout.unit.len);
	add_member(&object, s, &layout, number + 1, value);
	layout.indent.len -= layout.unit.len;
	add_line(&object, &layout, 0);
	nvb_sb_addc(&object, '}');
	splice(out, s, s->levels[number].value, s->levels[number].end, &object);
}

static int json_set(const char *text, size_t size, const char *const *path, const char *value,
	const char *file, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_free_ struct search *s = malloc(sizeof(*s));
	_cleanup_strbuf_ struct nvb_strbuf with = {0};
	const struct level *last;
	int rc;

	if (!s)
		return nvb_fail_oom(err);
	if (is_blank(text, size)) {
		text = "{}\n";
		size = 3;
	}
	rc = search(s, text, size, path, file, err);
	if (rc < 0)
		return rc;
	last = &s->levels[s->searched - 1];
	if (!last->found) {
		append(s, s->searched - 1, value, out);
	} else if (s->searched == s->depth) {
		nvb_sb_add(&with, value);
		splice(out, s, last->value, last->end, &with);
	} else if (last->type == NVB_JSON_NULL) {
		replace_null(s, s->searched - 1, value, out);
	} else {
		return nvb_fail(err, NVB_ERR_CONFLICT, "%s: \"%s\" must be an object, is %s", file,
			path[s->searched - 1], nvb_json_type_name(last->type));
	}
	return 0;
}

static bool is_empty_object(const struct search *s, const struct level *level)
{
	return is_blank(s->text + level->value + 1, level->end - level->value - 2);
}

static int json_unset(const char *text, size_t size, const char *const *path, const char *file,
	struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_free_ struct search *s = malloc(sizeof(*s));
	static const struct nvb_strbuf nothing;
	const struct level *last;
	int rc;

	if (!s)
		return nvb_fail_oom(err);
	if (is_blank(text, size)) {
		nvb_sb_addn(out, text, size);
		return 0;
	}
	rc = search(s, text, size, path, file, err);
	if (rc < 0)
		return rc;
	last = &s->levels[s->searched - 1];
	if (!last->found || s->searched < s->depth ||
		(last->type == NVB_JSON_OBJECT && !is_empty_object(s, last)))
		nvb_sb_addn(out, text, size);
	else if (last->at.count == 1)
		splice(out, s, last->at.open + 1, last->at.close, &nothing);
	else if (last->key != last->first)
		splice(out, s, last->before, last->end, &nothing);
	else
		splice(out, s, last->key, last->next, &nothing);
	return 0;
}

static int json_check(const char *text, size_t size, const char *file, nvb_error **err)
{
	static const char *const nowhere[] = {"", NULL};
	_cleanup_free_ struct search *s = malloc(sizeof(*s));

	if (!s)
		return nvb_fail_oom(err);
	return is_blank(text, size) ? 0 : search(s, text, size, nowhere, file, err);
}

static int json_get(const char *text, size_t size, const char *const *path, const char *file, char **value,
	nvb_error **err)
{
	_cleanup_free_ struct search *s = malloc(sizeof(*s));
	const struct level *last;
	char *copy;
	int rc;

	if (!s)
		return nvb_fail_oom(err);
	if (is_blank(text, size)) {
		*value = NULL;
		return 0;
	}
	rc = search(s, text, size, path, file, err);
	if (rc < 0)
		return rc;
	last = &s->levels[s->searched - 1];
	if (!last->found || s->searched < s->depth) {
		*value = NULL;
		return 0;
	}
	copy = strndup(text + last->value, last->end - last->value);
	if (!copy)
		return nvb_fail_oom(err);
	*value = copy;
	return 0;
}

static int json_stands(
	const char *text, size_t size, const char *const *path, const char *file, nvb_error **err)
{
	_cleanup_free_ char *value = NULL;
	int rc = json_get(text, size, path, file, &value, err);

	return rc < 0 ? rc : value != NULL;
}

const struct document_format document_json = {
	.name = "JSON",
	.check = json_check,
	.get = json_get,
	.stands = json_stands,
	.set = json_set,
	.unset = json_unset,
	.same = json_same,
	.verify = json_verify,
};
