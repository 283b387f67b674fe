/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cdi/read.h"

/* From the document to the model, driven by the table of fields. */

#define FIELDS_MAX 16 /* of one object: enough for the nearest name */

struct decoder {
	struct nvb_cdi_spec *spec;
	struct nvb_cdi_report *report;
	bool no_memory;
};

static void wrong_type(struct decoder *d, const struct nvb_cdi_node *node, const char *wanted)
{
	nvb_cdi_report_add(d->report, d->spec->file, node, NULL, NVB_CDI_RULE_TYPE, "must be %s, not %s",
		wanted, nvb_cdi_type_name(node->type));
	if (node->type == NVB_CDI_NULL)
		nvb_cdi_report_hint(d->report, "leave the field out when it has no value");
}

static void *allocate(struct decoder *d, size_t count, size_t size)
{
	void *p = nvb_arena_alloc(&d->spec->arena, count * size + 1);

	if (!p)
		d->no_memory = true;
	return p;
}

/* A YAML scalar without quotes is taken as it is written: every reader does (see node.h). */
static const char *decode_string(struct decoder *d, const struct nvb_cdi_node *node)
{
	if (node->type == NVB_CDI_STRING || (node->plain && node->type != NVB_CDI_NULL))
		return node->text;
	wrong_type(d, node, "a string");
	return NULL;
}

/* Decimal, and YAML's 0x, 0o, 0b and leading 0 where the scalar is YAML's. */
static bool parse_integer(const struct nvb_cdi_node *node, int64_t *out)
{
	const char *s = node->text;
	bool negative = *s == '-';
	uint64_t magnitude;
	unsigned base = 10;

	s += negative || (node->plain && *s == '+');
	if (node->plain && s[0] == '0' && s[1]) {
		base = s[1] == 'x' ? 16 : s[1] == 'b' ? 2 : 8;
		s += 1 + (s[1] == 'x' || s[1] == 'b' || s[1] == 'o');
	}
	if (!nvb_parse_u64_base(s, base, &magnitude))
		return false;
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return true;
}

static bool decode_integer(
	struct decoder *d, const struct nvb_cdi_node *node, int64_t min, int64_t max, int64_t *out)
{
	int64_t value;

	if (node->type != NVB_CDI_NUMBER) {
		wrong_type(d, node, "a whole number");
		return false;
	}
	if (!parse_integer(node, &value) || value < min || value > max) {
		nvb_cdi_report_add(d->report, d->spec->file, node, NULL, NVB_CDI_RULE_RANGE,
			"must be a whole number from %lld to %lld, not %.40s", (long long)min, (long long)max,
			node->text);
		return false;
	}
	*out = value;
	return true;
}

static bool decode_bool(struct decoder *d, const struct nvb_cdi_node *node, bool *out)
{
	if (node->type != NVB_CDI_BOOL) {
		wrong_type(d, node, "true or false");
		return false;
	}
	/* true, True, TRUE, yes, on; false, no, off. */
	*out = strchr("tTyY", node->text[0]) ||
	       ((node->text[0] | 0x20) == 'o' && (node->text[1] | 0x20) == 'n');
	return true;
}

static bool decode_strings(struct decoder *d, const struct nvb_cdi_node *node, struct nvb_cdi_array *array)
{
	const char **strings;

	if (node->type != NVB_CDI_LIST) {
		wrong_type(d, node, "a list of strings");
		return false;
	}
	strings = allocate(d, node->count, sizeof(*strings));
	if (!strings)
		return false;
	array->items = strings;
	for (const struct nvb_cdi_item *item = node->first; item; item = item->next) {
		const char *s = decode_string(d, item->node);

		/* A wrong element keeps its place, so that later messages name the right ones. */
		strings[array->count++] = s ? s : "";
	}
	return true;
}

static bool decode_u32s(struct decoder *d, const struct nvb_cdi_node *node, struct nvb_cdi_array *array)
{
	uint32_t *numbers;

	if (node->type != NVB_CDI_LIST) {
		wrong_type(d, node, "a list of numbers");
		return false;
	}
	numbers = allocate(d, node->count, sizeof(*numbers));
	if (!numbers)
		return false;
	array->items = numbers;
	for (const struct nvb_cdi_item *item = node->first; item; item = item->next) {
		int64_t value = 0;

		decode_integer(d, item->node, 0, UINT32_MAX, &value);
		numbers[array->count++] = (uint32_t)value;
	}
	return true;
}

static bool decode_map(struct decoder *d, const struct nvb_cdi_node *node, struct nvb_cdi_array *array)
{
	struct nvb_cdi_pair *pairs;

	if (node->type != NVB_CDI_MAP) {
		wrong_type(d, node, "a map of strings");
		return false;
	}
	pairs = allocate(d, node->count, sizeof(*pairs));
	if (!pairs)
		return false;
	array->items = pairs;
	for (const struct nvb_cdi_item *item = node->first; item; item = item->next) {
		const char *value = decode_string(d, item->node);

		pairs[array->count++] = (struct nvb_cdi_pair){item->key, value ? value : ""};
	}
	return true;
}

static bool decode_object(struct decoder *d, const struct nvb_cdi_class *class,
	const struct nvb_cdi_node *node, struct nvb_cdi_object *object);

static bool decode_objects(struct decoder *d, const struct nvb_cdi_class *class,
	const struct nvb_cdi_node *node, struct nvb_cdi_array *array)
{
	if (node->type != NVB_CDI_LIST) {
		wrong_type(d, node, "a list");
		return false;
	}
	array->items = allocate(d, node->count, class->size);
	if (!array->items)
		return false;
	for (const struct nvb_cdi_item *item = node->first; item; item = item->next) {
		struct nvb_cdi_object *object = (void *)((char *)array->items + array->count++ * class->size);

		decode_object(d, class, item->node, object);
	}
	return true;
}

static bool decode_field(struct decoder *d, const struct nvb_cdi_field *field,
	const struct nvb_cdi_node *node, struct nvb_cdi_object *object)
{
	void *p = nvb_cdi_field_at(object, field);
	int64_t number;

	switch (field->kind) {
	case NVB_CDI_FIELD_STRING:
		return (*(const char **)p = decode_string(d, node)) != NULL;
	case NVB_CDI_FIELD_STRINGS:
		return decode_strings(d, node, p);
	case NVB_CDI_FIELD_BOOL:
		return decode_bool(d, node, p);
	case NVB_CDI_FIELD_I64:
		return decode_integer(d, node, INT64_MIN, INT64_MAX, p);
	case NVB_CDI_FIELD_U32:
		if (!decode_integer(d, node, 0, UINT32_MAX, &number))
			return false;
		*(uint32_t *)p = (uint32_t)number;
		return true;
	case NVB_CDI_FIELD_U32S:
		return decode_u32s(d, node, p);
	case NVB_CDI_FIELD_MAP:
		return decode_map(d, node, p);
	case NVB_CDI_FIELD_OBJECT:
		*(void **)p = allocate(d, 1, field->object->size);
		return *(void **)p && decode_object(d, field->object, node, *(struct nvb_cdi_object **)p);
	case NVB_CDI_FIELD_OBJECTS:
		return decode_objects(d, field->object, node, p);
	}
	return false;
}

static void unknown_field(
	struct decoder *d, const struct nvb_cdi_class *class, const struct nvb_cdi_item *item)
{
	const char *names[FIELDS_MAX], *nearest;

	for (size_t i = 0; i < class->field_count; i++)
		names[i] = class->fields[i].name;
	nvb_cdi_report_add(d->report, d->spec->file, item->node, NULL, NVB_CDI_RULE_UNKNOWN,
		"%s has no field '%s'", class->name, item->key);
	if (nvb_cdi_report_full(d->report))
		return;
	nearest = nvb_nearest(item->key, names, class->field_count);
	if (nearest)
		nvb_cdi_report_hint(d->report, "did you mean '%s'?", nearest);
	else if (nvb_streq(item->key, "<<"))
		nvb_cdi_report_hint(d->report, "merge keys are not resolved: write the fields out");
}

static bool decode_object(struct decoder *d, const struct nvb_cdi_class *class,
	const struct nvb_cdi_node *node, struct nvb_cdi_object *object)
{
	uint32_t seen = 0;

	_Static_assert(NVB_CDI_NODE_GID < FIELDS_MAX, "a class with more fields");
	object->at = node;
	if (node->type != NVB_CDI_MAP) {
		wrong_type(d, node, "a map");
		return false;
	}
	for (const struct nvb_cdi_item *item = node->first; item; item = item->next) {
		size_t i = 0;

		while (i < class->field_count && !nvb_streq(item->key, class->fields[i].name))
			i++;
		if (i == class->field_count) {
			unknown_field(d, class, item);
			continue;
		}
		seen |= 1u << i;
		if (decode_field(d, &class->fields[i], item->node, object))
			object->given |= 1u << i;
	}
	for (size_t i = 0; i < class->field_count; i++)
		if (class->fields[i].required && !(seen >> i & 1u))
			nvb_cdi_report_add(d->report, d->spec->file, node, NULL, NVB_CDI_RULE_REQUIRED,
				"%s must have '%s'", class->name, class->fields[i].name);
	return true;
}

bool nvb_cdi_decode(struct nvb_cdi_spec *spec, const struct nvb_cdi_node *root, struct nvb_cdi_report *report)
{
	struct decoder d = {.spec = spec, .report = report};

	decode_object(&d, &nvb_cdi_spec_class, root, &spec->object);
	return !d.no_memory && !report->no_memory;
}
