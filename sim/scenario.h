/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "base/error.h"
#include "base/str.h"
#include "base/toml.h"
#include "sim/layout.h"
#include "sim/state.h"

/* A machine as a TOML file describes it, before anything of it exists. docs/simulator.md lists the keys. */
enum sim_module {
	SIM_MODULE_OPEN,
	SIM_MODULE_PROPRIETARY,
	SIM_MODULE_NOUVEAU,
	SIM_MODULE_NONE,
};

/* What /sys says of a GPU beside what NVML knows. */
struct sim_gpu_host {
	uint32_t class; /* PCI class: 0x030000 VGA, 0x030200 3D controller */
	bool drm;	/* nvidia-drm serves it: /dev/dri nodes */
	char **mig;	/* names of the MIG instances to start with; points into the scenario */
};

/* Another PCI device of interest: an integrated GPU, a network adapter. */
struct sim_pci_device {
	struct sim_pci pci;
	uint32_t class;
	const char *driver;
	bool drm;
};

struct sim_scenario {
	char *name;
	struct nvb_toml document; /* strings below live in it */
	const char *summary;
	const struct sim_layout *layout;
	const char *driver; /* version of the libraries; NULL: none installed */
	const char *module_version;
	const char *kernel;
	enum sim_module module;
	bool graphics, libraries32, dri, persistence, vary, latency;
	bool wsl;
	const char *cuda_compat; /* version of the libraries in /usr/local/cuda/compat, or NULL */
	uint32_t nvswitches, imex_channels, infiniband;
	bool gdrcopy, gds;
	struct sim_machine machine;
	struct sim_gpu *gpu; /* machine.gpu_count of them */
	struct sim_gpu_host *host;
	char ***mig_lists; /* one for each table of GPUs, NULL-terminated */
	struct sim_pci_device device[8];
	size_t device_count;
};
#define SIM_SCENARIO_INIT \
	{                 \
		0         \
	}

/* What the command line says over the file. */
struct sim_scenario_choice {
	const char *layout; /* or NULL */
	uint32_t gpus;	    /* 0: as the file says */
	uint64_t seed;	    /* of UUIDs and serial numbers */
};

/* Names of all scenarios, sorted; a later directory's file does not hide an earlier one's of the same name.
 */
int sim_scenario_names(char ***names, nvb_error **err);

/* Reads a scenario by its name, or a file when `name` holds a slash or ends in ".toml". */
int sim_scenario_load(const char *name, const struct sim_scenario_choice *choice, struct sim_scenario *out,
	nvb_error **err);
void sim_scenario_release(struct sim_scenario *scenario);
#define _cleanup_scenario_ _cleanup_(sim_scenario_release)

/* Branch of a version: 570 for "570.133.20". */
uint32_t sim_branch(const char *version);

#endif
