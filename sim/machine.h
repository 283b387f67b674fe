/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include <sys/types.h>

#include "base/error.h"
#include "base/log.h"
#include "sim/scenario.h"

/*
 * A simulated machine: a directory that a program takes for a host's root, with a daemon behind it. A file of
 * ours in that directory says that we made it; nothing else is ever removed.
 */
#define SIM_MARKER   ".nvbind-sim"
#define SIM_PID_FILE "run/nvidia-persistenced/nvidia-persistenced.pid"

struct sim_machine_info {
	char *root;	/* absolute, links resolved */
	char *scenario; /* its name */
	pid_t pid;	/* of the daemon; 0: none runs */
};
void sim_machine_info_release(struct sim_machine_info *info);

/*
 * Makes the machine and starts its daemon. `path` is a directory that does not exist or is empty; a machine
 * that nobody uses is replaced. On failure nothing is left.
 */
int sim_machine_create(const char *path, const struct sim_scenario *scenario, const struct nvb_log *log,
	struct sim_machine_info *info, nvb_error **err);

/* Stops the daemon and removes what create made. What others put at the top of the directory stays; *left
 * tells. */
int sim_machine_destroy(const char *path, bool *left, nvb_error **err);

/* Reads the marker: NVB_ERR_NOT_FOUND when `path` is no machine. */
int sim_machine_inspect(const char *path, struct sim_machine_info *info, nvb_error **err);

/* Maps a machine's live state for writing. */
int sim_machine_state(const char *path, struct sim_map *map, nvb_error **err);

#endif
