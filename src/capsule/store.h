/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_STORE_H
#define NVB_CAPSULE_STORE_H

#include "capsule/image.h"

/*
 * The inside of the image store, for those who write it (the layout is at the top of capsule/image.h).
 *
 * Locks: the store's lock is held shared while images are added or looked up and exclusively while something
 * is removed, each only for that moment; an image's own lock is held shared as long as a capsule runs from
 * it.
 */

enum nvb_store_lock {
	NVB_STORE_SHARED,
	NVB_STORE_EXCLUSIVE,
};

/* Waits for the store's lock; the descriptor holds it. fd or negated code. */
int nvb_store_lock(const struct nvb_store *store, enum nvb_store_lock kind, nvb_error **err);

/* What every writer begins with: sweeps if nobody else is at work, then takes the lock shared. fd or negated
 * code. */
int nvb_store_begin(const struct nvb_store *store, nvb_error **err);

/* A directory below tmp/ that is ours while its descriptor is open. Made under the store's lock. */
struct nvb_workplace {
	int fd;
	char name[64]; /* below the store: "tmp/<random>" */
};
int nvb_store_workplace(const struct nvb_store *store, struct nvb_workplace *workplace, nvb_error **err);
/* Removes it with all that is in it. */
void nvb_workplace_remove(const struct nvb_store *store, struct nvb_workplace *workplace);

/*
 * Removes the workplaces whose makers are gone. The caller holds the store's lock exclusively: a workplace is
 * made under the shared one, and between its making and its own lock it looks abandoned.
 */
int nvb_store_sweep(const struct nvb_store *store, nvb_error **err);

/* "localhost/base:latest" -> "refs/localhost%2Fbase:latest"; malloc'd, NULL without memory. */
char *nvb_store_ref_path(const char *reference);

/* Reads a reference: the image id's 64 digits into id. NVB_ERR_NOT_FOUND when there is no such reference. */
enum { NVB_DIGEST_HEX = 64 };
int nvb_store_read_ref(const struct nvb_store *store, const char *reference,
	char id[static NVB_DIGEST_HEX + 1], nvb_error **err);
int nvb_store_write_ref(
	const struct nvb_store *store, const char *reference, const char *id, nvb_error **err);

/* All references, sorted: NULL-terminated vector, malloc'd. */
int nvb_store_refs(const struct nvb_store *store, char ***references, nvb_error **err);
/* The names in a directory of the store ("images", "layers") that are digests, sorted. */
int nvb_store_digests(const struct nvb_store *store, const char *directory, char ***digests, nvb_error **err);

/*
 * Which image a user means: a name or an id. *reference is the name it was found by, or NULL for an id.
 */
int nvb_store_find(const struct nvb_store *store, const char *name, char id[static NVB_DIGEST_HEX + 1],
	char **reference, nvb_error **err);

/* "base" -> "localhost/base:latest": the name of an image that came from no registry. malloc'd. */
int nvb_image_localise(const char *name, char **reference, nvb_error **err);

/* 64 lower-case hexadecimal digits. */
bool nvb_is_digest(const char *s);

/* Fills in what an image's config says; `name` is for messages. Every layer it names must be unpacked in the
 * store. */
int nvb_image_read_config(struct nvb_image *image, const struct nvb_store *store, const char *name,
	const char *text, nvb_error **err);

/* Unpacked size of a layer in bytes; 0 when it is not known. */
uint64_t nvb_store_layer_size(const struct nvb_store *store, const char *digest);

#endif
