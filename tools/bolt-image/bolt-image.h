/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_BOLT_IMAGE_H
#define TOOLS_BOLT_IMAGE_H

#include <json-c/json.h>
#include <sys/types.h>

#include "capsule/store.h"
#include "cli/options.h"

/*
 * bolt-image: everything that writes the image store. A program of its own below libexec, so that libarchive
 * and what it pulls in are never loaded on the way of a running capsule; `bolt image ...` becomes it by exec.
 */

/* The verbs. */
int image_pull(int argc, char **argv, nvb_error **err);
int image_import(int argc, char **argv, nvb_error **err);
int image_ls(int argc, char **argv, nvb_error **err);
int image_rm(int argc, char **argv, nvb_error **err);
int image_inspect(int argc, char **argv, nvb_error **err);
int image_prune(int argc, char **argv, nvb_error **err);
int image_login(int argc, char **argv, nvb_error **err);
int image_logout(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group pull_groups[], import_groups[], ls_groups[], inspect_groups[],
	prune_groups[], login_groups[], logout_groups[];

/* The store that --store or its default names. */
int open_store(struct nvb_store *store, nvb_error **err);

static inline void json_putp(struct json_object **json)
{
	json_object_put(*json);
}

/*
 * owners.c: whose the files of the store are. Root's store has the owners that archives name. An ordinary
 * user is root of a user namespace for what has to do with them, and nothing else: skopeo runs outside.
 */

/* Enters the namespace, once; does nothing for root. Where the host has none for us we go on without. `tell`:
 * warns when files will not get the owners they should have. */
void owners_enter(bool tell);
/* Removes what killed pulls of others left in tmp/; to be called before nvb_store_begin() by whoever will
 * not have entered then. */
void owners_sweep(const struct nvb_store *store);
/* Whether this process is root of a user namespace only. */
bool owners_are_mapped(void);

/* unpack.c: one layer, from an archive to a directory of the store. */

struct layer_source {
	int fd;	       /* the archive, compressed or not; read from its start or, for a pipe, as it comes */
	uint64_t size; /* its bytes, 0 unknown */
	const char *diff_id; /* what its uncompressed bytes must hash to, 64 digits; NULL: whatever they do */
};

struct layer {
	char diff_id[NVB_DIGEST_HEX + 1];
	uint64_t size; /* bytes of file content */
};

/*
 * Unpacks below `directory` (a new, empty directory of a workplace): "fs/" and "size". Runs in this process,
 * which changes its root for it, so call it in a child (jobs.c). `progress` is called with the archive's
 * bytes read so far.
 */
int layer_unpack(int directory, const struct layer_source *source, struct layer *layer,
	void (*progress)(void *data, uint64_t bytes), void *data, nvb_error **err);

/* jobs.c: several layers at once, each in its own process. */

struct layer_job {
	struct layer_source source;
	char directory[96]; /* below the store; made by the caller's workplace */
	struct layer layer; /* the result */
	/* the rest is jobs.c's own */
	pid_t pid;
	int pipe;
	uint64_t bytes;
	char line[1024];
	size_t line_used;
	bool done;
};

/* Runs all jobs, as many at a time as there are processors; stops them all when one fails or a signal asks
 * for it. */
int layer_jobs_run(const struct nvb_store *store, struct layer_job *jobs, size_t count, const char *label,
	nvb_error **err);

/* signals.c: SIGINT, SIGTERM and SIGHUP ask the work to stop, so that it can clean up. */
void stop_signals_install(void);
bool stop_requested(void);
/* NVB_ERR_CANCELLED */
int stop_error(nvb_error **err);

/* publish.c */

/* Moves an unpacked layer to its place; somebody else may have been first. */
int publish_layer(const struct nvb_store *store, const char *from, const char *diff_id, nvb_error **err);
/* Makes the image and its reference visible. `manifest` may be NULL. Gives the id. */
int publish_image(const struct nvb_store *store, const char *config, size_t config_size, const char *manifest,
	size_t manifest_size, const char *reference, char id[static NVB_DIGEST_HEX + 1], nvb_error **err);
/* True when the layer is unpacked. */
bool have_layer(const struct nvb_store *store, const char *diff_id);

/* SHA-256 as 64 digits. */
void sha256_hex(const void *data, size_t size, char hex[static NVB_DIGEST_HEX + 1]);
void digest_to_hex(const unsigned char digest[static 32], char hex[static NVB_DIGEST_HEX + 1]);

/* remove.c: forgets images without names, layers and placeholders no image uses. Needs the store's exclusive
 * lock. */
struct collected {
	size_t images, layers;
	uint64_t bytes;
};
int collect_rubbish(const struct nvb_store *store, struct collected *collected, nvb_error **err);

#endif
