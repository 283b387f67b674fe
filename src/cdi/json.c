/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jscan.h"
#include "base/str.h"
#include "cdi/node.h"

struct reader {
	struct nvb_jscan js;
	struct nvb_arena *arena;
	nvb_error **err;
	size_t counted; /* lines are counted as the text is read, never twice */
	unsigned line;
	size_t nodes;
	unsigned depth;
};

static unsigned line_of(struct reader *r, const char *at)
{
	size_t offset = (size_t)(at - r->js.text);

	for (; r->counted < offset; r->counted++)
		r->line += r->js.text[r->counted] == '\n';
	return r->line;
}

static const char *copy_string(struct reader *r, const struct nvb_json *string)
{
	_cleanup_free_ char *decoded = NULL;

	if (!string->escaped)
		return nvb_arena_strndup(r->arena, string->text, string->size);
	decoded = nvb_json_strdup(string);
	return decoded ? nvb_arena_strdup(r->arena, decoded) : NULL;
}

static int read_value(struct reader *r, struct nvb_cdi_node **node);

static int read_collection(struct reader *r, enum nvb_json_type type, struct nvb_cdi_node **node)
{
	struct nvb_json key;
	int more, rc;

	if (++r->depth > NVB_CDI_DEPTH)
		return nvb_jscan_fail(&r->js, r->js.at, r->err, "nested too deeply");
	rc = nvb_jscan_enter(&r->js, type, r->err);
	if (rc < 0)
		return rc;
	*node = nvb_cdi_node_new(r->arena, type == NVB_JSON_OBJECT ? NVB_CDI_MAP : NVB_CDI_LIST,
		line_of(r, r->js.text + r->js.tail - 1));
	if (!*node)
		return nvb_fail_oom(r->err);
	while ((more = nvb_jscan_next(&r->js, &key, r->err)) > 0) {
		struct nvb_cdi_node *child = NULL;
		const char *name = NULL;

		if (type == NVB_JSON_OBJECT && !(name = copy_string(r, &key)))
			return nvb_fail_oom(r->err);
		rc = read_value(r, &child);
		if (rc < 0)
			return rc;
		if (!nvb_cdi_node_append(r->arena, *node, name, child->line, child))
			return nvb_fail_oom(r->err);
	}
	r->depth--;
	return more;
}

static int read_value(struct reader *r, struct nvb_cdi_node **node)
{
	static const enum nvb_cdi_type types[] = {
		[NVB_JSON_NULL] = NVB_CDI_NULL,
		[NVB_JSON_BOOL] = NVB_CDI_BOOL,
		[NVB_JSON_NUMBER] = NVB_CDI_NUMBER,
		[NVB_JSON_STRING] = NVB_CDI_STRING,
	};
	enum nvb_json_type type;
	struct nvb_json value;
	int rc;

	if (++r->nodes > NVB_CDI_NODES)
		return nvb_jscan_fail(&r->js, r->js.at, r->err, "too many values");
	rc = nvb_jscan_peek(&r->js, &type, r->err);
	if (rc < 0)
		return rc;
	if (type == NVB_JSON_ARRAY || type == NVB_JSON_OBJECT)
		return read_collection(r, type, node);
	rc = nvb_jscan_value(&r->js, &value, r->err);
	if (rc < 0)
		return rc;
	*node = nvb_cdi_node_new(r->arena, types[type], line_of(r, value.text));
	if (!*node)
		return nvb_fail_oom(r->err);
	(*node)->text = copy_string(r, &value);
	return (*node)->text ? 0 : nvb_fail_oom(r->err);
}

int nvb_cdi_parse_json(struct nvb_arena *arena, const char *data, size_t size, const char *file,
	struct nvb_cdi_node **root, nvb_error **err)
{
	_cleanup_free_ struct reader *r = calloc(1, sizeof(*r));
	struct nvb_cdi_node *node = NULL;
	int rc;

	if (!r)
		return nvb_fail_oom(err);
	r->arena = arena;
	r->err = err;
	r->line = 1;
	nvb_jscan_begin(&r->js, data, size);
	rc = read_value(r, &node);
	if (rc == 0)
		rc = nvb_jscan_end(&r->js, err);
	nvb_jscan_release(&r->js);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s", file);
	*root = node;
	return 0;
}
