/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_SOURCES_H
#define NVB_ENGINE_SOURCES_H

#include "base/str.h"
#include "base/toml.h"

/*
 * The files that an engine reads together: its main one and drop-ins, in their order, a later one winning.
 */
struct engine_source {
	char *path;
	char *text; /* NUL behind its end */
	size_t size;
	struct nvb_toml doc;
};

struct engine_sources {
	struct engine_source *items;
	size_t count, capacity;
};

/*
 * Reads what stands beside a file: for a drop-in (below a directory that ends in ".d") the main file
 * `main_name` above that directory and all drop-ins in the order of their names; for any other file that file
 * alone. What is not there is left out. Errors: the parser's, NVB_ERR_PERMISSION.
 */
int engine_sources_read(
	struct engine_sources *sources, const char *file, const char *main_name, nvb_error **err);
/* Reads one file more. One that is not there is fine. */
int engine_sources_add(struct engine_sources *sources, const char *file, nvb_error **err);
void engine_sources_release(struct engine_sources *sources);
#define _cleanup_engine_sources_ _cleanup_(engine_sources_release)

/* What stands at a path in the last file that has something there, or NULL; *source (or NULL) gets which. */
const struct nvb_toml_value *engine_sources_find(
	const struct engine_sources *sources, const char *const *path, const struct engine_source **source);

/* A string there; NULL when there is none. */
const char *engine_sources_string(const struct engine_sources *sources, const char *const *path);

#endif
