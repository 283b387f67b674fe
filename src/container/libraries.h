/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_LIBRARIES_H
#define NVB_CONTAINER_LIBRARIES_H

#include "base/ldcache.h"
#include "base/mem.h"
#include "container/container.h"
#include "nvbind/log.h"

/* The driver has some hundred libraries; a directory that offers more than this is not believed. */
enum { NVB_LIBRARIES_MAX = 4096 };

/* What ld.so.cache must say about the libraries that were put into a root. Strings live in the arena. */
struct nvb_libraries {
	struct nvb_ldcache_entry *entries; /* malloc'd; of two with one SONAME and flags the first counts */
	size_t count, capacity;
	struct nvb_arena arena;
};

/*
 * Finds the libraries that were put into these directories. A directory of the image holds its own libraries
 * beside them, and those keep the place that the image's cache gives them: where files were mounted, ours
 * are those that are mounts of their own; in a directory without any, ours are those that `old` does not list
 * there. Appends to *found; failures are logged and cost only what they touch. Fails only without memory.
 */
int nvb_libraries_find(const struct nvb_root *root, const char *const *directories, size_t count,
	const struct nvb_ldcache *old, struct nvb_libraries *found, const struct nvb_log *log,
	nvb_error **err);

/* The same from the work's own list of libraries (see struct nvb_container_work). */
int nvb_libraries_known(const struct nvb_container_work *work, struct nvb_libraries *found,
	const struct nvb_log *log, nvb_error **err);

/*
 * Adds the names under which `links` make a library of *found known beside its SONAME ("libcuda.so"), as
 * ldconfig does: they are found then also where the link itself could not be made.
 */
int nvb_libraries_add_links(
	struct nvb_libraries *found, const struct nvb_link *links, size_t count, nvb_error **err);

void nvb_libraries_release(struct nvb_libraries *libraries);
#define _cleanup_libraries_ _cleanup_(nvb_libraries_release)

#endif
