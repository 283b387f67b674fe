/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_LISTING_H
#define NVB_INVENTORY_LISTING_H

#include <stdint.h>

#include "base/root.h"

/*
 * A directory read at once with getdents64(2): four system calls, one allocation. readdir(3) costs twice
 * that, and an inventory of a big machine reads hundreds of directories.
 */
struct nvb_listing_entry {
	const char *name;
	uint64_t inode;
	unsigned char type; /* DT_*; DT_UNKNOWN where the file system does not tell */
};

struct nvb_listing {
	char *buffer;
	struct nvb_listing_entry *entries; /* sorted by name; "." and ".." left out */
	size_t count;
};

/* Reads a directory below the root. 0 or -errno; *listing is untouched on failure. */
int nvb_listing_read(const struct nvb_root *root, const char *path, struct nvb_listing *listing);
void nvb_listing_release(struct nvb_listing *listing);
#define _cleanup_listing_ _cleanup_(nvb_listing_release)

/* The entry with that name, or NULL. */
const struct nvb_listing_entry *nvb_listing_find(const struct nvb_listing *listing, const char *name);

#endif
