/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/check.h"
#include "engine/toml_layout.h"

/* dockerd(8), "Configuration reload behavior": runtimes are read again at a SIGHUP, CDI is set up at the
 * start. */
static const char *const docker_restart_keys[] = {"features", "cdi-spec-dirs", NULL};

/*
 * Sources: dockerd(8) "daemon configuration file"; containers.conf(5); containerd's docs/cri/config.md and
 * docs/man/containerd-config.toml.5.md; crio.conf(5), crio.conf.d(5).
 */
const struct engine engines[] = {
	{
		.id = ENGINE_DOCKER,
		.name = "docker",
		.format = &document_json,
		.file = "/etc/docker/daemon.json",
		.program = "dockerd",
		.reload = "systemctl reload docker",
		.restart = "systemctl restart docker",
		.restart_keys = docker_restart_keys,
		.settings = engine_docker_settings,
		.default_path = engine_docker_default,
		.check = engine_docker_check,
	},
	{
		.id = ENGINE_PODMAN,
		.name = "podman",
		.format = &document_toml,
		.file = "/etc/containers/containers.conf.d/99-nvbind.conf",
		.user_file = "containers/containers.conf.d/99-nvbind.conf",
		.program = "podman",
		.cdi_note = "podman reads the CDI specs in /etc/cdi and /var/run/cdi by itself",
		.settings = engine_podman_settings,
		.default_path = engine_podman_default,
		.check = engine_podman_check,
	},
	{
		.id = ENGINE_CONTAINERD,
		.name = "containerd",
		.format = &document_toml,
		.file = "/etc/containerd/config.toml",
		.program = "containerd",
		.reload = "systemctl restart containerd",
		.choose = engine_containerd_choose,
		.settings = engine_containerd_settings,
		.default_path = engine_containerd_default,
		.check = engine_containerd_check,
	},
	{
		.id = ENGINE_CRIO,
		.name = "crio",
		.format = &document_toml,
		.file = "/etc/crio/crio.conf.d/99-nvbind.conf",
		.program = "crio",
		.reload = "systemctl restart crio",
		.cdi_note = "CRI-O reads the CDI specs in /etc/cdi and /var/run/cdi by itself",
		.settings = engine_crio_settings,
		.default_path = engine_crio_default,
		.check = engine_crio_check,
	},
};
const size_t engine_count = NVB_ELEMENTS(engines);

const struct nvb_choice engine_choices[] = {
	{"docker", ENGINE_DOCKER},
	{"podman", ENGINE_PODMAN},
	{"containerd", ENGINE_CONTAINERD},
	{"crio", ENGINE_CRIO},
	{NULL, 0},
};

const struct engine *engine_get(enum engine_id id)
{
	return &engines[id];
}

static int user_file(const char *below, char **file, nvb_error **err)
{
	const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
	int n;

	if (config && *config == '/')
		n = asprintf(file, "%s/%s", config, below);
	else if (home && *home == '/')
		n = asprintf(file, "%s/.config/%s", home, below);
	else
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "no home directory: HOME is not set");
	return n < 0 ? nvb_fail_oom(err) : 0;
}

int engine_file(
	const struct engine *engine, const struct engine_request *request, char **file, nvb_error **err)
{
	char *chosen = NULL;
	int rc = 0;

	if (!request->file && engine->choose)
		rc = engine->choose(engine, &chosen, err);
	else if (!request->file && engine->user_file && geteuid() != 0)
		rc = user_file(engine->user_file, &chosen, err);
	else if (!(chosen = strdup(request->file ? request->file : engine->file)))
		rc = nvb_fail_oom(err);
	if (rc == 0)
		*file = chosen;
	return rc;
}

/* Settings. */

void engine_settings_release(struct engine_settings *settings)
{
	free(settings->items);
	nvb_strv_free(settings->notes);
	nvb_arena_release(&settings->arena);
	*settings = (struct engine_settings){0};
}

static const char *const *path_from(struct nvb_arena *arena, va_list ap)
{
	enum { DEEPEST = 16 };
	const char **path = nvb_arena_alloc(arena, DEEPEST * sizeof(*path)), *key;
	size_t n = 0;

	while (path && n + 1 < DEEPEST && (key = va_arg(ap, const char *))) {
		path[n] = nvb_arena_strdup(arena, key);
		if (!path[n++])
			return NULL;
	}
	return path;
}

const char *const *engine_path(struct nvb_arena *arena, ...)
{
	const char *const *path;
	va_list ap;

	va_start(ap, arena);
	path = path_from(arena, ap);
	va_end(ap);
	return path;
}

int engine_set_path(
	struct engine_settings *settings, const char *const *path, const char *value, nvb_error **err)
{
	char *copy = value ? nvb_arena_strdup(&settings->arena, value) : NULL;

	if (!copy || !path || !NVB_GROW(settings->items, settings->count, settings->capacity))
		return nvb_fail_oom(err);
	settings->items[settings->count++] = (struct engine_setting){path, copy, false};
	return 0;
}

int engine_set(struct engine_settings *settings, nvb_error **err, const char *value, ...)
{
	const char *const *path;
	va_list ap;

	va_start(ap, value);
	path = path_from(&settings->arena, ap);
	va_end(ap);
	return engine_set_path(settings, path, value, err);
}

int engine_set_string(struct engine_settings *settings, nvb_error **err, const char *s, ...)
{
	_cleanup_free_ char *value = document_string(s);
	const char *const *path;
	va_list ap;

	va_start(ap, s);
	path = path_from(&settings->arena, ap);
	va_end(ap);
	return engine_set_path(settings, path, value, err);
}

int engine_set_strings(struct engine_settings *settings, nvb_error **err, const char *const *strings, ...)
{
	_cleanup_free_ char *value = document_strings(strings);
	const char *const *path;
	va_list ap;

	va_start(ap, strings);
	path = path_from(&settings->arena, ap);
	va_end(ap);
	return engine_set_path(settings, path, value, err);
}

int engine_note(struct engine_settings *settings, nvb_error **err, const char *fmt, ...)
{
	_cleanup_free_ char *note = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&note, fmt, ap);
	va_end(ap);
	if (n < 0) {
		note = NULL;
		return nvb_fail_oom(err);
	}
	return nvb_strv_add(&settings->notes, note) ? 0 : nvb_fail_oom(err);
}

/* Copying a table. */

/* "options.BinaryName": the keys of a path behind the first `from`. False without memory. */
static bool join_rest(const char *const *path, size_t from, struct nvb_strbuf *out)
{
	for (size_t i = from; path[i]; i++)
		nvb_sb_addf(out, "%s%s", i > from ? "." : "", path[i]);
	return !out->failed;
}

static bool is_among(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (nvb_streq(*names, name))
			return true;
	return false;
}

/* What an administrator has set for ours meanwhile stays. */
static int copy_item(struct engine_settings *settings, const struct toml_layout *layout,
	const struct toml_item *item, size_t from_depth, const char *const *to, nvb_error **err)
{
	size_t to_depth = document_path_depth(to), rest = item->depth - from_depth;
	const char **path = nvb_arena_alloc(&settings->arena, (to_depth + rest + 1) * sizeof(*path));
	char *value =
		nvb_arena_strndup(&settings->arena, layout->text + item->value, item->end - item->value);
	int rc;

	if (!path || !value)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < to_depth + rest; i++) {
		path[i] = nvb_arena_strdup(
			&settings->arena, i < to_depth ? to[i] : item->path[from_depth + i - to_depth]);
		if (!path[i])
			return nvb_fail_oom(err);
	}
	rc = engine_set_path(settings, path, value, err);
	if (rc == 0)
		settings->items[settings->count - 1].if_absent = true;
	return rc;
}

int engine_copy_table(struct engine_settings *settings, const char *file, const char *text, size_t size,
	const char *const *from, const char *const *to, const char *const *but, nvb_error **err)
{
	_cleanup_toml_layout_ struct toml_layout layout = {0};
	size_t depth = document_path_depth(from);
	int rc = toml_layout_read(&layout, text, size, file, err);

	for (size_t i = 0; rc == 0 && i < layout.count; i++) {
		const struct toml_item *item = &layout.items[i];
		_cleanup_strbuf_ struct nvb_strbuf rest = {0};

		if (item->kind != TOML_ITEM_VALUE || item->aside || item->is_inline || item->depth <= depth ||
			!toml_item_starts(item, from, depth))
			continue;
		if (!join_rest(item->path, depth, &rest))
			return nvb_fail_oom(err);
		if (!is_among(but, rest.s))
			rc = copy_item(settings, &layout, item, depth, to, err);
	}
	return rc;
}
