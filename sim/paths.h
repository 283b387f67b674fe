/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_PATHS_H
#define SIM_PATHS_H

#include "base/error.h"

/*
 * Where the simulator's own parts lie: beside the running program when it was built and not installed, else
 * in the directories of the installation. Results belong to the caller.
 */

/* The directory of TOML files. */
int sim_scenario_directory(char **path, nvb_error **err);

/* A simulated library or program to copy into a machine: "libcuda.so.1", "libnvidia-ml.so.1", "nvidia-smi".
 */
int sim_artifact(const char *name, char **path, nvb_error **err);

#endif
