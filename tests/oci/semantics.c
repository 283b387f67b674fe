/* SPDX-License-Identifier: Apache-2.0 */
#include "semantics.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static json_object *parse(const char *text, size_t size)
{
	json_tokener *tokener = json_tokener_new_ex(256);
	json_object *object;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)size);
	if (json_tokener_get_error(tokener) != json_tokener_success) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	return object;
}

static void put_object(json_object **object)
{
	json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(put_object)

/* "linux.resources.devices" below root, or NULL. */
static json_object *at(json_object *root, const char *path)
{
	char *copy = strdup(path), *save = NULL;

	for (char *key = strtok_r(copy, ".", &save); key && root; key = strtok_r(NULL, ".", &save))
		if (!json_object_is_type(root, json_type_object) ||
			!json_object_object_get_ex(root, key, &root))
			root = NULL;
	free(copy);
	return root;
}

static const char *string_at(json_object *object, const char *key)
{
	json_object *value = at(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static size_t length(json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static bool is_env(json_object *element, const char *name)
{
	const char *s = json_object_get_string(element), *value = nvb_after(s, name);

	return value && (*value == '=' || !*value);
}

static bool has_string(json_object *element, const char *key, const char *value)
{
	return nvb_streq0(string_at(element, key), value);
}

/* As runtimes see a path below the root: slashes, "." and ".." are resolved, and a relative one begins there.
 * `b` is clean. */
static bool same_path(const char *a, const char *b)
{
	_cleanup_strv_ char **parts = a ? nvb_strv_split(a, "/") : NULL;
	_cleanup_strbuf_ struct nvb_strbuf clean = {0};

	if (!parts)
		return false;
	nvb_sb_add(&clean, "");
	nvb_strv_foreach (part, parts) {
		if (nvb_streq(*part, ".."))
			clean.len = clean.len ? (size_t)(strrchr(clean.s, '/') - clean.s) : 0;
		else if (!nvb_streq(*part, "."))
			nvb_sb_addf(&clean, "/%s", *part);
		clean.s[clean.len] = '\0';
	}
	return nvb_streq(clean.len ? clean.s : "/", b);
}

static bool is_upper_of(const char *upper, const char *lower)
{
	while (*upper && *upper == toupper((unsigned char)*lower)) {
		upper++;
		lower++;
	}
	return !*upper && !*lower;
}

/* The elements of an array that one edit owns. */
static bool owns(const struct nvb_edit *edit, bool userns, const char *array, json_object *element)
{
	switch (edit->kind) {
	case NVB_EDIT_ENV:
		return nvb_streq(array, "process.env") && is_env(element, edit->env.name);
	case NVB_EDIT_MOUNT:
		return nvb_streq(array, "mounts") &&
		       same_path(string_at(element, "destination"), edit->mount.container);
	case NVB_EDIT_DEVICE:
		if (userns)
			return nvb_streq(array, "mounts") &&
			       same_path(string_at(element, "destination"), edit->device.container);
		return nvb_streq(array, "linux.devices") &&
		       same_path(string_at(element, "path"), edit->device.container);
	case NVB_EDIT_GID:
		return nvb_streq(array, "process.user.additionalGids") &&
		       json_object_get_int64(element) == edit->gid;
	case NVB_EDIT_RLIMIT:
		/* "memlock" is RLIMIT_MEMLOCK there. */
		return nvb_streq(array, "process.rlimits") && string_at(element, "type") &&
		       nvb_after(string_at(element, "type"), "RLIMIT_") &&
		       is_upper_of(nvb_after(string_at(element, "type"), "RLIMIT_"), edit->rlimit.name);
	case NVB_EDIT_SHM:
		return nvb_streq(array, "mounts") && same_path(string_at(element, "destination"), "/dev/shm");
	default:
		return false;
	}
}

static bool owned(const struct nvb_plan *plan, const char *hook_path, bool userns, const char *array,
	json_object *element)
{
	if (nvb_streq(array, "hooks.createContainer"))
		return has_string(element, "path", hook_path);
	for (size_t i = 0; i < plan->edit_count; i++)
		if (owns(&plan->edits[i], userns, array, element))
			return true;
	return false;
}

static const char *const arrays[] = {"process.env", "process.user.additionalGids", "process.rlimits",
	"mounts", "linux.devices", "linux.resources.devices", "hooks.createContainer"};
/* Deepest first: what an edit had to create is taken out when it is empty. */
static const char *const made[][2] = {{"process", "env"}, {"process.user", "additionalGids"},
	{"process", "user"}, {"process", "rlimits"}, {"", "mounts"}, {"linux", "devices"},
	{"linux.resources", "devices"}, {"linux", "resources"}, {"hooks", "createContainer"}, {"", "hooks"},
	{"", "linux"}};

static bool is_empty(json_object *value)
{
	return !value || (json_object_is_type(value, json_type_array) && !length(value)) ||
	       (json_object_is_type(value, json_type_object) && !json_object_object_length(value));
}

/* Takes the plan's elements out of a document, and beyond `rules` of the device rules all. */
static void take_out(
	json_object *root, const struct nvb_plan *plan, const char *hook_path, bool userns, size_t rules)
{
	for (size_t a = 0; a < NVB_ELEMENTS(arrays); a++) {
		json_object *array = at(root, arrays[a]);

		for (size_t i = length(array); i-- > 0;)
			if (nvb_streq(arrays[a], "linux.resources.devices")
					? i >= rules
					: owned(plan, hook_path, userns, arrays[a],
						  json_object_array_get_idx(array, i)))
				json_object_array_del_idx(array, i, 1);
	}
	for (size_t i = 0; i < NVB_ELEMENTS(made); i++) {
		json_object *parent = *made[i][0] ? at(root, made[i][0]) : root;
		json_object *value;

		if (parent && json_object_object_get_ex(parent, made[i][1], &value) && is_empty(value))
			json_object_object_del(parent, made[i][1]);
	}
}

static bool number_matches(json_object *rule, const char *key, uint32_t number)
{
	json_object *value = at(rule, key);
	int64_t n = value ? json_object_get_int64(value) : -1;

	return n < 0 || n > UINT32_MAX || n == number;
}

/* What the device rules, in their order, let the container do with a node. */
static bool rules_allow(json_object *root, const struct nvb_edit *edit)
{
	json_object *rules = at(root, "linux.resources.devices");
	bool read = false;

	for (size_t i = 0; i < length(rules); i++) {
		json_object *rule = json_object_array_get_idx(rules, i);
		const char *type = string_at(rule, "type"), *access = string_at(rule, "access");
		bool all = !type || !*type || nvb_streq(type, "a");

		if (!all && (strncmp(type, edit->device.type, 1) != 0 ||
				    !number_matches(rule, "major", edit->device.major) ||
				    !number_matches(rule, "minor", edit->device.minor)))
			continue;
		if (!access || !*access || strchr(access, 'r'))
			read = json_object_get_boolean(at(rule, "allow"));
	}
	return read;
}

static bool number_is(json_object *element, const char *key, uint64_t value)
{
	return json_object_get_uint64(at(element, key)) == value;
}

static bool has_size(json_object *mount, uint64_t size)
{
	json_object *options = at(mount, "options");
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "size=%llu", (unsigned long long)size);
	for (size_t i = 0; i < length(options); i++)
		if (nvb_streq(json_object_get_string(json_object_array_get_idx(options, i)), wanted))
			return true;
	return false;
}

/* Whether the plan's edit is in the document and says what it should. */
static bool holds(json_object *root, const struct nvb_edit *edit, bool userns)
{
	json_object *array = NULL, *last = NULL;

	for (size_t a = 0; a < NVB_ELEMENTS(arrays); a++) {
		array = at(root, arrays[a]);
		for (size_t i = 0; i < length(array); i++)
			if (owns(edit, userns, arrays[a], json_object_array_get_idx(array, i)))
				last = json_object_array_get_idx(array, i);
	}
	switch (edit->kind) {
	case NVB_EDIT_ENV:
		return last &&
		       nvb_streq(json_object_get_string(last) + strlen(edit->env.name) + 1, edit->env.value);
	case NVB_EDIT_MOUNT:
		return last && has_string(last, "source", edit->mount.host);
	case NVB_EDIT_DEVICE:
		if (userns)
			return last && has_string(last, "source", edit->device.host) &&
			       rules_allow(root, edit);
		return last && json_object_get_int64(at(last, "major")) == edit->device.major &&
		       json_object_get_int64(at(last, "minor")) == edit->device.minor &&
		       rules_allow(root, edit);
	case NVB_EDIT_GID:
		return last != NULL;
	case NVB_EDIT_RLIMIT:
		return last && number_is(last, "hard", edit->rlimit.value) &&
		       number_is(last, "soft", edit->rlimit.value);
	case NVB_EDIT_SHM:
		return last && has_string(last, "type", "tmpfs") && has_size(last, edit->shm);
	default:
		return true;
	}
}

static bool needs_hook(const struct nvb_plan *plan)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_LINK || plan->edits[i].kind == NVB_EDIT_LDCACHE)
			return true;
	return false;
}

static bool has_user_namespace(json_object *root)
{
	json_object *namespaces = at(root, "linux.namespaces");

	for (size_t i = 0; i < length(namespaces); i++)
		if (has_string(json_object_array_get_idx(namespaces, i), "type", "user"))
			return true;
	return false;
}

const char *oci_judge(const char *before, size_t before_size, const char *after, size_t after_size,
	const struct nvb_plan *plan, const char *hook_path, char *buffer, size_t buffer_size)
{
	_cleanup_json_ json_object *old = parse(before, before_size), *new = parse(after, after_size);
	json_object *hooks;
	bool userns = has_user_namespace(old);
	size_t rules, own = 0;

	if (!old)
		return "json-c does not take what was taken";
	if (!new)
		return "json-c does not take the result";
	for (size_t i = 0; i < plan->edit_count; i++) {
		if (holds(new, &plan->edits[i], userns))
			continue;
		snprintf(buffer, buffer_size, "edit %zu (%s) is not in force", i,
			nvb_edit_kind_name(plan->edits[i].kind));
		return buffer;
	}
	hooks = at(new, "hooks.createContainer");
	for (size_t i = 0; i < length(hooks); i++)
		own += has_string(json_object_array_get_idx(hooks, i), "path", hook_path);
	if (needs_hook(plan) != (own > 0))
		return "our hook is missing or too many";
	rules = length(at(old, "linux.resources.devices"));
	take_out(old, plan, hook_path, userns, rules);
	take_out(new, plan, hook_path, userns, rules);
	if (!json_object_equal(old, new)) {
		snprintf(buffer, buffer_size, "something else changed:\n%s\n%s",
			json_object_to_json_string(old), json_object_to_json_string(new));
		return buffer;
	}
	return NULL;
}

struct nvb_plan *oci_empty_plan(void)
{
	return calloc(1, sizeof(struct nvb_plan));
}

void oci_add_device(struct nvb_plan *plan, const char *path, uint32_t major, uint32_t minor)
{
	struct nvb_edit *edit = nvb_plan_add(plan, NVB_EDIT_DEVICE, NVB_SCOPE_COMMON);

	edit->required = true;
	edit->device.host = edit->device.container = path;
	edit->device.major = major;
	edit->device.minor = minor;
	edit->device.known_numbers = true;
	edit->device.type = "c";
	memcpy(edit->device.access, "rw", sizeof("rw"));
}

void oci_add_mount(struct nvb_plan *plan, const char *host, const char *container)
{
	static const char *const options[] = {"ro", "nosuid", "nodev", "rbind", "rprivate", NULL};
	struct nvb_edit *edit = nvb_plan_add(plan, NVB_EDIT_MOUNT, NVB_SCOPE_COMMON);

	edit->mount.host = host;
	edit->mount.container = container;
	edit->mount.options = options;
}

void oci_add_env(struct nvb_plan *plan, const char *name, const char *value)
{
	struct nvb_edit *edit = nvb_plan_add(plan, NVB_EDIT_ENV, NVB_SCOPE_COMMON);

	edit->env.name = name;
	edit->env.value = value;
}

void oci_add_link(struct nvb_plan *plan, const char *path, const char *target)
{
	struct nvb_edit *edit = nvb_plan_add(plan, NVB_EDIT_LINK, NVB_SCOPE_COMMON);

	edit->link.path = path;
	edit->link.target = target;
}

void oci_add_gid(struct nvb_plan *plan, uint32_t gid)
{
	nvb_plan_add(plan, NVB_EDIT_GID, NVB_SCOPE_COMMON)->gid = gid;
}

void oci_add_rlimit(struct nvb_plan *plan, const char *name, uint64_t value)
{
	struct nvb_edit *edit = nvb_plan_add(plan, NVB_EDIT_RLIMIT, NVB_SCOPE_COMMON);

	edit->rlimit.name = name;
	edit->rlimit.value = value;
}

void oci_add_shm(struct nvb_plan *plan, uint64_t size)
{
	nvb_plan_add(plan, NVB_EDIT_SHM, NVB_SCOPE_COMMON)->shm = size;
}

struct nvb_plan *oci_sample_plan(void)
{
	struct nvb_plan *plan = oci_empty_plan();

	oci_add_device(plan, "/dev/nvidiactl", 195, 255);
	oci_add_mount(plan, "/usr/lib64/libcuda.so.550.54.15", "/usr/lib64/libcuda.so.550.54.15");
	oci_add_mount(plan, "/odd \"name\"\\\n\xc3\xa9", "/odd \"name\"\\\n\xc3\xa9");
	oci_add_link(plan, "/usr/lib64/libcuda.so.1", "libcuda.so.550.54.15");
	oci_add_env(plan, "NVIDIA_VISIBLE_DEVICES", "void");
	oci_add_gid(plan, 44);
	oci_add_rlimit(plan, "memlock", UINT64_MAX);
	oci_add_shm(plan, UINT64_C(1) << 30);
	oci_add_device(plan, "/dev/nvidia0", 195, 0);
	return plan;
}
