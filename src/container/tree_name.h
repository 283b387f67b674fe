/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_TREE_NAME_H
#define NVB_CONTAINER_TREE_NAME_H

#include <stdbool.h>
#include <sys/stat.h>

#include "inventory/inventory.h"

/*
 * Names of driver trees: "<driver version>-<32 hex digits>". The digits are a digest of the files, so that a
 * changed driver gives another tree; they also make the name unique enough to be searched for in the mount
 * tables of a host. The digest guards against mix-ups, not against attack: all that goes into it is root's.
 */
enum { NVB_TREE_NAME_MAX = 128 };

/* What a tree is called before it is whole, and once it is given up. */
#define NVB_TREE_UNFINISHED ".new-"
#define NVB_TREE_GIVEN_UP   ".old-"

/* FNV-1a with 128 bits. */
struct nvb_tree_digest {
	unsigned __int128 value;
};
#define NVB_TREE_DIGEST_INIT                                                                          \
	{                                                                                             \
		((unsigned __int128)0x6c62272e07bb0142 << 64) | (unsigned __int128)0x62b821756295c58d \
	}

void nvb_tree_digest_file(struct nvb_tree_digest *digest, const struct nvb_file *file, const struct stat *st);
void nvb_tree_name(const struct nvb_tree_digest *digest, const char *version, char name[NVB_TREE_NAME_MAX]);

/* True for what nvb_tree_name makes. */
bool nvb_tree_is_name(const char *name);

#endif
