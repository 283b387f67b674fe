/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "sim/majors.h"
#include "sim/scenario.h"

/* A machine's root while it is written. Paths are absolute below it; parents are made as needed. */
struct sim_tree {
	int fd;		  /* the root directory */
	const char *path; /* as the user named it, for messages */
	const struct sim_scenario *scenario;
	const struct nvb_log *log;
	struct sim_majors majors;
	bool nodes_refused; /* mknod is not allowed: said once */
};

int sim_tree_mkdir(struct sim_tree *tree, const char *path, nvb_error **err);
int sim_tree_put(
	struct sim_tree *tree, const char *path, const void *data, size_t size, mode_t mode, nvb_error **err);
int sim_tree_text(struct sim_tree *tree, const char *path, const char *text, nvb_error **err);
int sim_tree_textf(struct sim_tree *tree, const char *path, nvb_error **err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int sim_tree_link(struct sim_tree *tree, const char *path, const char *target, nvb_error **err);
/* Copies a file of the host; shares its blocks where the file system can. */
int sim_tree_copy(struct sim_tree *tree, const char *path, const char *from, mode_t mode, nvb_error **err);
/* A character node. Without the right to make nodes it warns once and does nothing. */
int sim_tree_node(struct sim_tree *tree, const char *path, unsigned major, unsigned minor, mode_t mode,
	nvb_error **err);
int sim_tree_socket(struct sim_tree *tree, const char *path, nvb_error **err);

/* The parts. */
int sim_tree_driver(struct sim_tree *tree, nvb_error **err); /* libraries, programs, data files, cache */
int sim_tree_wsl(struct sim_tree *tree, nvb_error **err);    /* the same on WSL2 */
int sim_tree_proc(struct sim_tree *tree, nvb_error **err);
int sim_tree_sys(struct sim_tree *tree, nvb_error **err);
int sim_tree_dev(struct sim_tree *tree, nvb_error **err);

/* Where the live state lies: the directory of libcuda's file, as a path below the root. */
const char *sim_tree_state_directory(const struct sim_layout *layout);

/* DRM minor numbers: the machine's devices in PCI order, other devices before the GPUs. */
uint32_t sim_tree_drm_of_gpu(const struct sim_scenario *scenario, uint32_t gpu);
uint32_t sim_tree_drm_of_device(const struct sim_scenario *scenario, size_t device);

#endif
