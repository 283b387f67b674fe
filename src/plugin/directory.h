/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PLUGIN_DIRECTORY_H
#define NVB_PLUGIN_DIRECTORY_H

#include <stddef.h>

#include "base/error.h"

/*
 * The directory of plugins. What lies there is run, so each file, the directory and all above it must belong
 * to root (or, for an ordinary user, to that user) and be writable by nobody else. What was checked is what
 * is loaded: the open file.
 */
struct nvb_plugin_file {
	char *name;	    /* without ".so" */
	int fd;		    /* readable; -1: refused */
	nvb_error *problem; /* why */
};

/* All NAME.so by name. No directory: none. A directory that others can write refuses all. */
int nvb_plugin_files(const char *directory, struct nvb_plugin_file **list, size_t *count, nvb_error **err);
void nvb_plugin_files_free(struct nvb_plugin_file *list, size_t count);

/* One by the path of its file, wherever it lies: for `nvbind plugin check FILE`. */
int nvb_plugin_file_open(const char *path, struct nvb_plugin_file *file, nvb_error **err);

#endif
