/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/definition_table.h"
#include "capsule/sandbox.h"

/* A definition written as JSON. */

typedef struct nvb_capsule_definition definition;

#define VALUE(d, field, type) (*(type const *)((const char *)(d) + (field)->offset))

static void write_texts(const char *const *texts, struct nvb_strbuf *out)
{
	nvb_sb_addc(out, '[');
	for (size_t i = 0; texts && texts[i]; i++) {
		nvb_sb_add(out, i ? ", " : "");
		nvb_sb_add_json(out, texts[i]);
	}
	nvb_sb_addc(out, ']');
}

static void write_item(const definition *d, const struct nvb_definition_field *field, struct nvb_strbuf *out)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	field->item(d, 0, &text);
	if (text.failed)
		out->failed = true;
	else
		nvb_sb_add_json(out, text.s);
}

static void write_items(const definition *d, const struct nvb_definition_field *field, struct nvb_strbuf *out)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_addc(out, '[');
	for (size_t i = 0; field->item(d, i, &text); i++) {
		nvb_sb_add(out, i ? ", " : "");
		if (text.failed)
			out->failed = true;
		else
			nvb_sb_add_json(out, text.s);
		nvb_sb_release(&text);
	}
	nvb_sb_addc(out, ']');
}

static void write_set(uint64_t set, struct nvb_strbuf *out)
{
	bool first = true;

	nvb_sb_addc(out, '[');
	for (int i = 0; i < NVB_CAPABILITY_COUNT; i++)
		if (set >> i & 1) {
			nvb_sb_addf(out, "%s\"%s\"", first ? "" : ", ", nvb_capability_name(i));
			first = false;
		}
	nvb_sb_addc(out, ']');
}

static bool is_utf8(const char *text)
{
	return !text || nvb_utf8_valid(text, strlen(text));
}

static bool are_utf8(const char *const *texts)
{
	for (; texts && *texts; texts++)
		if (!is_utf8(*texts))
			return false;
	return true;
}

static bool items_are_utf8(const definition *d, const struct nvb_definition_field *field)
{
	for (size_t i = 0;; i++) {
		_cleanup_strbuf_ struct nvb_strbuf text = {0};

		if (!field->item(d, i, &text))
			return true;
		if (!is_utf8(text.s))
			return false;
		if (field->kind == NVB_FIELD_ITEM)
			return true;
	}
}

int nvb_definition_check_text(const definition *d, nvb_error **err)
{
	for (size_t i = 0; i < nvb_definition_field_count; i++) {
		const struct nvb_definition_field *field = &nvb_definition_fields[i];
		bool ok = true;

		if (field->kind == NVB_FIELD_TEXT)
			ok = is_utf8(VALUE(d, field, char *));
		else if (field->kind == NVB_FIELD_TEXTS || field->kind == NVB_FIELD_WORDS)
			ok = are_utf8(VALUE(d, field, const char *const *));
		else if (field->kind == NVB_FIELD_ITEM || field->kind == NVB_FIELD_ITEMS)
			ok = items_are_utf8(d, field);
		if (!ok)
			return nvb_fail(err, NVB_ERR_INVALID,
				"the capsule's '%s' is not UTF-8, and JSON, in which it is kept and handed "
				"to "
				"the OCI runtime, can carry nothing else",
				field->key);
	}
	return 0;
}

static void write_value(const definition *d, const struct nvb_definition_field *field, struct nvb_strbuf *out)
{
	const char *text;

	switch (field->kind) {
	case NVB_FIELD_TEXT:
		text = VALUE(d, field, char *);
		text ? nvb_sb_add_json(out, text) : nvb_sb_add(out, "null");
		break;
	case NVB_FIELD_TEXTS:
	case NVB_FIELD_WORDS:
		write_texts(VALUE(d, field, const char *const *), out);
		break;
	case NVB_FIELD_FLAG:
		nvb_sb_add(out, VALUE(d, field, bool) ? "true" : "false");
		break;
	case NVB_FIELD_NUMBER:
		nvb_sb_addf(out, "%llu", (unsigned long long)VALUE(d, field, uint64_t));
		break;
	case NVB_FIELD_NUMBER32:
		nvb_sb_addf(out, "%u", VALUE(d, field, uint32_t));
		break;
	case NVB_FIELD_CHOICE:
		nvb_sb_add_json(out, nvb_choice_name(field->choices, VALUE(d, field, int)));
		break;
	case NVB_FIELD_SET:
		write_set(VALUE(d, field, uint64_t), out);
		break;
	case NVB_FIELD_ITEM:
		write_item(d, field, out);
		break;
	case NVB_FIELD_ITEMS:
		write_items(d, field, out);
		break;
	}
}

void nvb_definition_write(
	const definition *d, enum nvb_definition_scope scope, unsigned indent, struct nvb_strbuf *out)
{
	definition defaults;

	nvb_capsule_definition_init(&defaults);
	nvb_sb_addf(
		out, "{\n%.*s\"version\": %d", (int)indent + 1, "\t\t\t\t\t\t\t\t", NVB_DEFINITION_VERSION);
	for (size_t i = 0; i < nvb_definition_field_count; i++) {
		_cleanup_strbuf_ struct nvb_strbuf value = {0}, other = {0};

		write_value(d, &nvb_definition_fields[i], &value);
		write_value(&defaults, &nvb_definition_fields[i], &other);
		if (value.failed || other.failed)
			out->failed = true;
		else if (scope == NVB_DEFINITION_ALL || !nvb_streq(value.s, other.s))
			nvb_sb_addf(out, ",\n%.*s\"%s\": ", (int)indent + 1, "\t\t\t\t\t\t\t\t",
				nvb_definition_fields[i].key),
				nvb_sb_add(out, value.s);
	}
	nvb_sb_addf(out, "\n%.*s}", (int)indent, "\t\t\t\t\t\t\t\t");
	nvb_capsule_definition_release(&defaults);
}
