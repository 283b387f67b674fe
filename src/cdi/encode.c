/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/emit.h"
#include "cdi/write.h"

/* From the model to text, driven by the table of fields: what is given is written, in the table's order. */

static void encode_object(
	struct nvb_emit *emit, const struct nvb_cdi_class *class, const struct nvb_cdi_object *object);

static void encode_map(struct nvb_emit *emit, const struct nvb_cdi_array *array)
{
	const struct nvb_cdi_pair *pairs = array->items;

	nvb_emit_map(emit);
	for (size_t i = 0; i < array->count; i++) {
		nvb_emit_key(emit, pairs[i].key);
		nvb_emit_string(emit, pairs[i].value);
	}
	nvb_emit_end(emit);
}

static void encode_array(
	struct nvb_emit *emit, const struct nvb_cdi_field *field, const struct nvb_cdi_array *array)
{
	nvb_emit_list(emit);
	for (size_t i = 0; i < array->count; i++) {
		if (field->kind == NVB_CDI_FIELD_STRINGS)
			nvb_emit_string(emit, ((char **)array->items)[i]);
		else if (field->kind == NVB_CDI_FIELD_U32S)
			nvb_emit_integer(emit, ((uint32_t *)array->items)[i]);
		else
			encode_object(emit, field->object,
				(void *)((char *)array->items + i * field->object->size));
	}
	nvb_emit_end(emit);
}

static void encode_field(
	struct nvb_emit *emit, const struct nvb_cdi_field *field, const struct nvb_cdi_object *object)
{
	const void *p = nvb_cdi_field_at(object, field);

	nvb_emit_key(emit, field->name);
	switch (field->kind) {
	case NVB_CDI_FIELD_STRING:
		nvb_emit_string(emit, *(const char *const *)p);
		break;
	case NVB_CDI_FIELD_BOOL:
		nvb_emit_bool(emit, *(const bool *)p);
		break;
	case NVB_CDI_FIELD_I64:
		nvb_emit_integer(emit, *(const int64_t *)p);
		break;
	case NVB_CDI_FIELD_U32:
		nvb_emit_integer(emit, *(const uint32_t *)p);
		break;
	case NVB_CDI_FIELD_MAP:
		encode_map(emit, p);
		break;
	case NVB_CDI_FIELD_OBJECT:
		encode_object(emit, field->object, *(const struct nvb_cdi_object *const *)p);
		break;
	case NVB_CDI_FIELD_STRINGS:
	case NVB_CDI_FIELD_U32S:
	case NVB_CDI_FIELD_OBJECTS:
		encode_array(emit, field, p);
		break;
	}
}

static void encode_object(
	struct nvb_emit *emit, const struct nvb_cdi_class *class, const struct nvb_cdi_object *object)
{
	nvb_emit_map(emit);
	for (size_t i = 0; i < class->field_count; i++)
		if (nvb_cdi_given(object, (unsigned)i))
			encode_field(emit, &class->fields[i], object);
	nvb_emit_end(emit);
}

int nvb_cdi_encode(const struct nvb_cdi_spec *spec, enum nvb_cdi_format format, char **text, size_t *size,
	nvb_error **err)
{
	struct nvb_emit emit = {.format = format};
	size_t length;
	char *out;

	encode_object(&emit, &nvb_cdi_spec_class, &spec->object);
	length = emit.out.len;
	if (emit.not_utf8) {
		nvb_sb_release(&emit.out);
		return nvb_fail(
			err, NVB_ERR_INVALID, "%s: not UTF-8, so no CDI spec can name it", emit.not_utf8);
	}
	out = nvb_sb_finish(&emit.out);
	if (!out)
		return nvb_fail_oom(err);
	*text = out;
	if (size)
		*size = length;
	return 0;
}
