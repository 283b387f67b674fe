/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_MUSL_H
#define NVB_CONTAINER_MUSL_H

#include <stdbool.h>

#include "container/place.h"
#include "nvbind/log.h"

/*
 * musl's dynamic linker has no cache: it searches the directories that etc/ld-musl-<arch>.path lists. The
 * driver's libraries are made for glibc and do not load under musl; what is promised there is that files and
 * paths are right for programs that bring glibc's interfaces along (gcompat).
 */

/* Appends the directories to the path file of every musl in the root; true when there is one. */
bool nvb_musl_apply(const struct nvb_place *place, const char *const *directories, size_t count,
	const struct nvb_log *log);

/* The new content of a path file: `old` (NULL: no file, musl's defaults hold) and what it lacks of
 * `directories`. malloc'd; NULL without memory. */
char *nvb_musl_path(const char *old, const char *const *directories, size_t count);

#endif
