/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/jscan.h"
#include "capsule/definition_table.h"

/* A definition read from JSON. */

typedef struct nvb_capsule_definition definition;

#define PLACE(d, field, type) (*(type *)((char *)(d) + (field)->offset))

static int read_text(struct nvb_jscan *js, char **out, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(js, NVB_JSON_STRING, &value, err);

	if (rc < 0)
		return rc;
	*out = nvb_json_strdup(&value);
	return *out ? 0 : nvb_fail_oom(err);
}

static int read_one_text(
	definition *d, const struct nvb_definition_field *field, struct nvb_jscan *js, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	const char *kept;
	int rc = read_text(js, &text, err);

	if (rc < 0)
		return rc;
	if (field->add)
		return field->add(d, text, err);
	kept = nvb_arena_strdup(&d->spec.arena, text);
	if (!kept)
		return nvb_fail_oom(err);
	PLACE(d, field, const char *) = kept;
	return 0;
}

static int add_text(
	definition *d, const struct nvb_definition_field *field, const char *text, nvb_error **err)
{
	if (field->kind == NVB_FIELD_SET)
		return nvb_spec_add_capability(&PLACE(d, field, uint64_t), text, err);
	if (field->add)
		return field->add(d, text, err);
	return nvb_strv_add(&PLACE(d, field, char **), text) ? 0 : nvb_fail_oom(err);
}

static int read_array(
	definition *d, const struct nvb_definition_field *field, struct nvb_jscan *js, nvb_error **err)
{
	int rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err), more;

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) != 0) {
		_cleanup_free_ char *text = NULL;

		rc = more < 0 ? more : read_text(js, &text, err);
		if (rc == 0)
			rc = add_text(d, field, text, err);
	}
	return rc;
}

/* Collected first: the arena's vector has one size. */
static int read_words(
	definition *d, const struct nvb_definition_field *field, struct nvb_jscan *js, nvb_error **err)
{
	_cleanup_strv_ char **words = NULL;
	size_t count;
	char **copy;
	int rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err), more;

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) != 0) {
		_cleanup_free_ char *text = NULL;

		rc = more < 0 ? more : read_text(js, &text, err);
		if (rc == 0 && !nvb_strv_add(&words, text))
			rc = nvb_fail_oom(err);
	}
	if (rc < 0)
		return rc;
	count = nvb_strv_length(words);
	copy = nvb_arena_alloc(&d->spec.arena, (count + 1) * sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++)
		if (!(copy[i] = nvb_arena_strdup(&d->spec.arena, words[i])))
			copy = NULL;
	if (!copy)
		return nvb_fail_oom(err);
	PLACE(d, field, char *const *) = copy;
	return 0;
}

static int read_number(
	definition *d, const struct nvb_definition_field *field, struct nvb_jscan *js, nvb_error **err)
{
	struct nvb_json value;
	uint64_t number;
	int rc = nvb_jscan_expect(js, NVB_JSON_NUMBER, &value, err);

	if (rc < 0)
		return rc;
	if (!nvb_json_u64(&value, &number) || (field->kind == NVB_FIELD_NUMBER32 && number > UINT32_MAX) ||
		(field->most && number > field->most))
		return nvb_jscan_fail(js, js->at, err, "not a whole number in range");
	if (field->kind == NVB_FIELD_NUMBER32)
		PLACE(d, field, uint32_t) = (uint32_t)number;
	else
		PLACE(d, field, uint64_t) = number;
	return 0;
}

static int read_choice(
	definition *d, const struct nvb_definition_field *field, struct nvb_jscan *js, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int rc = read_text(js, &text, err), value;

	if (rc == 0)
		rc = nvb_choice_parse(field->choices, text, field->key, &value, err);
	if (rc == 0)
		PLACE(d, field, int) = value;
	return rc;
}

static int read_flag(
	definition *d, const struct nvb_definition_field *field, struct nvb_jscan *js, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(js, NVB_JSON_BOOL, &value, err);

	if (rc == 0)
		PLACE(d, field, bool) = *value.text == 't';
	return rc;
}

static int read_value(
	definition *d, const struct nvb_definition_field *field, struct nvb_jscan *js, nvb_error **err)
{
	enum nvb_json_type type;
	struct nvb_json null;
	int rc = nvb_jscan_peek(js, &type, err);

	if (rc < 0)
		return rc;
	if (type == NVB_JSON_NULL && field->kind == NVB_FIELD_TEXT)
		return nvb_jscan_value(js, &null, err);
	switch (field->kind) {
	case NVB_FIELD_TEXT:
	case NVB_FIELD_ITEM:
		return read_one_text(d, field, js, err);
	case NVB_FIELD_WORDS:
		return read_words(d, field, js, err);
	case NVB_FIELD_TEXTS:
	case NVB_FIELD_SET:
	case NVB_FIELD_ITEMS:
		return read_array(d, field, js, err);
	case NVB_FIELD_NUMBER:
	case NVB_FIELD_NUMBER32:
		return read_number(d, field, js, err);
	case NVB_FIELD_CHOICE:
		return read_choice(d, field, js, err);
	case NVB_FIELD_FLAG:
		break;
	}
	return read_flag(d, field, js, err);
}

static int read_version(struct nvb_jscan *js, nvb_error **err)
{
	struct nvb_json value;
	uint64_t version;
	int rc = nvb_jscan_expect(js, NVB_JSON_NUMBER, &value, err);

	if (rc < 0)
		return rc;
	if (nvb_json_u64(&value, &version) && version == NVB_DEFINITION_VERSION)
		return 0;
	return nvb_hint(err, nvb_jscan_fail(js, js->at, err, "a version this bolt does not know"),
		"the capsule was made by a newer bolt");
}

int nvb_definition_read(definition *d, const char *text, size_t size, nvb_error **err)
{
	const size_t none = nvb_definition_field_count;
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json key;
	int rc, more;

	nvb_jscan_begin(&js, text, size);
	rc = nvb_jscan_enter(&js, NVB_JSON_OBJECT, err);
	while (rc == 0 && (more = nvb_jscan_next(&js, &key, err)) != 0) {
		size_t i = 0;

		if (more < 0)
			return more;
		if (nvb_json_equals(&key, "version", strlen("version"))) {
			rc = read_version(&js, err);
			continue;
		}
		while (i < none && !nvb_json_equals(&key, nvb_definition_fields[i].key,
					   strlen(nvb_definition_fields[i].key)))
			i++;
		if (i == none)
			return nvb_jscan_fail(&js, js.at, err, "there is no such field");
		rc = read_value(d, &nvb_definition_fields[i], &js, err);
		if (rc < 0)
			return nvb_wrap(err, rc, "%s", nvb_definition_fields[i].key);
	}
	return rc < 0 ? rc : nvb_jscan_end(&js, err);
}
