/* SPDX-License-Identifier: Apache-2.0 */
#include <json.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/mem.h"
#include "capsule/sandbox.h"
#include "capsule/seccomp.h"

/* A seccomp profile in docker's form, brought into the OCI specification's: rules that do not hold for these
 * capabilities, this architecture and this kernel are dropped, what is left loses its conditions. */

struct conversion {
	struct nvb_strbuf *out;
	const char *name; /* of the file */
	uint64_t capabilities;
	nvb_error **err;
};

static void put_json(json_object **object)
{
	json_object_put(*object);
}
#define _cleanup_json_ __attribute__((cleanup(put_json)))

static int wrong(const struct conversion *c, const char *what)
{
	return nvb_fail(c->err, NVB_ERR_INVALID, "%s: %s", c->name, what);
}

static json_object *get(json_object *object, const char *key)
{
	json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static const char *get_string(json_object *object, const char *key)
{
	json_object *value = get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* Go's names of this machine, which docker's conditions use. */
static bool is_own_architecture(const char *name)
{
#if defined(__x86_64__)
	return strcmp(name, "amd64") == 0 || strcmp(name, "x32") == 0;
#elif defined(__aarch64__)
	return strcmp(name, "arm64") == 0;
#elif defined(__riscv)
	return strcmp(name, "riscv64") == 0;
#else
	return strcmp(name, "ppc64le") == 0;
#endif
}

static bool has_capability(const struct conversion *c, const char *name)
{
	int number = nvb_capability_number(name);

	return number >= 0 && c->capabilities >> number & 1;
}

/* "4.8" or newer. */
static bool kernel_is_at_least(const char *wanted)
{
	int major = 0, minor = 0, own_major = 0, own_minor = 0;
	struct utsname name;

	if (sscanf(wanted, "%d.%d", &major, &minor) != 2 || uname(&name) < 0 ||
		sscanf(name.release, "%d.%d", &own_major, &own_minor) != 2)
		return false;
	return own_major > major || (own_major == major && own_minor >= minor);
}

/* How many of an array's names `has` says yes to; *count gets their number. */
static size_t count_held(json_object *array, const struct conversion *c,
	bool (*has)(const struct conversion *, const char *), size_t *count)
{
	size_t held = 0;

	*count = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
	for (size_t i = 0; i < *count; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(array, i));

		held += name && has(c, name);
	}
	return held;
}

static bool architecture_matches(const struct conversion *c, const char *name)
{
	(void)c;
	return is_own_architecture(name);
}

static bool rule_holds(const struct conversion *c, json_object *rule)
{
	json_object *includes = get(rule, "includes"), *excludes = get(rule, "excludes");
	const char *kernel;
	size_t count;

	/* All capabilities and any of the architectures must be there; none of the excluded ones may be. */
	if (count_held(get(includes, "caps"), c, has_capability, &count) < count)
		return false;
	if (count_held(get(includes, "arches"), c, architecture_matches, &count) == 0 && count)
		return false;
	kernel = get_string(includes, "minKernel");
	if (kernel && !kernel_is_at_least(kernel))
		return false;
	if (count_held(get(excludes, "caps"), c, has_capability, &count) ||
		count_held(get(excludes, "arches"), c, architecture_matches, &count))
		return false;
	kernel = get_string(excludes, "minKernel");
	return !kernel || !kernel_is_at_least(kernel);
}

static void add_value(struct conversion *c, const char *key, json_object *value)
{
	nvb_sb_addf(c->out, ",\"%s\":%s", key, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
}

static int add_rule(struct conversion *c, json_object *rule, bool *first)
{
	json_object *names = get(rule, "names"), *optional;
	const char *name = get_string(rule, "name"), *action = get_string(rule, "action");

	if (!json_object_is_type(rule, json_type_object) || !action ||
		(!name && !json_object_is_type(names, json_type_array)))
		return wrong(c, "a rule in 'syscalls' needs 'names' and an 'action'");
	if (!rule_holds(c, rule))
		return 0;
	nvb_sb_addf(c->out, "%s{\"action\":", *first ? "" : ",");
	*first = false;
	nvb_sb_add_json(c->out, action);
	if (json_object_is_type(names, json_type_array)) {
		add_value(c, "names", names);
	} else {
		nvb_sb_add(c->out, ",\"names\":[");
		nvb_sb_add_json(c->out, name);
		nvb_sb_addc(c->out, ']');
	}
	optional = get(rule, "args");
	if (json_object_is_type(optional, json_type_array) && json_object_array_length(optional))
		add_value(c, "args", optional);
	optional = get(rule, "errnoRet");
	if (json_object_is_type(optional, json_type_int))
		add_value(c, "errnoRet", optional);
	nvb_sb_addc(c->out, '}');
	return 0;
}

/* This machine's entry of docker's archMap, with the architectures it can also run. */
static void add_architectures(struct conversion *c, json_object *profile)
{
	json_object *plain = get(profile, "architectures"), *map = get(profile, "archMap");

	if (json_object_is_type(plain, json_type_array)) {
		add_value(c, "architectures", plain);
		return;
	}
	for (size_t i = 0; json_object_is_type(map, json_type_array) && i < json_object_array_length(map);
		i++) {
		json_object *entry = json_object_array_get_idx(map, i),
			    *others = get(entry, "subArchitectures");
		const char *own = get_string(entry, "architecture");

		if (!own || strcmp(own, nvb_seccomp_native()) != 0)
			continue;
		nvb_sb_addf(c->out, ",\"architectures\":[\"%s\"", own);
		for (size_t j = 0;
			json_object_is_type(others, json_type_array) && j < json_object_array_length(others);
			j++) {
			const char *name = json_object_get_string(json_object_array_get_idx(others, j));

			nvb_sb_addc(c->out, ',');
			nvb_sb_add_json(c->out, name ? name : "");
		}
		nvb_sb_addc(c->out, ']');
	}
}

int nvb_seccomp_file(struct nvb_strbuf *out, const char *json, size_t size, const char *name,
	uint64_t capabilities, nvb_error **err)
{
	struct conversion c = {.out = out, .name = name, .capabilities = capabilities, .err = err};
	json_tokener *tokener = size <= INT32_MAX ? json_tokener_new() : NULL;
	_cleanup_json_ json_object *profile =
		tokener ? json_tokener_parse_ex(tokener, json, (int)size) : NULL;
	json_object *rules, *errno_value;
	const char *action;
	bool first = true;
	int rc = 0;

	json_tokener_free(tokener);
	if (!json_object_is_type(profile, json_type_object))
		return wrong(&c, "not a JSON object");
	action = get_string(profile, "defaultAction");
	rules = get(profile, "syscalls");
	if (!action)
		return wrong(&c, "there is no 'defaultAction'");
	nvb_sb_add(out, "{\"defaultAction\":");
	nvb_sb_add_json(out, action);
	errno_value = get(profile, "defaultErrnoRet");
	if (json_object_is_type(errno_value, json_type_int))
		add_value(&c, "defaultErrnoRet", errno_value);
	add_architectures(&c, profile);
	nvb_sb_add(out, ",\"syscalls\":[");
	if (rules && !json_object_is_type(rules, json_type_array))
		return wrong(&c, "'syscalls' is not an array");
	for (size_t i = 0; rc == 0 && rules && i < json_object_array_length(rules); i++)
		rc = add_rule(&c, json_object_array_get_idx(rules, i), &first);
	nvb_sb_add(out, "]}");
	return rc < 0 ? rc : out->failed ? nvb_fail_oom(err) : 0;
}
