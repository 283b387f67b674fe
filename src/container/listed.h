/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_LISTED_H
#define NVB_CONTAINER_LISTED_H

#include <stdbool.h>

#include "base/ldcache.h"
#include "base/mem.h"
#include "base/root.h"

/* The names that a cache lists in one directory, under whatever path it names that directory ("/lib" and
 * "/usr/lib" are one on most systems), and the files beside them that these lead to ("libz.so.1.2.13"). */
struct nvb_listed {
	const char **names; /* sorted; they live in the cache or the arena */
	size_t count, capacity;
	struct nvb_arena arena;
};

/* `fd` is the directory, open. */
int nvb_listed_read(struct nvb_listed *listed, const struct nvb_root *root, const struct nvb_ldcache *cache,
	int fd, nvb_error **err);
bool nvb_listed_has(const struct nvb_listed *listed, const char *name);
void nvb_listed_release(struct nvb_listed *listed);

#endif
