/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_OFF_BUS_H
#define SIM_OFF_BUS_H

#include <stdbool.h>

#include "base/error.h"
#include "sim/state.h"

/* Where a machine keeps what a GPU off the bus had: at the top of its root. */
#define SIM_OFF_BUS_DIRECTORY ".nvbind-sim-off-bus"

/*
 * Takes a GPU out of a machine's /proc, /sys and /dev, as after a boot that did not find the card, or puts it
 * back. `root` is the machine's directory. Doing it twice is fine.
 */
int sim_off_bus(int root, const struct sim_gpu *gpu, bool off, nvb_error **err);

#endif
