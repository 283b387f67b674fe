/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/bundle.h"

#include <string.h>

#include "base/jscan.h"
#include "base/str.h"

/* Spans of the config.json that are changed, as they come in it. */
enum { SPANS = 4 };
struct span {
	size_t at, size; /* what is taken out */
	char *text;	 /* what comes in */
};
struct work {
	const char *config;
	const struct nvb_bundle_change *change;
	struct span spans[SPANS];
	size_t count;
};

static int add_span(struct work *work, const struct nvb_json *value, bool string, char *text, nvb_error **err)
{
	size_t at = (size_t)(value->text - work->config);

	if (!text)
		return nvb_fail_oom(err);
	if (work->count == SPANS) {
		free(text);
		return nvb_fail(err, NVB_ERR_CORRUPT, "config.json: a member twice");
	}
	/* A string's span is without its quotes. */
	work->spans[work->count++] =
		(struct span){string ? at - 1 : at, value->size + (string ? 2 : 0), text};
	return 0;
}

static char *quoted(const char *s)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_add_json(&sb, s);
	return nvb_sb_finish(&sb);
}

static char *array(const char *const *list)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_addc(&sb, '[');
	for (size_t i = 0; list[i]; i++) {
		nvb_sb_add(&sb, i ? "," : "");
		nvb_sb_add_json(&sb, list[i]);
	}
	nvb_sb_addc(&sb, ']');
	return nvb_sb_finish(&sb);
}

/* What asked for GPUs before says so no more: of a variable that stands twice readers take different ones. */
static char *environment(const struct nvb_json *value)
{
	struct nvb_strbuf sb = {0};
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json word;

	nvb_sb_add(&sb, "[\"NVIDIA_VISIBLE_DEVICES=all\",\"NVIDIA_DRIVER_CAPABILITIES=compute,utility\"");
	nvb_jscan_begin(&js, value->text, value->size);
	if (nvb_jscan_enter(&js, NVB_JSON_ARRAY, NULL) == 0)
		while (nvb_jscan_next(&js, NULL, NULL) > 0 &&
			nvb_jscan_expect(&js, NVB_JSON_STRING, &word, NULL) == 0) {
			if (nvb_json_starts(
				    &word, "NVIDIA_VISIBLE_DEVICES=", strlen("NVIDIA_VISIBLE_DEVICES=")) ||
				nvb_json_starts(&word,
					"NVIDIA_DRIVER_CAPABILITIES=", strlen("NVIDIA_DRIVER_CAPABILITIES=")))
				continue;
			nvb_sb_add(&sb, ",\"");
			nvb_sb_addn(&sb, word.text, word.size);
			nvb_sb_addc(&sb, '"');
		}
	nvb_sb_addc(&sb, ']');
	return nvb_sb_finish(&sb);
}

static int take(struct work *work, struct nvb_jscan *js, const char *object, const struct nvb_json *key,
	nvb_error **err)
{
	const struct nvb_bundle_change *change = work->change;
	struct nvb_json value;
	char name[64];
	int rc = nvb_jscan_value(js, &value, err);

	if (rc < 0 || key->escaped || key->size >= sizeof(name))
		return rc;
	memcpy(name, key->text, key->size);
	name[key->size] = '\0';
	if (nvb_streq(object, "process") && nvb_streq(name, "args") && value.type == NVB_JSON_ARRAY)
		return add_span(work, &value, false, array(change->args), err);
	if (change->ask_for_gpus && nvb_streq(object, "process") && nvb_streq(name, "env") &&
		value.type == NVB_JSON_ARRAY)
		return add_span(work, &value, false, environment(&value), err);
	if (nvb_streq(object, "root") && nvb_streq(name, "path") && value.type == NVB_JSON_STRING)
		return add_span(work, &value, true, quoted(change->root), err);
	if (nvb_streq(object, "linux") && nvb_streq(name, "cgroupsPath") && value.type == NVB_JSON_STRING)
		return add_span(work, &value, true, quoted(change->cgroup), err);
	return 0;
}

static int scan(struct work *work, struct nvb_jscan *js, nvb_error **err)
{
	static const char *const objects[] = {"process", "root", "linux", NULL};
	struct nvb_json key, value;
	int more, which, rc = nvb_jscan_enter(js, NVB_JSON_OBJECT, err);

	while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) != 0) {
		rc = more < 0 ? more : nvb_jscan_match(js, &key, objects, &which, err);
		if (rc == 0 && which < 0)
			rc = nvb_jscan_value(js, &value, err);
		if (rc < 0 || which < 0)
			continue;
		rc = nvb_jscan_enter(js, NVB_JSON_OBJECT, err);
		while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) != 0)
			rc = more < 0 ? more : take(work, js, objects[which], &key, err);
	}
	return rc < 0 ? rc : nvb_jscan_end(js, err);
}

int nvb_bundle_change(const char *config, size_t size, const struct nvb_bundle_change *change, char **edited,
	nvb_error **err)
{
	struct work work = {.config = config, .change = change};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	_cleanup_jscan_ struct nvb_jscan js;
	size_t at = 0;
	char *made;
	int rc;

	nvb_jscan_begin(&js, config, size);
	rc = scan(&work, &js, err);
	for (size_t i = 0; i < work.count; i++) {
		nvb_sb_addn(&sb, config + at, work.spans[i].at - at);
		nvb_sb_add(&sb, work.spans[i].text);
		at = work.spans[i].at + work.spans[i].size;
		free(work.spans[i].text);
	}
	nvb_sb_addn(&sb, config + at, size - at);
	if (rc < 0)
		return nvb_wrap(err, rc, "config.json");
	made = nvb_sb_finish(&sb);
	if (!made)
		return nvb_fail_oom(err);
	*edited = made;
	return 0;
}
