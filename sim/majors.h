/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MAJORS_H
#define SIM_MAJORS_H

#include "base/error.h"

/*
 * Major numbers of a machine's character nodes. None of them is served by this host's kernel, so that opening
 * a simulated node answers ENXIO and never reaches real hardware: the driver's own numbers (nvidia 195, DRM
 * 226, InfiniBand 231; Documentation/admin-guide/devices.txt) where nobody serves them, else free ones.
 */
struct sim_majors {
	unsigned nvidia, uvm, caps, imex, nvswitch, drm, uverbs, rdma, fs, gdrdrv, dxg;
};

/* Picks them by the host's /proc/devices. */
int sim_majors_choose(struct sim_majors *majors, nvb_error **err);

/* The machine's own caps number, from its proc/devices below the directory `root`. */
int sim_majors_caps(int root, unsigned *caps, nvb_error **err);

#endif
