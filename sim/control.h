/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "base/error.h"
#include "sim/state.h"

/* What the command line changes of a running machine: telemetry that a card would measure, and faults. */

/*
 * "gpu0.temperature=80", "gpu*.fan=40", "vary=off": all are checked before the first is made. NVB_ERR_INVALID
 * names the assignment that is wrong.
 */
int sim_control_set(struct sim_map *map, char *const *assignments, size_t count, nvb_error **err);

/* "gpu 3 lost", "gpu 0 xid 79", "gpu 2 none". `root` is the machine's directory: a GPU off the bus leaves it.
 */
int sim_control_fail(int root, struct sim_map *map, char *const *words, size_t count, nvb_error **err);

#endif
