/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MIG_H
#define SIM_MIG_H

#include "sim/state.h"

/*
 * What the driver knows about MIG: which profiles a card offers, where instances may lie, which numbers they
 * get. Source: NVIDIA's MIG user guide ("Supported MIG profiles", "Device placement"). Pure functions on a
 * struct sim_gpu; locking and permission are the caller's.
 */
struct sim_gi_profile {
	uint32_t profile;      /* NVML_PROFILE_* */
	uint32_t id;	       /* the id nvidia-smi shows and CreateGpuInstance takes */
	uint32_t slices, size; /* compute slices; memory slices */
	uint32_t instances;    /* at most that many on one card */
	uint32_t memory_mb;
	uint32_t sm_count;
	uint32_t copy_engines, decoders, jpegs, ofas;
	uint32_t starts; /* bit n: may begin at memory slice n */
	char name[32];	 /* "1g.10gb+me" */
};

struct sim_ci_profile {
	uint32_t profile; /* NVML_PROFILE_* */
	uint32_t id;	  /* what CreateComputeInstance takes */
	uint32_t slices, instances, sm_count;
	char name[48]; /* "2c.3g.40gb", or "3g.40gb" for all of it */
};

/* The profile by its NVML number or by its id: false when the card does not offer it. */
bool sim_gi_profile(const struct sim_gpu *gpu, uint32_t profile, struct sim_gi_profile *out);
bool sim_gi_profile_by_id(const struct sim_gpu *gpu, uint32_t id, struct sim_gi_profile *out);
bool sim_ci_profile(const struct sim_gpu *gpu, const struct sim_gpu_instance *gi, uint32_t profile,
	struct sim_ci_profile *out);
bool sim_ci_profile_by_id(const struct sim_gpu *gpu, const struct sim_gpu_instance *gi, uint32_t id,
	struct sim_ci_profile *out);

/* How many MIG devices the card can have at a time; 0 without MIG. */
uint32_t sim_mig_max(const struct sim_gpu *gpu);

/* How many more instances of the profile fit now. */
uint32_t sim_gi_capacity(const struct sim_gpu *gpu, const struct sim_gi_profile *profile);
uint32_t sim_ci_capacity(const struct sim_gpu_instance *gi, const struct sim_ci_profile *profile);

/* Existing instances by id; NULL when there is none. */
struct sim_gpu_instance *sim_find_gi(struct sim_gpu *gpu, uint32_t id);
struct sim_compute_instance *sim_find_ci(struct sim_gpu_instance *gi, uint32_t id);

/* Place an instance (`start` SIM_ANYWHERE: first free place). NULL when nothing fits. */
struct sim_gpu_instance *sim_create_gi(
	struct sim_gpu *gpu, const struct sim_gi_profile *profile, uint32_t start);
struct sim_compute_instance *sim_create_ci(const struct sim_gpu *gpu, struct sim_gpu_instance *gi,
	const struct sim_ci_profile *profile, uint32_t start);

/* A MIG device: one compute instance. They are numbered by GPU instance id, then compute instance id. */
struct sim_mig_device {
	const struct sim_gpu_instance *gi;
	const struct sim_compute_instance *ci;
};
uint32_t sim_mig_devices(const struct sim_gpu *gpu, struct sim_mig_device devices[SIM_GI_MAX * SIM_CI_MAX]);

#endif
