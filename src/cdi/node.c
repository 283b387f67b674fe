/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/node.h"

#include <ctype.h>

#include "base/str.h"

struct nvb_cdi_node *nvb_cdi_node_new(struct nvb_arena *arena, enum nvb_cdi_type type, unsigned line)
{
	struct nvb_cdi_node *node = nvb_arena_alloc(arena, sizeof(*node));

	if (node) {
		node->type = type;
		node->line = line;
		node->weight = 1;
	}
	return node;
}

bool nvb_cdi_node_append(struct nvb_arena *arena, struct nvb_cdi_node *parent, const char *key, unsigned line,
	struct nvb_cdi_node *child)
{
	struct nvb_cdi_item *item = nvb_arena_alloc(arena, sizeof(*item));

	if (!item)
		return false;
	*item = (struct nvb_cdi_item){.key = key, .line = line, .node = child};
	if (parent->last)
		parent->last->next = item;
	else
		parent->first = item;
	parent->last = item;
	/* An alias stands where its anchor stood first: that is where the text to mend is. */
	if (!child->parent) {
		child->parent = parent;
		child->key = key;
		child->index = parent->count;
	}
	parent->count++;
	return true;
}

const struct nvb_cdi_node *nvb_cdi_node_get(const struct nvb_cdi_node *map, const char *key)
{
	if (!map || map->type != NVB_CDI_MAP)
		return NULL;
	for (const struct nvb_cdi_item *item = map->first; item; item = item->next)
		if (nvb_streq(item->key, key))
			return item->node;
	return NULL;
}

const struct nvb_cdi_node *nvb_cdi_node_at(const struct nvb_cdi_node *list, size_t i)
{
	const struct nvb_cdi_item *item;

	if (!list || list->type != NVB_CDI_LIST)
		return NULL;
	for (item = list->first; item && i; item = item->next)
		i--;
	return item ? item->node : NULL;
}

static bool is_word(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

const char *nvb_cdi_node_path(struct nvb_arena *arena, const struct nvb_cdi_node *node)
{
	const struct nvb_cdi_node *way[NVB_CDI_DEPTH + 1];
	_cleanup_strbuf_ struct nvb_strbuf path = {0};
	size_t depth = 0;

	for (; node && node->parent && depth < NVB_ELEMENTS(way); node = node->parent)
		way[depth++] = node;
	nvb_sb_add(&path, "");
	while (depth--) {
		if (!way[depth]->key) {
			nvb_sb_addf(&path, "[%zu]", way[depth]->index);
		} else if (is_word(way[depth]->key)) {
			nvb_sb_add(&path, path.len ? "." : "");
			nvb_sb_add(&path, way[depth]->key);
		} else {
			nvb_sb_addc(&path, '[');
			nvb_sb_add_json(&path, way[depth]->key);
			nvb_sb_addc(&path, ']');
		}
	}
	return path.failed ? NULL : nvb_arena_strdup(arena, path.s);
}

const char *nvb_cdi_type_name(enum nvb_cdi_type type)
{
	static const char *const names[] = {
		[NVB_CDI_NULL] = "null",
		[NVB_CDI_BOOL] = "true or false",
		[NVB_CDI_NUMBER] = "a number",
		[NVB_CDI_STRING] = "a string",
		[NVB_CDI_LIST] = "a list",
		[NVB_CDI_MAP] = "a map",
	};

	return names[type];
}
