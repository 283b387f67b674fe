/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"
#include "engine/sources.h"

/*
 * CRI-O starts conmon for each runtime from the path that the runtime's own table names; the packages put it
 * where no PATH leads. So ours gets what the runtime has that CRI-O uses now.
 */
static int copy_neighbour(struct engine_settings *settings, const struct engine_sources *sources,
	const char *name, nvb_error **err)
{
	static const char *const default_path[] = {"crio", "runtime", "default_runtime", NULL},
				 *const but[] = {"runtime_path", "runtime_type", NULL};
	const char *const candidates[] = {engine_sources_string(sources, default_path), "crun", "runc"};
	const char *const to[] = {"crio", "runtime", "runtimes", name, NULL};

	for (size_t i = 0; i < NVB_ELEMENTS(candidates); i++) {
		const char *const from[] = {"crio", "runtime", "runtimes", candidates[i], NULL};
		const struct engine_source *source;

		if (!candidates[i] || nvb_streq(candidates[i], name) ||
			!engine_sources_find(sources, from, &source))
			continue;
		return engine_copy_table(
			settings, source->path, source->text, source->size, from, to, but, err);
	}
	return 0;
}

int engine_crio_settings(struct engine_settings *settings, const struct engine_request *request,
	const char *file, const char *text, size_t size, nvb_error **err)
{
	_cleanup_engine_sources_ struct engine_sources sources = {0};
	int rc = engine_sources_read(&sources, file, "crio.conf", err);

	(void)text;
	(void)size;
	if (rc == 0 && request->set_default)
		rc = engine_set_string(
			settings, err, request->name, "crio", "runtime", "default_runtime", NULL);
	if (rc == 0 && request->cdi && request->spec_directories)
		rc = engine_set_strings(
			settings, err, request->spec_directories, "crio", "runtime", "cdi_spec_dirs", NULL);
	if (rc == 0)
		rc = engine_set_string(settings, err, request->runtime_path, "crio", "runtime", "runtimes",
			request->name, "runtime_path", NULL);
	if (rc == 0)
		rc = engine_set_string(settings, err, "oci", "crio", "runtime", "runtimes", request->name,
			"runtime_type", NULL);
	return rc < 0 ? rc : copy_neighbour(settings, &sources, request->name, err);
}

int engine_crio_default(struct nvb_arena *arena, const char *file, const char *text, size_t size,
	const char *const **path, nvb_error **err)
{
	(void)file;
	(void)text;
	(void)size;
	*path = engine_path(arena, "crio", "runtime", "default_runtime", NULL);
	return *path ? 0 : nvb_fail_oom(err);
}
