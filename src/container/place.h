/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_PLACE_H
#define NVB_CONTAINER_PLACE_H

#include "base/root.h"

/*
 * Where work inside a container happens: `content` is what its programs will see, `top` is where changes are
 * written. For a root that exists both are the same; for an overlay that is not mounted yet, `top` is the
 * lower layer above the image, and what is written there must stand under the name that `content` resolves
 * to: a directory "lib" in `top` would hide the image's link "lib -> usr/lib" and every library with it.
 */
struct nvb_place {
	const struct nvb_root *content;
	const struct nvb_root *top;
};

static inline bool nvb_place_is_layered(const struct nvb_place *place)
{
	return place->content != place->top;
}

/*
 * Refuses (NVB_ERR_PERMISSION) when the open directory lies in a volume: what a user mounted into the
 * container is not ours to change, and may be the host's own /etc. A tmpfs of the container's own (/run, /dev)
 * is no volume, one of the host's is. `path` is for the message.
 */
int nvb_place_check(const struct nvb_place *place, int directory, const char *path, nvb_error **err);

/*
 * Opens the directory in `top` that holds the last part of `path`, creating it and those above as they are in
 * `content` (mode, owner) or with mode 0755; never in a volume (see nvb_place_check). *name points at the
 * last part inside `path`. fd (O_PATH) or negated code.
 */
int nvb_place_open_parent(
	const struct nvb_place *place, const char *path, const char **name, nvb_error **err);

/* The same directory in `content`; -NVB_ERR_NOT_FOUND without an error set when it is not there. */
int nvb_place_open_content_parent(
	const struct nvb_place *place, const char *path, const char **name, nvb_error **err);

#endif
