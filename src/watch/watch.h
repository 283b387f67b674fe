/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WATCH_WATCH_H
#define NVB_WATCH_WATCH_H

#include "inventory/inventory.h"
#include "nvbind/log.h"

/*
 * Waiting for what changes specs, without looking again and again: inotify for files and device nodes,
 * uevents for modules and PCI devices. /proc tells nobody when it changes, so a driver's version is seen by
 * its module being loaded, and MIG devices by the capability nodes that are made for them. A /proc that is
 * none (a directory of a --proc-root) is watched as any other directory.
 */
struct nvb_watched {
	int wd;
	char *name; /* the one entry of the directory that matters; NULL: all of them */
};

struct nvb_watcher {
	int inotify, uevents;	     /* uevents -1: they cannot be had here */
	struct nvb_watched *watched; /* malloc'd; one directory may stand there several times */
	size_t count, capacity;
	const struct nvb_log *log;
};

int nvb_watcher_open(struct nvb_watcher *watcher, const struct nvb_log *log, nvb_error **err);
void nvb_watcher_close(struct nvb_watcher *watcher);

/* Watches a directory of the host, or the place where it would appear. */
int nvb_watcher_add_directory(struct nvb_watcher *watcher, const char *path, nvb_error **err);
/* One entry of a directory. */
int nvb_watcher_add_file(struct nvb_watcher *watcher, const char *path, nvb_error **err);
/* All that an inventory was made from. */
int nvb_watcher_add_inventory(
	struct nvb_watcher *watcher, const struct nvb_inventory *inventory, nvb_error **err);

/* Reads all that has come: 1 when something of it matters, 0 when nothing does. */
int nvb_watcher_drain(struct nvb_watcher *watcher, nvb_error **err);

#endif
