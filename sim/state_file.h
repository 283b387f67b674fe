/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STATE_FILE_H
#define SIM_STATE_FILE_H

#include "sim/tree.h"

/*
 * Makes the state file of a new machine beside its libraries, fills it in from the scenario, its MIG
 * instances included, and makes their capability files and nodes.
 */
int sim_state_file_create(struct sim_tree *tree, nvb_error **err);

/* Path of the state file below a machine's root: malloc'd, NULL without memory. */
char *sim_state_file_path(const struct sim_layout *layout, const char *driver);

#endif
