/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_SEARCH_H
#define NVB_INVENTORY_SEARCH_H

#include "inventory/collect.h"
#include "inventory/listing.h"

/* Directories that may hold driver libraries, most trusted source first. */
struct nvb_libdir {
	const char *path; /* with all links followed */
	struct nvb_listing listing;
};

struct nvb_libdirs {
	struct nvb_collect *collect;
	struct nvb_libdir *list; /* malloc'd */
	size_t count, capacity;
};

/*
 * Finds the directories: --library-path, those that ld.so.cache names driver libraries in, those where
 * distributions put them; and below each of them nvidia/<alternative> (Debian) and vdpau. Every place looked
 * at is watched.
 */
int nvb_libdirs_find(struct nvb_libdirs *dirs, nvb_error **err);
/* One more, with what lies below it. A place that is no directory is fine. */
int nvb_libdirs_add(struct nvb_libdirs *dirs, const char *path, nvb_error **err);
void nvb_libdirs_release(struct nvb_libdirs *dirs);
#define _cleanup_libdirs_ _cleanup_(nvb_libdirs_release)

/* The machine of programs on this host (EM_*), by class; 0: none of that class. */
unsigned nvb_host_machine(unsigned elf_class);

#endif
