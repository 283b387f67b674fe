/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_IMAGE_H
#define NVB_CAPSULE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "nvbind/log.h"
#include "supervisor/health.h"

/*
 * The image store as a reader sees it. Writing it (pull, import, rm, prune) is the work of the program
 *bolt-image, which alone links libarchive; running a capsule only looks a name up and uses what is unpacked.
 *
 *	<store>/lock                     see capsule/store.h
 *	<store>/refs/<name>              a name ("docker.io/library/debian:12", "/" written "%2F"): text
 *"sha256:<image id>\n" <store>/images/<image id>/       config.json, manifest.json, lock <store>/layers/<diff
 *id>/fs/     an unpacked layer, ready as a lower directory of an overlay <store>/layers/<diff id>/size    its
 *bytes <store>/blobs/sha256/<digest>    what skopeo left; files without blocks stand for layers that are
 *unpacked <store>/tmp/<random>/            work in progress, locked by its maker; whatever is not locked is
 *rubbish
 *
 * An image id is the digest of its config, as everywhere; a layer is named by the digest of its uncompressed
 *archive.
 */

struct nvb_store {
	char *path;
	int fd; /* directory */
};

/* Opens the store at `path` (made when missing). */
int nvb_store_open(struct nvb_store *store, const char *path, nvb_error **err);
void nvb_store_close(struct nvb_store *store);

/* Where the store is when nobody says otherwise: /var/lib/bolt/store for root, $XDG_DATA_HOME/bolt/store
 * else; malloc'd. */
char *nvb_store_default_path(void);

/* An image in use. All strings in the arena; NULL is "the image does not say". Vectors are NULL-terminated or
 * NULL. */
struct nvb_image {
	struct nvb_arena arena;
	const char *id;	       /* "sha256:..." */
	const char *reference; /* the normalised name */
	const char *architecture, *os;
	const char *const *entrypoint, *const *command, *const *environment;
	const char *user, *working_directory, *stop_signal;
	const char *const *volumes;
	struct nvb_health_check health; /* zeroed: it has none */
	const char *const *layers;	/* host paths, lowest first */
	size_t layer_count;
	int lock; /* the image's own, held shared: nothing of it is removed while this is open */
};

/*
 * Looks an image up: by name (missing parts are filled in as docker does: "debian" is
 * docker.io/library/debian:latest, but a local name without a registry is found first) or by id (a unique
 * prefix of at least 4 digits). NVB_ERR_NOT_FOUND when it is not here, NVB_ERR_CORRUPT when a layer is gone
 * or the config is not one.
 */
int nvb_image_open(const struct nvb_store *store, const char *name, struct nvb_image *image, nvb_error **err);
void nvb_image_close(struct nvb_image *image);

/* "debian" -> "docker.io/library/debian:latest"; NVB_ERR_INVALID says what a name may look like. malloc'd. */
int nvb_image_normalise(const char *name, char **reference, nvb_error **err);

#endif
