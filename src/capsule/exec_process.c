/* SPDX-License-Identifier: Apache-2.0 */
#include <json.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "capsule/exec.h"
#include "capsule/sandbox.h"
#include "capsule/terminal.h"
#include "capsule/users.h"

/* What a further program is, in the runtime's words: the capsule's own process with some of it replaced. */

static void release_json(json_object **object)
{
	json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(release_json)

static json_object *member(json_object *object, const char *key, json_type type)
{
	json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type) ? value
												  : NULL;
}

static json_object *strings(char *const *list)
{
	json_object *array = json_object_new_array();

	nvb_strv_foreach (s, list)
		json_object_array_add(array, json_object_new_string(*s));
	return array;
}

static bool is_variable(const char *entry, const char *name, size_t length)
{
	return entry && strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* "NAME=VALUE" sets, "NAME" unsets. Returns the new array; the old one stays. */
static json_object *with_variable(json_object *env, const char *entry)
{
	json_object *result = json_object_new_array();
	size_t length = strcspn(entry, "=");

	for (size_t i = 0; i < json_object_array_length(env); i++) {
		json_object *item = json_object_array_get_idx(env, i);

		if (!is_variable(json_object_get_string(item), entry, length))
			json_object_array_add(result, json_object_get(item));
	}
	if (entry[length])
		json_object_array_add(result, json_object_new_string(entry));
	return result;
}

static void set_variable(json_object *process, const char *entry)
{
	json_object *env = member(process, "env", json_type_array);

	if (env)
		json_object_object_add(process, "env", with_variable(env, entry));
}

static const char *variable(json_object *process, const char *name)
{
	json_object *env = member(process, "env", json_type_array);

	for (size_t i = 0; env && i < json_object_array_length(env); i++) {
		const char *entry = json_object_get_string(json_object_array_get_idx(env, i));

		if (is_variable(entry, name, strlen(name)))
			return entry + strlen(name) + 1;
	}
	return NULL;
}

static void set_pair(json_object *process, const char *name, const char *value)
{
	_cleanup_free_ char *entry = NULL;

	if (asprintf(&entry, "%s=%s", name, value) >= 0)
		set_variable(process, entry);
}

/* Another user has other groups, but for those that the GPUs' nodes need; and another home, unless somebody
 * chose the one there is. */
static int set_user(json_object *process, json_object *record, const char *text, const struct nvb_root *root,
	nvb_error **err)
{
	_cleanup_user_ struct nvb_user user = {0};
	json_object *groups = member(record, "groups", json_type_array), *out, *ids;
	json_object *old_home = member(record, "home", json_type_string);
	const char *home = variable(process, "HOME");
	int rc = nvb_user_resolve(root, text, &user, err);

	if (rc < 0)
		return rc;
	out = json_object_new_object();
	ids = json_object_new_array();
	json_object_object_add(out, "uid", json_object_new_int64(user.uid));
	json_object_object_add(out, "gid", json_object_new_int64(user.gid));
	for (size_t i = 0; i < user.group_count; i++)
		json_object_array_add(ids, json_object_new_int64(user.groups[i]));
	for (size_t i = 0; groups && i < json_object_array_length(groups); i++)
		json_object_array_add(ids, json_object_get(json_object_array_get_idx(groups, i)));
	json_object_object_add(out, "additionalGids", ids);
	json_object_object_add(process, "user", out);
	if (!home || nvb_streq0(home, json_object_get_string(old_home)))
		set_pair(process, "HOME", user.home);
	return 0;
}

/* As at the capsule's start: a program that is not root's has none of them to begin with. */
static void set_capabilities(json_object *process, bool privileged)
{
	json_object *sets = member(process, "capabilities", json_type_object), *out, *bounding = NULL;
	json_object *user = member(process, "user", json_type_object), *uid = NULL;
	uint64_t own = nvb_own_capabilities();

	if (privileged) {
		bounding = json_object_new_array();
		for (int i = 0; i < NVB_CAPABILITY_COUNT; i++)
			if (own >> i & 1)
				json_object_array_add(
					bounding, json_object_new_string(nvb_capability_name(i)));
		json_object_object_add(process, "noNewPrivileges", json_object_new_boolean(false));
	} else {
		bounding = json_object_get(sets ? member(sets, "bounding", json_type_array) : NULL);
		if (!bounding)
			bounding = json_object_new_array();
	}
	json_object_object_get_ex(user, "uid", &uid);
	out = json_object_new_object();
	for (const char *const *set = (const char *const[]){"effective", "permitted", NULL}; *set; set++)
		json_object_object_add(out, *set,
			json_object_get_int64(uid) == 0 ? json_object_get(bounding)
							: json_object_new_array());
	json_object_object_add(out, "bounding", bounding);
	json_object_object_add(process, "capabilities", out);
}

static void set_terminal(json_object *process, bool terminal)
{
	unsigned short rows, columns;
	json_object *size;

	json_object_object_add(process, "terminal", json_object_new_boolean(terminal));
	json_object_object_del(process, "consoleSize");
	if (!terminal)
		return;
	if (!variable(process, "TERM"))
		set_variable(process, "TERM=xterm");
	if (!nvb_terminal_size(&rows, &columns))
		return;
	size = json_object_new_object();
	json_object_object_add(size, "height", json_object_new_int(rows));
	json_object_object_add(size, "width", json_object_new_int(columns));
	json_object_object_add(process, "consoleSize", size);
}

/* JSON carries UTF-8 only: anything else would arrive as something else. */
static int check_text(char *const *list, const char *what, nvb_error **err)
{
	nvb_strv_foreach (s, list)
		if (!nvb_utf8_valid(*s, strlen(*s)))
			return nvb_fail(err, NVB_ERR_INVALID, "%s %zu: only UTF-8 can be handed on", what,
				(size_t)(s - list));
	return 0;
}

int nvb_exec_describe(const char *record, const struct nvb_exec *exec, const struct nvb_root *root,
	char **out, nvb_error **err)
{
	_cleanup_json_ json_object *whole = json_tokener_parse(record);
	json_object *process = json_object_is_type(whole, json_type_object)
				       ? member(whole, "process", json_type_object)
				       : NULL;
	int rc = 0;

	if (!process || !member(process, "env", json_type_array))
		return nvb_fail(err, NVB_ERR_CORRUPT, "process.json: does not describe a process");
	rc = check_text(exec->args, "argument", err);
	if (rc == 0)
		rc = check_text(exec->env, "variable", err);
	if (rc == 0 && exec->user)
		rc = set_user(process, whole, exec->user, root, err);
	if (rc < 0)
		return rc;
	json_object_object_add(process, "args", strings(exec->args));
	nvb_strv_foreach (entry, exec->env)
		set_variable(process, *entry);
	if (exec->working_directory)
		json_object_object_add(process, "cwd", json_object_new_string(exec->working_directory));
	set_capabilities(process, exec->privileged);
	set_terminal(process, exec->terminal);
	*out = strdup(json_object_to_json_string_ext(process, JSON_C_TO_STRING_PLAIN));
	return *out ? 0 : nvb_fail_oom(err);
}

char *nvb_exec_recorded_bundle(const char *record)
{
	_cleanup_json_ json_object *whole = json_tokener_parse(record);
	json_object *bundle = json_object_is_type(whole, json_type_object)
				      ? member(whole, "bundle", json_type_string)
				      : NULL;

	return bundle ? strdup(json_object_get_string(bundle)) : NULL;
}
