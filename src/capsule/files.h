/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_FILES_H
#define NVB_CAPSULE_FILES_H

#include "base/error.h"
#include "base/root.h"
#include "capsule/locate.h"
#include "capsule/run.h"

/*
 * The files of a capsule as it sees them: of one that runs with all that is mounted in it, of another one its
 * image and what it has written. Changes this process for good: for one that does not run a mount namespace
 * of its own is made, an ordinary user's is entered.
 */
int nvb_files_open(const struct nvb_run_host *host, struct nvb_state *state,
	const struct nvb_located *capsule, struct nvb_root *root, nvb_error **err);

/*
 * Locks the files of a capsule that does not run (`data`: its directory): who copies them has mounted them as a start does,
 * so one of the two must wait. A descriptor, closing it unlocks; NVB_ERR_BUSY unless `wait`. nvb_files_open has it until
 * its process ends.
 */
int nvb_files_lock(const char *data, bool wait, nvb_error **err);

/* A place to copy from or to. */
struct nvb_copy_end {
	struct nvb_root root; /* the capsule's files, or the host's */
	int directory;	      /* -1, or the open directory that `name` is in */
	char *name;	      /* "." for the directory itself */
};
#define NVB_COPY_END_INIT                              \
	{                                              \
		.root = NVB_ROOT_INIT, .directory = -1 \
	}
void nvb_copy_end_release(struct nvb_copy_end *end);

/*
 * What `path` names below end->root, as docker's cp has it: "DIR/." are the contents of DIR. *directory: it
 * is one; *base is the name that a copy gets by default (malloc'd; NULL for contents). `follow`: a link as
 * the last part means what it leads to.
 */
int nvb_copy_source(struct nvb_copy_end *end, const char *path, bool follow, bool *directory, char **base,
	nvb_error **err);

/*
 * Where a copy goes: into the directory `path` when there is one, else to that name. `directory` and `base`
 * are of the source. end->name is the new name; NULL: names stay as they are packed.
 */
int nvb_copy_target(
	struct nvb_copy_end *end, const char *path, bool directory, const char *base, nvb_error **err);

#endif
