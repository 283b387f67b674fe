/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_CONTAINERD_H
#define NVB_ENGINE_CONTAINERD_H

#include "base/error.h"

/* Which file below a configuration's directory is edited: the drop-in conf.d/99-nvbind.toml where containerd
 * merges it, else `main_file` itself. malloc'd. */
int engine_containerd_target(const char *main_file, char **file, nvb_error **err);

/* The table of the CRI plugin in a configuration of that version (1, 2, 3). */
const char *engine_containerd_plugin(int version);

#endif
