/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_COLLECT_H
#define NVB_INVENTORY_COLLECT_H

#include "base/log.h"
#include "inventory/fingerprint.h"
#include "inventory/inventory.h"

/*
 * What the collectors share while an inventory is being made. Each of them appends to its own part; `files`
 * and their links are put in order once all of them are there (nvb_files_finish).
 */
struct nvb_pending_link {
	size_t file; /* index into files */
	struct nvb_link link;
};

struct nvb_collect {
	struct nvb_inventory *inventory;
	const struct nvb_log *log;
	struct nvb_file *files; /* malloc'd until finished */
	size_t file_count, file_capacity;
	struct nvb_pending_link *links; /* malloc'd */
	size_t link_count, link_capacity;
	/* The directory that programs expect the driver's libraries in, by class (64, 32): /usr/lib64 even if
	 * the files lie in /usr/lib64/nvidia/current. NULL: no libraries of that class. */
	const char *standard[2];
	const char *directory[2]; /* where the files themselves lie */
};

void nvb_collect_release(struct nvb_collect *collect);

/* GPUs and MIG devices from /proc and /sys, driver kind and module version. */
int nvb_collect_gpus(struct nvb_collect *collect, nvb_error **err);
/* Everything sysfs knows of one GPU. */
int nvb_sysfs_describe(struct nvb_collect *collect, struct nvb_gpu *gpu, nvb_error **err);
/* GPUs that no NVIDIA module serves: PCI display devices of NVIDIA. */
int nvb_sysfs_scan(struct nvb_collect *collect, nvb_error **err);
/* Control and special nodes; fills in the numbers of every node found so far. */
int nvb_collect_nodes(struct nvb_collect *collect, nvb_error **err);
/* A node as it is in the dev root; `major` and `minor` are kept when it is not there. */
void nvb_node_look(const struct nvb_inventory *inventory, struct nvb_node *node);
/* Driver libraries of both classes, driver version, library directories. */
int nvb_collect_libraries(struct nvb_collect *collect, nvb_error **err);
/* Everything of the table in data.c. */
int nvb_collect_data(struct nvb_collect *collect, nvb_error **err);
/* WSL2: libraries from the driver stores. */
bool nvb_wsl_detect(const struct nvb_inventory *inventory);
int nvb_collect_wsl(struct nvb_collect *collect, nvb_error **err);
/* cuda-compat. */
int nvb_collect_compat(struct nvb_collect *collect, nvb_error **err);

/* Appends a file unless its path is there already; *index is its place either way. Strings must live in the
 * arena or be static. */
int nvb_files_add(struct nvb_collect *collect, const struct nvb_file *file, size_t *index, nvb_error **err);
/* Adds a name that leads to a file, unless it is the file itself or that name is taken. */
int nvb_files_link(struct nvb_collect *collect, size_t file, const char *path, nvb_error **err);
/* Sorts files and attaches the links. */
int nvb_files_finish(struct nvb_collect *collect, nvb_error **err);

#endif
