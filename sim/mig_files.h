/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MIG_FILES_H
#define SIM_MIG_FILES_H

#include "base/error.h"
#include "sim/state.h"

/*
 * The files of MIG instances: /proc/driver/nvidia/capabilities/gpu<minor>/mig/gi<G>/[ci<C>/]access and the
 * nodes /dev/nvidia-caps/nvidia-cap<N>. The driver makes them with an instance and removes them with it.
 */
enum { SIM_MIG_GI_IDS = 15, SIM_MIG_CI_IDS = 8 };

/* Contents of a capability file: minor number, mode (octal argument, decimal in the file). */
#define SIM_CAPABILITY_FORMAT "DeviceFileMinor: %u\nDeviceFileMode: %u\nDeviceFileModify: 1\n"

/* Which files one GPU has now: bit c of ci[g] for compute instance c, bit 8 for the GPU instance itself. */
struct sim_mig_files {
	uint16_t present[SIM_MIG_GI_IDS];
};

/* What a GPU's state asks for. */
struct sim_mig_files sim_mig_files_wanted(const struct sim_gpu *gpu);

/*
 * Makes and removes what differs between *files and the GPU's state, below the machine's root, and brings
 * *files up to date. Where nodes cannot be made (no CAP_MKNOD) the capability files alone are.
 */
int sim_mig_files_sync(int root, const struct sim_gpu *gpu, unsigned caps_major, struct sim_mig_files *files,
	nvb_error **err);

#endif
