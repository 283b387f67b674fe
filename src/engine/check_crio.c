/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check.h"
#include "engine/http.h"
#include "engine/sources.h"

enum { MOST_ANSWER = 4 << 20 };

/* CRI-O's own socket, on which it answers GET /config with the configuration in force, as TOML (what `crio
 * status config` prints). */
static const char socket_path[] = "/var/run/crio/crio.sock";

static const struct nvb_toml_value *at(const struct nvb_toml *doc, const char *const *path)
{
	const struct nvb_toml_value *v = &doc->root;

	for (; *path && v; path++)
		v = nvb_toml_get(v, *path);
	return v && v->type == NVB_TOML_STRING ? v : NULL;
}

int engine_crio_check(const struct engine_check *check, nvb_error **err)
{
	static const char *const default_path[] = {"crio", "runtime", "default_runtime", NULL};
	const char *const program_path[] = {"crio", "runtime", "runtimes", check->name, "runtime_path", NULL};
	const char *file = check->file ? check->file : check->engine->file;
	_cleanup_engine_sources_ struct engine_sources sources = {0};
	const struct engine_source *source = NULL;
	const struct nvb_toml_value *program, *default_runtime;
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_free_ char *body = NULL;
	struct engine_view files, running;
	nvb_error *failure = NULL;
	size_t size;
	int rc = engine_sources_read(&sources, file, "crio.conf", &failure);

	if (rc < 0)
		return engine_find_error(check, err, ENGINE_PROBLEM, failure);
	files = (struct engine_view){
		engine_sources_string(&sources, program_path), engine_sources_string(&sources, default_path)};
	engine_sources_find(&sources, program_path, &source);
	file = source ? source->path : file;
	rc = engine_check_program(check, file, files.program, err);
	if (rc < 0)
		return rc;
	rc = engine_http_get(socket_path, "/config", MOST_ANSWER, &body, &size, &failure);
	if (rc < 0)
		return engine_check_silent(check, failure, err);
	rc = nvb_toml_parse(&doc, body, size, "CRI-O's configuration", &failure);
	if (rc < 0)
		return engine_find_error(check, err, ENGINE_PROBLEM, failure);
	program = at(&doc, program_path);
	default_runtime = at(&doc, default_path);
	running = (struct engine_view){
		program ? program->string.s : NULL, default_runtime ? default_runtime->string.s : NULL};
	return engine_check_view(check, file, &files, &running, err);
}
