/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"

static void release_source(struct engine_source *source)
{
	free(source->path);
	free(source->text);
	nvb_toml_release(&source->doc);
}

void engine_sources_release(struct engine_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		release_source(&sources->items[i]);
	free(sources->items);
	*sources = (struct engine_sources){0};
}

int engine_sources_add(struct engine_sources *sources, const char *file, nvb_error **err)
{
	struct engine_source source = {0};
	nvb_error *failure = NULL;
	int rc = nvb_file_read(AT_FDCWD, file, NVB_TOML_MAX, &source.text, &source.size, &failure);

	if (rc == -NVB_ERR_NOT_FOUND) {
		nvb_error_free(failure);
		return 0;
	}
	if (rc == 0)
		rc = nvb_toml_parse(&source.doc, source.text, source.size, file, &failure);
	if (rc == 0) {
		source.path = strdup(file);
		if (!source.path || !NVB_GROW(sources->items, sources->count, sources->capacity))
			rc = nvb_fail_oom(&failure);
	}
	if (rc == 0)
		sources->items[sources->count++] = source;
	else
		release_source(&source);
	nvb_error_move(err, failure);
	return rc;
}

static int read_drop_ins(struct engine_sources *sources, const char *directory, nvb_error **err)
{
	struct dirent **entries = NULL;
	int n = scandir(directory, &entries, NULL, alphasort), rc = 0;

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;
		bool hidden = entries[i]->d_name[0] == '.';

		if (rc == 0 && !hidden && asprintf(&path, "%s/%s", directory, entries[i]->d_name) < 0) {
			path = NULL;
			rc = nvb_fail_oom(err);
		}
		if (rc == 0 && !hidden)
			rc = engine_sources_add(sources, path, err);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int engine_sources_read(
	struct engine_sources *sources, const char *file, const char *main_name, nvb_error **err)
{
	const char *slash = strrchr(file, '/');
	_cleanup_free_ char *directory = strndup(file, slash ? (size_t)(slash - file) : 0), *main_file = NULL;
	char *above;
	int rc;

	if (!directory)
		return nvb_fail_oom(err);
	above = strrchr(directory, '/');
	if (!above || !nvb_ends_with(directory, ".d"))
		return engine_sources_add(sources, file, err);
	if (asprintf(&main_file, "%.*s/%s", (int)(above - directory), directory, main_name) < 0) {
		main_file = NULL;
		return nvb_fail_oom(err);
	}
	rc = engine_sources_add(sources, main_file, err);
	return rc < 0 ? rc : read_drop_ins(sources, directory, err);
}

const struct nvb_toml_value *engine_sources_find(
	const struct engine_sources *sources, const char *const *path, const struct engine_source **source)
{
	for (size_t i = sources->count; i-- > 0;) {
		const struct nvb_toml_value *v = &sources->items[i].doc.root;

		for (const char *const *key = path; *key && v; key++)
			v = nvb_toml_get(v, *key);
		if (!v)
			continue;
		if (source)
			*source = &sources->items[i];
		return v;
	}
	return NULL;
}

const char *engine_sources_string(const struct engine_sources *sources, const char *const *path)
{
	const struct nvb_toml_value *v = engine_sources_find(sources, path, NULL);

	return v && v->type == NVB_TOML_STRING ? v->string.s : NULL;
}
