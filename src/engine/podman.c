/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

int engine_podman_settings(struct engine_settings *settings, const struct engine_request *request,
	const char *file, const char *text, size_t size, nvb_error **err)
{
	const char *const program[] = {request->runtime_path, NULL};
	int rc = engine_set_strings(settings, err, program, "engine", "runtimes", request->name, NULL);

	(void)file;
	(void)text;
	(void)size;
	if (rc == 0 && request->set_default)
		rc = engine_set_string(settings, err, request->name, "engine", "runtime", NULL);
	if (rc == 0 && request->cdi && request->spec_directories)
		rc = engine_set_strings(
			settings, err, request->spec_directories, "engine", "cdi_spec_dirs", NULL);
	return rc;
}

int engine_podman_default(struct nvb_arena *arena, const char *file, const char *text, size_t size,
	const char *const **path, nvb_error **err)
{
	(void)file;
	(void)text;
	(void)size;
	*path = engine_path(arena, "engine", "runtime", NULL);
	return *path ? 0 : nvb_fail_oom(err);
}
