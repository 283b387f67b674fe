/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/containerd.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "engine/program.h"
#include "engine/sources.h"

/*
 * A configuration says its version; the CRI plugin's table has another name in each (containerd,
 * docs/cri/config.md). containerd 1 reads 1 and 2, containerd 2 reads 2 and 3.
 */
enum { OLDEST = 1, TWO = 2, MERGING = 3 };

enum { FIRST_WITH_CDI = 1007, FIRST_WITH_VERSION_3 = 2000 };

#define DROP_IN "conf.d/99-nvbind.toml"

const char *engine_containerd_plugin(int version)
{
	static const char *const names[] = {
		[OLDEST] = "cri",
		[TWO] = "io.containerd.grpc.v1.cri",
		[MERGING] = "io.containerd.cri.v1.runtime",
	};

	return names[version];
}

/* The version a file says; 0 when it says none. */
static int said_version(const struct nvb_toml *doc, int *version, nvb_error **err)
{
	int64_t value = 0;
	int rc = nvb_toml_get_int(doc, &doc->root, "version", OLDEST, MERGING, &value, err);

	*version = (int)value;
	return rc;
}

/* What an imported file leaves to the one that imports it, and a new one to the containerd that is here. */
static int guess_version(const struct nvb_toml *doc)
{
	const struct nvb_toml_value *plugins = nvb_toml_get(&doc->root, "plugins");

	for (int version = MERGING; version >= OLDEST; version--)
		if (nvb_toml_get(plugins, engine_containerd_plugin(version)))
			return version;
	if (doc->root.items.count)
		return OLDEST;
	return engine_program_version("containerd") >= FIRST_WITH_VERSION_3 ? MERGING : TWO;
}

static int find_version(const struct nvb_toml *doc, int *version, nvb_error **err)
{
	int rc = said_version(doc, version, err);

	if (rc == 0 && !*version)
		*version = guess_version(doc);
	return rc;
}

/* Imports. */

/* An import as an absolute pattern: a relative one starts where the file is. */
static char *import_pattern(const char *file, const char *import)
{
	const char *slash = strrchr(file, '/');
	char *pattern = NULL;

	if (*import == '/')
		return strdup(import);
	return asprintf(&pattern, "%.*s/%s", slash ? (int)(slash - file) : 1, slash ? file : ".", import) < 0
		       ? NULL
		       : pattern;
}

static bool imports_file(const struct nvb_toml *doc, const char *file, const char *wanted)
{
	nvb_toml_foreach(import, nvb_toml_get(&doc->root, "imports"))
	{
		_cleanup_free_ char *pattern =
			import->type == NVB_TOML_STRING ? import_pattern(file, import->string.s) : NULL;

		if (pattern && fnmatch(pattern, wanted, FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

int engine_containerd_target(const char *main_file, char **file, nvb_error **err)
{
	_cleanup_engine_sources_ struct engine_sources sources = {0};
	_cleanup_free_ char *drop_in = NULL;
	int version = 0, rc = engine_sources_add(&sources, main_file, err);

	if (rc < 0)
		return rc;
	if (asprintf(&drop_in, "%.*s/" DROP_IN, (int)(strrchr(main_file, '/') - main_file), main_file) < 0) {
		drop_in = NULL;
		return nvb_fail_oom(err);
	}
	if (sources.count)
		rc = said_version(&sources.items[0].doc, &version, err);
	if (rc < 0)
		return rc;
	/* containerd 1 puts the imported table of a plugin in the place of the whole one: no drop-in there.
	 */
	if (version >= MERGING && imports_file(&sources.items[0].doc, main_file, drop_in))
		*file = NVB_TAKE_PTR(drop_in);
	else
		*file = strdup(main_file);
	return *file ? 0 : nvb_fail_oom(err);
}

int engine_containerd_choose(const struct engine *engine, char **file, nvb_error **err)
{
	return engine_containerd_target(engine->file, file, err);
}

/* Whether one imported file sets the plugin's table, which then counts in the place of ours. */
static int check_import(
	const char *file, const char *imported, const char *const *table, const char *name, nvb_error **err)
{
	_cleanup_engine_sources_ struct engine_sources sources = {0};
	int rc = engine_sources_add(&sources, imported, err);

	if (rc < 0 || nvb_streq(file, imported) || !engine_sources_find(&sources, table, NULL))
		return rc;
	if (engine_program_version("containerd") >= FIRST_WITH_VERSION_3)
		return 0; /* it merges, whatever the version of the file */
	rc = nvb_fail(err, NVB_ERR_CONFLICT,
		"%s imports %s, whose plugins.\"%s\" counts in the place of this file's before containerd "
		"2.0",
		file, imported, name);
	return nvb_hint(err, rc, "--config %s", imported);
}

static int check_imports(const struct nvb_toml *doc, const char *file, int version, nvb_error **err)
{
	const char *name = engine_containerd_plugin(version);
	const char *const table[] = {"plugins", name, NULL};
	int rc = 0;

	if (version >= MERGING)
		return 0;
	nvb_toml_foreach(import, nvb_toml_get(&doc->root, "imports"))
	{
		_cleanup_free_ char *pattern =
			import->type == NVB_TOML_STRING ? import_pattern(file, import->string.s) : NULL;
		glob_t found = {0};

		if (pattern && glob(pattern, 0, NULL, &found) == 0)
			for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
				rc = check_import(file, found.gl_pathv[i], table, name, err);
		globfree(&found);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Settings. */

static bool is_runc(const struct nvb_toml_value *runtime)
{
	const struct nvb_toml_value *type = nvb_toml_get(runtime, "runtime_type");

	return !type ||
	       (type->type == NVB_TOML_STRING && nvb_after(type->string.s, "io.containerd.runc.") != NULL);
}

/* What was decided for the runc that containers get now, systemd cgroups above all, holds for ours. */
static int copy_neighbour(struct engine_settings *settings, const struct engine_sources *sources,
	const char *plugin, const char *name, nvb_error **err)
{
	static const char *const but[] = {
		"runtime_type", "runtime_path", "runtime_engine", "options.BinaryName", NULL};
	const char *const default_path[] = {"plugins", plugin, "containerd", "default_runtime_name", NULL};
	const char *const candidates[] = {engine_sources_string(sources, default_path), "runc"};
	const char *const to[] = {"plugins", plugin, "containerd", "runtimes", name, NULL};

	for (size_t i = 0; i < NVB_ELEMENTS(candidates); i++) {
		const char *const from[] = {"plugins", plugin, "containerd", "runtimes", candidates[i], NULL};
		const struct engine_source *source;
		const struct nvb_toml_value *runtime;

		if (!candidates[i] || nvb_streq(candidates[i], name))
			continue;
		runtime = engine_sources_find(sources, from, &source);
		if (runtime && is_runc(runtime))
			return engine_copy_table(
				settings, source->path, source->text, source->size, from, to, but, err);
	}
	return 0;
}

/* A table of runtimes takes the place of the built-in one, which has runc: without it no other container
 * starts. Measured with containerd 1.6. */
static int restate_builtin(struct engine_settings *settings, const struct engine_sources *sources,
	const char *plugin, nvb_error **err)
{
	const char *const path[] = {"plugins", plugin, "containerd", "runtimes", NULL};

	if (engine_sources_find(sources, path, NULL))
		return 0;
	return engine_set_string(settings, err, "io.containerd.runc.v2", "plugins", plugin, "containerd",
		"runtimes", "runc", "runtime_type", NULL);
}

static int note_disabled(
	struct engine_settings *settings, const struct engine_sources *sources, nvb_error **err)
{
	static const char *const path[] = {"disabled_plugins", NULL};
	const struct nvb_toml_value *list = engine_sources_find(sources, path, NULL);

	nvb_toml_foreach(v, list)
	{
		if (v->type != NVB_TOML_STRING ||
			!(nvb_streq(v->string.s, "cri") ||
				nvb_streq(v->string.s, "io.containerd.grpc.v1.cri") ||
				nvb_streq(v->string.s, "io.containerd.cri.v1.runtime")))
			continue;
		return engine_note(settings, err,
			"disabled_plugins switches %s off, the part of containerd that reads this: crictl "
			"and "
			"Kubernetes have no effect from it; 'ctr run --runc-binary' names a runtime by "
			"itself",
			v->string.s);
	}
	return 0;
}

static int refuse_cdi(unsigned version, nvb_error **err)
{
	int rc = nvb_fail(err, NVB_ERR_UNSUPPORTED,
		"containerd %u.%u does not read CDI specs, 1.7 and newer do", version / 1000, version % 1000);

	return nvb_hint(err, rc, "leave out --cdi; the runtime needs none");
}

static int set_cdi(struct engine_settings *settings, const struct engine_request *request, const char *plugin,
	nvb_error **err)
{
	unsigned version = engine_program_version("containerd");
	int rc;

	if (version && version < FIRST_WITH_CDI && !request->file)
		return refuse_cdi(version, err);
	rc = engine_set(settings, err, "true", "plugins", plugin, "enable_cdi", NULL);
	/* A file that was named may be of another host. */
	if (rc == 0 && version && version < FIRST_WITH_CDI)
		rc = engine_note(settings, err, "the containerd of this host, %u.%u, does not read CDI specs",
			version / 1000, version % 1000);
	if (rc == 0 && request->spec_directories)
		rc = engine_set_strings(
			settings, err, request->spec_directories, "plugins", plugin, "cdi_spec_dirs", NULL);
	return rc;
}

static int set_all(struct engine_settings *settings, const struct engine_request *request,
	const struct engine_sources *sources, int version, nvb_error **err)
{
	const char *plugin = engine_containerd_plugin(version);
	int rc = 0;

	if (request->cdi)
		rc = set_cdi(settings, request, plugin, err);
	if (rc == 0 && request->set_default)
		rc = engine_set_string(settings, err, request->name, "plugins", plugin, "containerd",
			"default_runtime_name", NULL);
	if (rc == 0)
		rc = restate_builtin(settings, sources, plugin, err);
	if (rc == 0)
		rc = engine_set_string(settings, err, "io.containerd.runc.v2", "plugins", plugin,
			"containerd", "runtimes", request->name, "runtime_type", NULL);
	if (rc == 0)
		rc = engine_set_string(settings, err, request->runtime_path, "plugins", plugin, "containerd",
			"runtimes", request->name, "options", "BinaryName", NULL);
	if (rc == 0)
		rc = copy_neighbour(settings, sources, plugin, request->name, err);
	return rc < 0 ? rc : note_disabled(settings, sources, err);
}

/* The version of a file, and what counts besides it: a new drop-in is of the version of the file that imports
 * it, else containerd does not take it; before version 3 an imported table counts alone. */
static int find_neighbours(struct engine_sources *sources, const struct nvb_toml *doc, const char *file,
	int *version, nvb_error **err)
{
	int rc = engine_sources_read(sources, file, "config.toml", err);

	if (rc == 0)
		rc = find_version(doc->root.items.count || !sources->count ? doc : &sources->items[0].doc,
			version, err);
	if (rc < 0 || *version >= MERGING)
		return rc;
	engine_sources_release(sources);
	return engine_sources_add(sources, file, err);
}

int engine_containerd_settings(struct engine_settings *settings, const struct engine_request *request,
	const char *file, const char *text, size_t size, nvb_error **err)
{
	_cleanup_engine_sources_ struct engine_sources sources = {0};
	_cleanup_toml_ struct nvb_toml doc = {0};
	int version = 0, rc = nvb_toml_parse(&doc, text, size, file, err);

	if (rc == 0)
		rc = find_neighbours(&sources, &doc, file, &version, err);
	if (rc == 0)
		rc = check_imports(&doc, file, version, err);
	if (rc == 0 && !doc.root.items.count)
		rc = engine_set(settings, err, version == MERGING ? "3" : "2", "version", NULL);
	return rc < 0 ? rc : set_all(settings, request, &sources, version, err);
}

int engine_containerd_default(struct nvb_arena *arena, const char *file, const char *text, size_t size,
	const char *const **path, nvb_error **err)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	int version = 0, rc = nvb_toml_parse(&doc, text, size, file, err);

	if (rc == 0)
		rc = find_version(&doc, &version, err);
	if (rc < 0)
		return rc;
	*path = engine_path(arena, "plugins", engine_containerd_plugin(version), "containerd",
		"default_runtime_name", NULL);
	return *path ? 0 : nvb_fail_oom(err);
}
