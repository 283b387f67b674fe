/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_ROOTFS_H
#define NVB_CAPSULE_ROOTFS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/root.h"
#include "capsule/image.h"
#include "nvbind/log.h"
#include "plan/plan.h"

/*
 * A capsule's root file system: an overlay of, from the top,
 *
 *	the capsule's upper directory	what the program writes, and nothing else
 *	the top layer			a tmpfs filled for this one start: links, ld.so.cache, mount points
 *	the driver tree			the driver's files, shared by all capsules
 *	the image's layers
 *
 * Everything of ours lies below the upper directory, so that a driver update or a snapshot of the upper
 * directory finds nothing of this start in it. All mounts are made in the private namespace of
 * nvb_mounts_private(), below its workspace.
 */
struct nvb_rootfs {
	char *workspace;
	bool rootless;	      /* mounted by the root of a user namespace */
	struct nvb_root view; /* the image as it is, read-only */
	struct nvb_root top;  /* the top layer, filled by us */
};
#define NVB_ROOTFS_INIT                                     \
	{                                                   \
		.view = NVB_ROOT_INIT, .top = NVB_ROOT_INIT \
	}

/* Opens the view of the image and an empty top layer in the workspace. */
int nvb_rootfs_open(struct nvb_rootfs *rootfs, const char *workspace, bool rootless,
	const struct nvb_image *image, nvb_error **err);
void nvb_rootfs_close(struct nvb_rootfs *rootfs);
#define _cleanup_rootfs_ _cleanup_(nvb_rootfs_close)

/*
 * Whether the driver tree of a plan (NVB_LAYOUT_LAYER) can be a layer: not where the image has a link or a
 * file in the place of one of its directories ("/usr/lib64 -> lib"), which the tree's directory would hide.
 */
bool nvb_rootfs_takes_layer(const struct nvb_rootfs *rootfs, const struct nvb_plan *plan);

/* The plan's links and library directories, done in the top layer. */
int nvb_rootfs_apply_plan(
	struct nvb_rootfs *rootfs, const struct nvb_plan *plan, const struct nvb_log *log, nvb_error **err);

/*
 * Makes a directory at the top of the root, in our layer, whatever the image has there: what the runtime
 * makes device nodes and links in must not be the image's, which may be a link to the host or become one
 * (crun 1.8.1 follows it). Anything else than a directory in the image is an error, found by
 * nvb_rootfs_mirror.
 */
int nvb_rootfs_own_directory(struct nvb_rootfs *rootfs, const char *name, nvb_error **err);

/*
 * Makes sure that something can be mounted at `path` (a directory or a file): what the image lacks is made
 * in the top layer, where the image's links lead. NVB_ERR_CONFLICT when something of the other kind is there.
 */
int nvb_rootfs_mount_point(struct nvb_rootfs *rootfs, const char *path, bool directory, nvb_error **err);

/* Gives the top layer's directories, which stand above the image's, their owners and modes. */
int nvb_rootfs_mirror(struct nvb_rootfs *rootfs, const struct nvb_plan *plan, nvb_error **err);

/*
 * Mounts the whole at <workspace>/rootfs. `tree` is the driver tree when it is a layer, else NULL; `upper` a
 * directory for "upper" and "work" below it, NULL for a read-only root; `discard` as in struct nvb_overlay.
 */
int nvb_rootfs_mount(const struct nvb_rootfs *rootfs, const struct nvb_image *image, const char *tree,
	const char *upper, bool discard, nvb_error **err);
/* So that the upper directory can be removed or read; the namespace's end would do it, too. */
void nvb_rootfs_unmount(const struct nvb_rootfs *rootfs);

#endif
