/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_TREE_H
#define NVB_CONTAINER_TREE_H

#include "inventory/inventory.h"

/*
 * The driver tree: the driver's files of one version and one set of capabilities as a directory that mirrors
 * the root ("usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15" ...), made of hard links where the file system
 * allows (reflinks, else copies), with SONAME links ready. It is made once, under a temporary name, then
 * renamed: it exists whole or not at all; several processes may race for it. A running container keeps its
 * tree when a package upgrade replaces the driver's files.
 */

/* Where capsules' trees are: /var/lib/nvbind/driver for root, $XDG_DATA_HOME/nvbind/driver else; malloc'd. */
char *nvb_tree_default_base(void);

/*
 * Gives the absolute host path of the tree for this inventory and these capabilities below `base` (such as
 * /var/lib/nvbind/driver), making it when it is missing. Names carry the driver version and a digest of
 * (path, inode, size, mtime, links) of every file, so a changed driver gives another tree. Sockets and
 * directories are left to mounts. Directories get mode 0755 less the caller's umask. Errors:
 * NVB_ERR_NOT_FOUND (no files, or one is gone), NVB_ERR_STALE (one changed meanwhile), NVB_ERR_PERMISSION
 * (others can write to `base`).
 */
int nvb_tree_ensure(const struct nvb_inventory *inventory, unsigned capabilities, const char *base,
	char **path, const struct nvb_log *log, nvb_error **err);

/* The path that nvb_tree_ensure would give, whether the tree is there or not; makes nothing. */
int nvb_tree_path(const struct nvb_inventory *inventory, unsigned capabilities, const char *base, char **path,
	nvb_error **err);

/*
 * Removes the trees below `base` that no mount of this host uses, that `keep` does not name (paths or names
 * of trees, NULL-terminated; NULL: none) and that nvb_tree_ensure has not given out within ten minutes; also
 * what killed processes left. Mounts are found in every mount namespace the caller may see, by the tree's
 * name: a tree must be mounted under its own path.
 */
int nvb_tree_prune(const char *base, const char *const *keep, const struct nvb_log *log, nvb_error **err);

#endif
