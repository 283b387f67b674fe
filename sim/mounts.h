/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MOUNTS_H
#define SIM_MOUNTS_H

#include "base/error.h"

/*
 * NVB_ERR_BUSY, naming it, when something is mounted below `root` (absolute, links resolved; the root itself
 * may be a mount). Removing a tree would go on into a bind mount of the same file system without noticing.
 */
int sim_check_no_mounts(const char *root, nvb_error **err);

#endif
