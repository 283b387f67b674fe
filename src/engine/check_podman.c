/* SPDX-License-Identifier: Apache-2.0 */
#include <json-c/json.h>

#include "engine/check.h"
#include "engine/program.h"
#include "engine/sources.h"

enum { MOST_ANSWER = 1 << 20 };

/* podman has no daemon: every call reads the files anew, so what it says is what they say. */
static int ask(const char *runtime, struct json_object **out, nvb_error **err)
{
	const char *const named[] = {
		"podman", "--runtime", runtime, "info", "--format", "{{json .Host.OCIRuntime}}", NULL};
	const char *const unnamed[] = {"podman", "info", "--format", "{{json .Host.OCIRuntime}}", NULL};
	_cleanup_free_ char *output = NULL;
	int rc = engine_ask_program(runtime ? named : unnamed, MOST_ANSWER, &output, err);

	if (rc < 0)
		return rc;
	*out = json_tokener_parse(output);
	return *out ? 0 : nvb_fail(err, NVB_ERR_CORRUPT, "podman info: not JSON");
}

static char *text_at(struct json_object *object, const char *key)
{
	struct json_object *there;

	return json_object_is_type(object, json_type_object) &&
			       json_object_object_get_ex(object, key, &there) &&
			       json_object_is_type(there, json_type_string)
		       ? strdup(json_object_get_string(there))
		       : NULL;
}

static int check_default(const struct engine_check *check, nvb_error **err)
{
	struct json_object *info = NULL;
	_cleanup_free_ char *name = NULL;
	nvb_error *failure = NULL;
	int rc = ask(NULL, &info, &failure);

	if (rc < 0)
		return engine_check_silent(check, failure, err);
	name = text_at(info, "name");
	json_object_put(info);
	return engine_find(check, err, ENGINE_GOOD, NULL, "containers that name no runtime get %s",
		name ? name : "podman's own choice");
}

/* Where none of the files that the configuration names is there, podman takes what PATH has by the runtime's
 * name: for "nvbind" that is the command line, which is no OCI runtime. */
static int check_listed(const struct engine_check *check, const char *program, nvb_error **err)
{
	const struct engine_request request = {.file = check->file};
	const char *const path[] = {"engine", "runtimes", check->name, NULL};
	_cleanup_engine_sources_ struct engine_sources sources = {0};
	const struct engine_source *source;
	const struct nvb_toml_value *list;
	_cleanup_free_ char *file = NULL;
	nvb_error *failure = NULL;
	int rc = engine_file(check->engine, &request, &file, &failure);

	if (rc == 0)
		rc = engine_sources_read(&sources, file, "containers.conf", &failure);
	if (rc < 0)
		return engine_find_error(check, err, ENGINE_PROBLEM, failure);
	list = engine_sources_find(&sources, path, &source);
	nvb_toml_foreach(v, list) if (v->type == NVB_TOML_STRING && nvb_streq(v->string.s, program)) return 0;
	if (!nvb_toml_first(list))
		return 0;
	return engine_find(check, err, ENGINE_PROBLEM,
		"install nvbind-runtime there, or configure again with --runtime-path",
		"%s names a runtime that is not there; podman takes %s for '%s' in its place", source->path,
		program, check->name);
}

int engine_podman_check(const struct engine_check *check, nvb_error **err)
{
	_cleanup_free_ char *program = NULL;
	struct json_object *info = NULL;
	nvb_error *failure = NULL;
	char command[128];
	int rc = ask(check->name, &info, &failure);

	if (rc < 0 && strstr(nvb_error_message(failure), "not found")) {
		rc = engine_find(check, err, ENGINE_PROBLEM,
			engine_configure_command(check, command, sizeof(command)),
			"podman does not know '%s'", check->name);
		nvb_error_free(failure);
		return rc;
	}
	if (rc < 0)
		return engine_check_silent(check, failure, err);
	program = text_at(info, "path");
	json_object_put(info);
	rc = engine_check_program(check, "podman's configuration", program, err);
	if (rc == 0 && program)
		rc = check_listed(check, program, err);
	return rc < 0 ? rc : check_default(check, err);
}
