/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"
#include "engine/program.h"

/* The first dockerd that reads CDI specs. Older ones start with features.cdi and do nothing with it. */
enum { FIRST_WITH_CDI = 25000 };

static int refuse_cdi(unsigned version, nvb_error **err)
{
	int rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "docker %u.%u does not read CDI specs, 25.0 and newer do",
		version / 1000, version % 1000);

	return nvb_hint(err, rc, "leave out --cdi; 'docker run --runtime nvbind' needs none");
}

int engine_docker_settings(struct engine_settings *settings, const struct engine_request *request,
	const char *file, const char *text, size_t size, nvb_error **err)
{
	unsigned version = request->cdi ? engine_program_version("dockerd") : 0;
	int rc;

	(void)file;
	(void)text;
	(void)size;
	if (version && version < FIRST_WITH_CDI && !request->file)
		return refuse_cdi(version, err);
	rc = engine_set_string(settings, err, request->runtime_path, "runtimes", request->name, "path", NULL);
	if (rc == 0 && request->set_default)
		rc = engine_set_string(settings, err, request->name, "default-runtime", NULL);
	if (rc == 0 && request->cdi)
		rc = engine_set(settings, err, "true", "features", "cdi", NULL);
	/* A file that was named may be of another host. */
	if (rc == 0 && version && version < FIRST_WITH_CDI)
		rc = engine_note(settings, err, "the docker of this host, %u.%u, does not read CDI specs",
			version / 1000, version % 1000);
	/* An older dockerd does not start with a key that it does not know: only where it is needed. */
	if (rc == 0 && request->cdi && request->spec_directories)
		rc = engine_set_strings(settings, err, request->spec_directories, "cdi-spec-dirs", NULL);
	return rc;
}

int engine_docker_default(struct nvb_arena *arena, const char *file, const char *text, size_t size,
	const char *const **path, nvb_error **err)
{
	(void)file;
	(void)text;
	(void)size;
	*path = engine_path(arena, "default-runtime", NULL);
	return *path ? 0 : nvb_fail_oom(err);
}
