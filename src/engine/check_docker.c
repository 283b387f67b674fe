/* SPDX-License-Identifier: Apache-2.0 */
#include <json-c/json.h>
#include <stdlib.h>

#include "engine/check.h"
#include "engine/http.h"
#include "engine/target.h"

enum { MOST_ANSWER = 4 << 20 };

static void put(struct json_object **object)
{
	json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(put)

static struct json_object *member(struct json_object *object, const char *const *path)
{
	for (; *path; path++)
		if (!json_object_is_type(object, json_type_object) ||
			!json_object_object_get_ex(object, *path, &object))
			return NULL;
	return object;
}

static const char *text_at(struct json_object *object, const char *const *path)
{
	struct json_object *there = member(object, path);

	return json_object_is_type(there, json_type_string) ? json_object_get_string(there) : NULL;
}

/* The daemon's socket: DOCKER_HOST as the client reads it, where it names one on this host. */
static const char *socket_path(void)
{
	const char *host = getenv("DOCKER_HOST"), *path = host ? nvb_after(host, "unix://") : NULL;

	return path && *path == '/' ? path : "/var/run/docker.sock";
}

static int check_cdi(
	const struct engine_check *check, struct json_object *file, struct json_object *info, nvb_error **err)
{
	static const char *const wanted_path[] = {"features", "cdi", NULL}, *const have_path[] = {
										    "CDISpecDirs", NULL};
	const char *const version_path[] = {"ServerVersion", NULL}, *version = text_at(info, version_path);
	struct json_object *wanted = member(file, wanted_path), *have = member(info, have_path);
	size_t count = json_object_is_type(have, json_type_array) ? json_object_array_length(have) : 0;

	if (count)
		return engine_find(check, err, ENGINE_GOOD, NULL, "docker as it runs reads CDI specs in %s",
			json_object_to_json_string_ext(have, JSON_C_TO_STRING_NOSLASHESCAPE));
	if (!wanted || !json_object_get_boolean(wanted))
		return engine_find(check, err, ENGINE_NOTE,
			version && strtoul(version, NULL, 10) < 25
				? NULL
				: "nvbind runtime configure --runtime docker --cdi",
			"docker as it runs reads no CDI specs; 25.0 and newer do");
	return engine_find(check, err, ENGINE_PROBLEM, check->engine->restart,
		"docker as it runs reads no CDI specs, though features.cdi is set; 25.0 and newer do");
}

static int compare(
	const struct engine_check *check, const char *path, struct json_object *file, nvb_error **err)
{
	const char *const runtime[] = {"runtimes", check->name, "path", NULL}, *const default_path[] = {
										       "default-runtime",
										       NULL};
	const char *const running_runtime[] = {"Runtimes", check->name, "path", NULL},
			  *const running_default[] = {"DefaultRuntime", NULL};
	const struct engine_view files = {text_at(file, runtime), text_at(file, default_path)};
	_cleanup_json_ struct json_object *info = NULL;
	_cleanup_free_ char *body = NULL;
	nvb_error *failure = NULL;
	struct engine_view running;
	size_t size;
	int rc = engine_check_program(check, path, files.program, err);

	if (rc < 0)
		return rc;
	rc = engine_http_get(socket_path(), "/info", MOST_ANSWER, &body, &size, &failure);
	if (rc < 0)
		return engine_check_silent(check, failure, err);
	info = json_tokener_parse(body);
	if (!info)
		return engine_find(check, err, ENGINE_PROBLEM, NULL, "docker's answer is not JSON");
	running = (struct engine_view){text_at(info, running_runtime), text_at(info, running_default)};
	rc = engine_check_view(check, path, &files, &running, err);
	return rc < 0 ? rc : check_cdi(check, file, info, err);
}

int engine_docker_check(const struct engine_check *check, nvb_error **err)
{
	const char *path = check->file ? check->file : check->engine->file;
	_cleanup_engine_target_ struct engine_target target = {0};
	_cleanup_json_ struct json_object *file = NULL;
	nvb_error *failure = NULL;
	int rc = engine_target_read(&target, path, &failure);

	if (rc == 0)
		rc = check->engine->format->check(target.text, target.size, path, &failure);
	if (rc < 0)
		return engine_find_error(check, err, ENGINE_PROBLEM, failure);
	file = json_tokener_parse(target.text);
	return compare(check, path, file, err);
}
