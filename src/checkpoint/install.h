/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_INSTALL_H
#define NVB_CHECKPOINT_INSTALL_H

#include <sys/types.h>

#include "base/error.h"
#include "capsule/start.h"
#include "supervisor/starter.h"

/*
 * What a restore puts into a capsule's own directory, and how that is undone:
 *
 *	<data>/restoring-<random>/	what is unpacked, flock'ed by who unpacks it
 *	<data>/restore/			the same once the capsule's start has begun
 *		processes		CRIU's images, where memory has no room for them (checkpoint/images.h)
 *		upper			to take the place of the capsule's own, before it does
 *		old			the capsule's own, after that
 *
 * A start that is to restore installs it and ends by removing it; every other start undoes what it finds.
 */

/* Holding the capsule's lock. `directory` is <data>/restoring-<random>. */
int nvb_restore_install(const struct nvb_entry *entry, const char *directory, nvb_error **err);
/* As it was before, from wherever it was broken off. */
void nvb_restore_undo(const struct nvb_entry *entry);
/* It runs: what is left has a name that no start undoes, *gone, for free(). Where that fails the next start
 * would take back what is written from now on. */
int nvb_restore_settle(const struct nvb_entry *entry, char **gone, nvb_error **err);
/* And goes, in the background, behind it `images`, a descriptor that is closed. */
void nvb_restore_tidy(const char *gone, int images);

/* Its processes are there: device nodes that its new GPUs need, and what was on the GPU. */
int nvb_restore_finish(
	const struct nvb_start *start, const struct nvb_restoring *restoring, pid_t init, nvb_error **err);

/* The root of a restored capsule's first process, which must be in the control group of that path. */
struct nvb_root;
int nvb_restore_open_root(pid_t init, const char *group, struct nvb_root *root, nvb_error **err);

struct nvb_restored_node {
	dev_t number;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* Gives a device node in a directory of running processes its owner and mode: that device or nothing. */
int nvb_restore_own_node(int parent, const char *name, const struct nvb_restored_node *node, nvb_error **err);

#endif
