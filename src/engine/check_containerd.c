/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/check.h"
#include "engine/containerd.h"
#include "engine/http.h"
#include "engine/program.h"
#include "engine/sources.h"

enum { MOST_ANSWER = 4 << 20 };

static const char *socket_path(void)
{
	const char *address = getenv("CONTAINERD_ADDRESS");

	return address && *address == '/' ? address : "/run/containerd/containerd.sock";
}

static const struct nvb_toml_value *at(const struct nvb_toml *doc, const char *const *path)
{
	const struct nvb_toml_value *v = &doc->root;

	for (; *path && v; path++)
		v = nvb_toml_get(v, *path);
	return v;
}

static const char *text_at(const struct nvb_toml *doc, const char *const *path)
{
	const struct nvb_toml_value *v = at(doc, path);

	return v && v->type == NVB_TOML_STRING ? v->string.s : NULL;
}

/* What all files together say, in containerd's own reading where it is installed. */
static int read_merged(const char *file, struct nvb_toml *doc, nvb_error **err)
{
	const char *const argv[] = {"containerd", "--config", file, "config", "dump", NULL};
	_cleanup_free_ char *output = NULL;
	nvb_error *failure = NULL;
	int rc = engine_ask_program(argv, MOST_ANSWER, &output, &failure);

	if (rc == -NVB_ERR_NOT_FOUND) {
		nvb_error_free(failure);
		return nvb_toml_read(doc, AT_FDCWD, file, NVB_TOML_MAX, err);
	}
	if (rc == 0)
		rc = nvb_toml_parse(doc, output, strlen(output), "containerd config dump", &failure);
	nvb_error_move(err, failure);
	return rc;
}

static bool is_newer(const struct stat *a, const struct stat *b)
{
	return a->st_ctim.tv_sec != b->st_ctim.tv_sec ? a->st_ctim.tv_sec > b->st_ctim.tv_sec
						      : a->st_ctim.tv_nsec > b->st_ctim.tv_nsec;
}

/* The file that was changed last, if that was after the daemon began. Imports may be patterns. */
static const char *find_newer(
	const struct nvb_toml *doc, const char *file, const struct stat *daemon, char **found)
{
	static const char *const imports_path[] = {"imports", NULL};
	struct stat st;

	if (stat(file, &st) == 0 && is_newer(&st, daemon))
		return file;
	nvb_toml_foreach(import, at(doc, imports_path))
	{
		glob_t files = {0};

		if (import->type == NVB_TOML_STRING && glob(import->string.s, 0, NULL, &files) == 0)
			for (size_t i = 0; !*found && i < files.gl_pathc; i++)
				if (stat(files.gl_pathv[i], &st) == 0 && is_newer(&st, daemon))
					*found = strdup(files.gl_pathv[i]);
		globfree(&files);
	}
	return *found;
}

/* A daemon that is older than a file has not read it: its socket is as old as it is. */
static int check_age(
	const struct engine_check *check, const struct nvb_toml *doc, const char *file, nvb_error **err)
{
	_cleanup_free_ char *found = NULL;
	const char *newer;
	struct stat daemon;

	if (stat(socket_path(), &daemon) < 0)
		return 0;
	newer = find_newer(doc, file, &daemon, &found);
	if (newer)
		return engine_find(check, err, ENGINE_PROBLEM, check->engine->reload,
			"containerd runs since before %s was changed", newer);
	return engine_find(
		check, err, ENGINE_GOOD, NULL, "containerd runs since after its files were changed");
}

static int check_disabled(const struct engine_check *check, const struct nvb_toml *doc, nvb_error **err)
{
	static const char *const path[] = {"disabled_plugins", NULL};

	nvb_toml_foreach(v, at(doc, path))
	{
		bool cri = v->type == NVB_TOML_STRING &&
			   (nvb_streq(v->string.s, "cri") || nvb_ends_with(v->string.s, ".cri") ||
				   nvb_streq(v->string.s, engine_containerd_plugin(3)));

		if (cri)
			return engine_find(check, err, ENGINE_PROBLEM,
				"take it out of disabled_plugins, where crictl or Kubernetes shall use it",
				"%s is switched off, the part of containerd that reads runtimes",
				v->string.s);
	}
	return 0;
}

static int check_merged(
	const struct engine_check *check, const struct nvb_toml *doc, const char *file, nvb_error **err)
{
	const char *program = NULL, *default_runtime = NULL;
	int rc;

	for (int version = 3; version >= 1 && !program; version--) {
		const char *plugin = engine_containerd_plugin(version);
		const char *const program_path[] = {"plugins", plugin, "containerd", "runtimes", check->name,
			"options", "BinaryName", NULL};
		const char *const default_path[] = {
			"plugins", plugin, "containerd", "default_runtime_name", NULL};

		program = text_at(doc, program_path);
		default_runtime = program ? text_at(doc, default_path) : NULL;
	}
	rc = engine_check_program(check, file, program, err);
	if (rc == 0 && program)
		rc = engine_find(check, err, ENGINE_GOOD, NULL, "containers that name no runtime get %s",
			default_runtime ? default_runtime : "runc");
	return rc < 0 ? rc : check_disabled(check, doc, err);
}

int engine_containerd_check(const struct engine_check *check, nvb_error **err)
{
	const char *file = check->file ? check->file : check->engine->file;
	_cleanup_toml_ struct nvb_toml doc = {0};
	nvb_error *failure = NULL;
	int rc = read_merged(file, &doc, &failure);

	if (rc < 0)
		return engine_find_error(check, err, ENGINE_PROBLEM, failure);
	rc = check_merged(check, &doc, file, err);
	if (rc < 0)
		return rc;
	if (engine_socket_try(socket_path(), &failure) < 0)
		return engine_check_silent(check, failure, err);
	return check_age(check, &doc, file, err);
}
