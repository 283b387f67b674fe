/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/asked.h"

#include "base/jscan.h"
#include "base/str.h"

struct reader {
	struct nvb_jscan js;
	const struct nvb_asked_rules *rules;
	struct nvb_asked *asked;
};

typedef int (*value_reader)(struct reader *reader, nvb_error **err);

/* A member that leads on: its key and who reads its value. */
struct member {
	const char *name;
	value_reader read;
};

enum {
	MOST_MEMBERS = 4,
	MOST_VARIABLES =
		1024, /* of those that are kept; images have some ten, and each is looked for by name */
};

/* Go reads a null as what is not there. 1: it was one. */
static int skip_null(struct reader *reader, nvb_error **err)
{
	enum nvb_json_type type;
	struct nvb_json value;
	int rc = nvb_jscan_peek(&reader->js, &type, err);

	if (rc < 0 || type != NVB_JSON_NULL)
		return rc;
	rc = nvb_jscan_value(&reader->js, &value, err);
	return rc < 0 ? rc : 1;
}

static int read_object(struct reader *reader, const struct member *members, nvb_error **err)
{
	const char *names[MOST_MEMBERS + 1] = {NULL};
	struct nvb_json key, other;
	int which, more, rc = skip_null(reader, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	for (size_t i = 0; members[i].name; i++)
		names[i] = members[i].name;
	rc = nvb_jscan_enter(&reader->js, NVB_JSON_OBJECT, err);
	while (rc == 0 && (more = nvb_jscan_next(&reader->js, &key, err)) != 0) {
		if (more < 0)
			return more;
		rc = nvb_jscan_match(&reader->js, &key, names, &which, err);
		if (rc == 0)
			rc = which < 0 ? nvb_jscan_value(&reader->js, &other, err)
				       : members[which].read(reader, err);
	}
	return rc;
}

static int read_array(struct reader *reader, value_reader read, nvb_error **err)
{
	int more, rc = skip_null(reader, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = nvb_jscan_enter(&reader->js, NVB_JSON_ARRAY, err);
	while (rc == 0 && (more = nvb_jscan_next(&reader->js, NULL, err)) != 0)
		rc = more < 0 ? more : read(reader, err);
	return rc;
}

/* A string decoded into the arena. */
static const char *keep(struct reader *reader, const struct nvb_json *string)
{
	_cleanup_free_ char *decoded = NULL;

	if (!string->escaped)
		return nvb_arena_strndup(&reader->asked->arena, string->text, string->size);
	decoded = nvb_json_strdup(string);
	return decoded ? nvb_arena_strdup(&reader->asked->arena, decoded) : NULL;
}

static int read_variable(struct reader *reader, nvb_error **err)
{
	struct nvb_asked *asked = reader->asked;
	struct nvb_json value;
	const char *text, *equals;
	int rc = nvb_jscan_expect(&reader->js, NVB_JSON_STRING, &value, err);

	if (rc < 0)
		return rc;
	equals = memchr(value.text, '=', value.size);
	/* Escapes could hide a name; there are next to none, so all of those are decoded. */
	if (!value.escaped && (!equals || !nvb_asked_wants_variable(
						  reader->rules, value.text, (size_t)(equals - value.text))))
		return 0;
	text = keep(reader, &value);
	if (!text)
		return nvb_fail_oom(err);
	equals = strchr(text, '=');
	if (!equals || !nvb_asked_wants_variable(reader->rules, text, (size_t)(equals - text)))
		return 0;
	if (asked->environment_count == MOST_VARIABLES)
		return nvb_fail(err, NVB_ERR_INVALID,
			"process.env has more than %d variables that ask for GPUs", MOST_VARIABLES);
	if (!NVB_GROW(asked->environment, asked->environment_count, asked->environment_capacity))
		return nvb_fail_oom(err);
	asked->environment[asked->environment_count].name =
		nvb_arena_strndup(&asked->arena, text, (size_t)(equals - text));
	if (!asked->environment[asked->environment_count].name)
		return nvb_fail_oom(err);
	asked->environment[asked->environment_count++].value = equals + 1;
	return 0;
}

static int read_environment(struct reader *reader, nvb_error **err)
{
	return read_array(reader, read_variable, err);
}

static int read_capability(struct reader *reader, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(&reader->js, NVB_JSON_STRING, &value, err);

	if (rc == 0 && nvb_json_equals(&value, "CAP_SYS_ADMIN", strlen("CAP_SYS_ADMIN")))
		reader->asked->privileged = true;
	return rc;
}

/* The bounding set: what a container started with --privileged has whichever user it runs as. */
static int read_bounding(struct reader *reader, nvb_error **err)
{
	return read_array(reader, read_capability, err);
}

static int read_capabilities(struct reader *reader, nvb_error **err)
{
	static const struct member members[] = {{"bounding", read_bounding}, {NULL, NULL}};

	return read_object(reader, members, err);
}

static int read_process(struct reader *reader, nvb_error **err)
{
	static const struct member members[] = {
		{"env", read_environment}, {"capabilities", read_capabilities}, {NULL, NULL}};

	return read_object(reader, members, err);
}

/* "/var/run//nvidia-container-devices/./0/" as it is meant: in place; false for what leads elsewhere by "..".
 */
static bool clean(char *path)
{
	char *to = path;

	for (char *from = path; *from;) {
		size_t n = strcspn(from, "/");

		if (n == 2 && memcmp(from, "..", 2) == 0)
			return false;
		if (n && !(n == 1 && *from == '.')) {
			*to++ = '/';
			memmove(to, from, n);
			to += n;
		}
		from += n + (from[n] == '/');
	}
	*to = '\0';
	return true;
}

static int add_mount(struct reader *reader, const struct nvb_json *destination, nvb_error **err)
{
	struct nvb_asked *asked = reader->asked;
	_cleanup_free_ char *path = nvb_json_strdup(destination);
	_cleanup_free_ char *absolute = NULL;
	const char *device;

	/* clean() writes no more than it reads behind a leading slash. */
	if (!path || asprintf(&absolute, "/%s", path) < 0)
		return nvb_fail_oom(err);
	device = clean(absolute) ? nvb_after(absolute, NVB_DEVICE_MOUNTS) : NULL;
	if (!device || !*device)
		return 0;
	for (size_t i = 0; i < asked->mount_count; i++)
		if (nvb_streq(asked->mounts[i], device))
			return 0;
	if (!NVB_GROW(asked->mounts, asked->mount_count, asked->mount_capacity))
		return nvb_fail_oom(err);
	asked->mounts[asked->mount_count] = nvb_arena_strdup(&asked->arena, device);
	return asked->mounts[asked->mount_count++] ? 0 : nvb_fail_oom(err);
}

static int want_string(struct reader *reader, const struct nvb_json *value, const char *name, nvb_error **err)
{
	if (value->type == NVB_JSON_STRING || value->type == NVB_JSON_NULL)
		return 0;
	return nvb_jscan_fail(&reader->js, (size_t)(value->text - reader->js.text), err,
		"%s must be string, is %s", name, nvb_json_type_name(value->type));
}

static int read_mount(struct reader *reader, nvb_error **err)
{
	static const char *const names[] = {"source", "destination", NULL};
	struct nvb_json fields[2] = {{.type = NVB_JSON_NULL}, {.type = NVB_JSON_NULL}}, key, other;
	int which, more, rc = nvb_jscan_enter(&reader->js, NVB_JSON_OBJECT, err);

	while (rc == 0 && (more = nvb_jscan_next(&reader->js, &key, err)) != 0) {
		if (more < 0)
			return more;
		rc = nvb_jscan_match(&reader->js, &key, names, &which, err);
		if (rc == 0)
			rc = nvb_jscan_value(&reader->js, which < 0 ? &other : &fields[which], err);
	}
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(fields); i++)
		rc = want_string(reader, &fields[i], names[i], err);
	if (rc < 0 || fields[0].type == NVB_JSON_NULL || fields[1].type == NVB_JSON_NULL ||
		!nvb_json_equals(&fields[0], "/dev/null", strlen("/dev/null")))
		return rc;
	return add_mount(reader, &fields[1], err);
}

static int read_mounts(struct reader *reader, nvb_error **err)
{
	return read_array(reader, read_mount, err);
}

static int add_annotation(
	struct reader *reader, const char *name, const struct nvb_json *value, nvb_error **err)
{
	struct nvb_asked *asked = reader->asked;

	if (!NVB_GROW(asked->annotations, asked->annotation_count, asked->annotation_capacity))
		return nvb_fail_oom(err);
	asked->annotations[asked->annotation_count].name = name;
	asked->annotations[asked->annotation_count].value = keep(reader, value);
	return asked->annotations[asked->annotation_count++].value ? 0 : nvb_fail_oom(err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct nvb_pair *)a)->name, ((const struct nvb_pair *)b)->name);
}

/* Their names are data, not keys of ours: no two of them are mixed up. */
static int read_annotations(struct reader *reader, nvb_error **err)
{
	struct nvb_asked *asked = reader->asked;
	struct nvb_json key, value;
	int more, rc = skip_null(reader, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = nvb_jscan_enter(&reader->js, NVB_JSON_OBJECT, err);
	while (rc == 0 && (more = nvb_jscan_next(&reader->js, &key, err)) != 0) {
		const char *name;

		if (more < 0)
			return more;
		rc = nvb_jscan_value(&reader->js, &value, err);
		if (rc < 0 || value.type != NVB_JSON_STRING)
			continue;
		name = keep(reader, &key);
		if (!name)
			rc = nvb_fail_oom(err);
		else if (nvb_asked_wants_annotation(reader->rules, name))
			rc = add_annotation(reader, name, &value, err);
	}
	if (rc == 0 && asked->annotation_count)
		qsort(asked->annotations, asked->annotation_count, sizeof(*asked->annotations), by_name);
	return rc;
}

int nvb_oci_asked(const char *config, size_t size, const struct nvb_asked_rules *rules,
	struct nvb_asked *asked, nvb_error **err)
{
	static const struct member members[] = {{"process", read_process}, {"mounts", read_mounts},
		{"annotations", read_annotations}, {NULL, NULL}};
	struct reader reader = {.rules = rules, .asked = asked};
	int rc;

	nvb_jscan_begin(&reader.js, config, size);
	rc = read_object(&reader, members, err);
	if (rc == 0)
		rc = nvb_jscan_end(&reader.js, err);
	nvb_jscan_release(&reader.js);
	return rc;
}
