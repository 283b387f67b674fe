/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_TREE_FILE_H
#define NVB_CONTAINER_TREE_FILE_H

#include "base/error.h"

enum nvb_tree_how {
	NVB_TREE_LINKED, /* a hard link: the same file */
	NVB_TREE_CLONED, /* shares its blocks */
	NVB_TREE_COPIED,
};

/*
 * Puts the file open at `source` (any descriptor, O_PATH too) into the directory `parent` as `name`, in the
 * cheapest way the file systems and the caller's rights allow. A hard link is more than cheap: a file that
 * programs map shared stays one file. Returns an enum nvb_tree_how or -errno.
 */
int nvb_tree_place_file(int source, int parent, const char *name);

#endif
