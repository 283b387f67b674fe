/* SPDX-License-Identifier: Apache-2.0 */
#include <yaml.h>

#include "base/str.h"
#include "cdi/node.h"

/*
 * YAML by libyaml's events. Of YAML only what a data file needs is taken: one document, the types of JSON,
 * string keys, no key twice, aliases as long as what they expand to stays small.
 */

enum { ANCHORS = 128 };

struct anchor {
	const char *name;
	struct nvb_cdi_node *node; /* NULL while it is still being read: an alias inside itself */
};

struct reader {
	yaml_parser_t parser;
	struct nvb_arena *arena;
	const char *file;
	nvb_error **err;
	struct anchor *anchors;
	size_t anchor_count, anchor_capacity;
	size_t nodes;
	unsigned depth;
};

static int fail(struct reader *r, const yaml_mark_t *mark, const char *what)
{
	return nvb_fail(r->err, NVB_ERR_CORRUPT, "%s:%zu: %s", r->file, mark->line + 1, what);
}

static int next_event(struct reader *r, yaml_event_t *event)
{
	const yaml_parser_t *p = &r->parser;
	size_t line;

	if (yaml_parser_parse(&r->parser, event))
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		return nvb_fail_oom(r->err);
	/* The reader's errors (bad UTF-8, control characters) have an offset, the others a mark. */
	line = p->error == YAML_READER_ERROR ? p->mark.line : p->problem_mark.line;
	return nvb_fail(r->err, NVB_ERR_CORRUPT, "%s:%zu: not YAML: %s", r->file, line + 1,
		p->problem ? p->problem : "unreadable");
}

static struct anchor *find_anchor(struct reader *r, const char *name)
{
	for (size_t i = r->anchor_count; i--;) /* the latest of that name counts */
		if (nvb_streq(r->anchors[i].name, name))
			return &r->anchors[i];
	return NULL;
}

/* Notes the anchor of a node that begins; *index is SIZE_MAX when it has none. */
static int begin_anchor(struct reader *r, const yaml_char_t *name, const yaml_mark_t *mark, size_t *index)
{
	const char *copy;

	*index = SIZE_MAX;
	if (!name)
		return 0;
	/* Looking one up is linear, and no spec has use for many. */
	if (r->anchor_count >= ANCHORS)
		return fail(r, mark, "too many anchors");
	copy = nvb_arena_strdup(r->arena, (const char *)name);
	if (!copy || !NVB_GROW(r->anchors, r->anchor_count, r->anchor_capacity))
		return nvb_fail_oom(r->err);
	*index = r->anchor_count;
	r->anchors[r->anchor_count++] = (struct anchor){.name = copy};
	return 0;
}

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (nvb_streq(s, *words))
			return true;
	return false;
}

static bool looks_like_number(const char *s)
{
	size_t digits;

	if (*s == '+' || *s == '-')
		s++;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'o' || s[1] == 'b'))
		return s[2] && s[2 + strspn(s + 2, "0123456789abcdefABCDEF_")] == '\0';
	digits = strspn(s, "0123456789_");
	if (digits && *s != '_' && s[digits] == '\0')
		return true;
	if (!digits && *s != '.')
		return false;
	if (nvb_streq(s, ".inf") || nvb_streq(s, ".nan"))
		return true;
	s += digits;
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789_");
	if ((*s == 'e' || *s == 'E') && s[1]) {
		s += 1 + (s[1] == '+' || s[1] == '-');
		s += strspn(s, "0123456789");
	}
	return *s == '\0' && digits;
}

/* What a plain scalar is: YAML 1.1's core types, which is what the readers of the engines use. */
static enum nvb_cdi_type resolve(const char *s)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes",
		"YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", NULL};

	if (is_one_of(s, nulls))
		return NVB_CDI_NULL;
	if (is_one_of(s, bools))
		return NVB_CDI_BOOL;
	return looks_like_number(s) ? NVB_CDI_NUMBER : NVB_CDI_STRING;
}

static int read_scalar(struct reader *r, const yaml_event_t *event, struct nvb_cdi_node **node)
{
	const char *text = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag;

	if (tag && !nvb_streq(tag, YAML_STR_TAG))
		return fail(r, &event->start_mark, "tags are not used in CDI specs");
	if (strlen(text) != event->data.scalar.length)
		return fail(r, &event->start_mark, "a string holds a NUL character");
	*node = nvb_cdi_node_new(
		r->arena, plain ? resolve(text) : NVB_CDI_STRING, (unsigned)event->start_mark.line + 1);
	if (!*node)
		return nvb_fail_oom(r->err);
	(*node)->plain = plain;
	(*node)->text = nvb_arena_strdup(r->arena, text);
	return (*node)->text ? 0 : nvb_fail_oom(r->err);
}

static int by_key(const void *a, const void *b)
{
	const struct nvb_cdi_item *const *x = a, *const *y = b;
	int order = strcmp((*x)->key, (*y)->key);

	return order ? order : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

static int refuse_duplicates(struct reader *r, const struct nvb_cdi_node *map)
{
	_cleanup_free_ const struct nvb_cdi_item **items = NULL;
	size_t n = 0;

	if (map->count < 2)
		return 0;
	items = calloc(map->count, sizeof(*items));
	if (!items)
		return nvb_fail_oom(r->err);
	for (const struct nvb_cdi_item *item = map->first; item; item = item->next)
		items[n++] = item;
	qsort(items, n, sizeof(*items), by_key);
	for (size_t i = 1; i < n; i++)
		if (nvb_streq(items[i - 1]->key, items[i]->key))
			return nvb_fail(r->err, NVB_ERR_CORRUPT,
				"%s:%u: the key '%s' stands twice (first in line %u)", r->file,
				items[i]->line, items[i]->key, items[i - 1]->line);
	return 0;
}

static int read_node(struct reader *r, const yaml_event_t *event, struct nvb_cdi_node **node);

static int read_child(
	struct reader *r, struct nvb_cdi_node *parent, const char *key, const yaml_event_t *event)
{
	struct nvb_cdi_node *child = NULL;
	int rc = read_node(r, event, &child);

	if (rc < 0)
		return rc;
	parent->weight += child->weight;
	if (parent->weight > NVB_CDI_NODES)
		return fail(r, &event->start_mark, "aliases expand to too much");
	if (!nvb_cdi_node_append(r->arena, parent, key, (unsigned)event->start_mark.line + 1, child))
		return nvb_fail_oom(r->err);
	return 0;
}

static int read_list(struct reader *r, struct nvb_cdi_node *list)
{
	for (;;) {
		_cleanup_(yaml_event_delete) yaml_event_t event = {0};
		int rc = next_event(r, &event);

		if (rc < 0)
			return rc;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		rc = read_child(r, list, NULL, &event);
		if (rc < 0)
			return rc;
	}
}

static int read_map(struct reader *r, struct nvb_cdi_node *map)
{
	for (;;) {
		_cleanup_(yaml_event_delete) yaml_event_t key = {0}, value = {0};
		struct nvb_cdi_node *name = NULL;
		int rc = next_event(r, &key);

		if (rc < 0)
			return rc;
		if (key.type == YAML_MAPPING_END_EVENT)
			return refuse_duplicates(r, map);
		if (key.type != YAML_SCALAR_EVENT || key.data.scalar.anchor)
			return fail(r, &key.start_mark, "a key must be a plain string");
		rc = read_scalar(r, &key, &name);
		if (rc == 0)
			rc = next_event(r, &value);
		if (rc == 0)
			rc = read_child(r, map, name->text, &value);
		if (rc < 0)
			return rc;
	}
}

static int read_collection(struct reader *r, const yaml_event_t *event, struct nvb_cdi_node **node)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	int rc;

	if (tag)
		return fail(r, &event->start_mark, "tags are not used in CDI specs");
	if (++r->depth > NVB_CDI_DEPTH)
		return fail(r, &event->start_mark, "nested too deeply");
	*node = nvb_cdi_node_new(
		r->arena, map ? NVB_CDI_MAP : NVB_CDI_LIST, (unsigned)event->start_mark.line + 1);
	if (!*node)
		return nvb_fail_oom(r->err);
	rc = map ? read_map(r, *node) : read_list(r, *node);
	r->depth--;
	return rc;
}

static int read_alias(struct reader *r, const yaml_event_t *event, struct nvb_cdi_node **node)
{
	const struct anchor *anchor = find_anchor(r, (const char *)event->data.alias.anchor);

	if (!anchor)
		return fail(r, &event->start_mark, "an alias without its anchor");
	if (!anchor->node)
		return fail(r, &event->start_mark, "an alias inside what it stands for");
	*node = anchor->node;
	return 0;
}

static int read_node(struct reader *r, const yaml_event_t *event, struct nvb_cdi_node **node)
{
	const yaml_char_t *name = NULL;
	size_t anchor;
	int rc;

	if (++r->nodes > NVB_CDI_NODES)
		return fail(r, &event->start_mark, "too many values");
	if (event->type == YAML_ALIAS_EVENT)
		return read_alias(r, event, node);
	if (event->type == YAML_SCALAR_EVENT)
		name = event->data.scalar.anchor;
	else if (event->type == YAML_MAPPING_START_EVENT)
		name = event->data.mapping_start.anchor;
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		name = event->data.sequence_start.anchor;
	else
		return fail(r, &event->start_mark, "a value was expected");
	rc = begin_anchor(r, name, &event->start_mark, &anchor);
	if (rc < 0)
		return rc;
	rc = event->type == YAML_SCALAR_EVENT ? read_scalar(r, event, node) : read_collection(r, event, node);
	if (rc == 0 && anchor != SIZE_MAX)
		r->anchors[anchor].node = *node;
	return rc;
}

/* STREAM-START, DOCUMENT-START, the node, DOCUMENT-END, STREAM-END. */
static int read_stream(struct reader *r, struct nvb_cdi_node **root)
{
	bool seen = false;

	for (;;) {
		_cleanup_(yaml_event_delete) yaml_event_t event = {0};
		int rc = next_event(r, &event);

		if (rc < 0)
			return rc;
		switch (event.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (seen)
				return fail(r, &event.start_mark, "more than one document");
			break;
		case YAML_STREAM_END_EVENT:
			return seen ? 0 : fail(r, &event.start_mark, "empty");
		default:
			rc = read_node(r, &event, root);
			if (rc < 0)
				return rc;
			seen = true;
		}
	}
}

int nvb_cdi_parse_yaml(struct nvb_arena *arena, const char *data, size_t size, const char *file,
	struct nvb_cdi_node **root, nvb_error **err)
{
	struct reader r = {.arena = arena, .file = file, .err = err};
	struct nvb_cdi_node *node = NULL;
	int rc;

	if (!yaml_parser_initialize(&r.parser))
		return nvb_fail_oom(err);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)data, size);
	rc = read_stream(&r, &node);
	yaml_parser_delete(&r.parser);
	free(r.anchors);
	if (rc == 0)
		*root = node;
	return rc;
}
