/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_REPLACE_H
#define NVB_CONTAINER_REPLACE_H

#include <stddef.h>

#include "container/place.h"

/*
 * Puts a file into a container in one step: whoever opens it sees the old one or the new one whole. Not
 * flushed to disk, since it is made again at every start. Owner and mode are those of `like`, or root's and
 * 0644. A link at the path is replaced, not followed.
 */
int nvb_replace_file(const struct nvb_place *place, const char *path, const void *data, size_t size,
	const struct stat *like, nvb_error **err);

#endif
