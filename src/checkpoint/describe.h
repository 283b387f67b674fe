/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_DESCRIBE_H
#define NVB_CHECKPOINT_DESCRIBE_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/criu.h"

/* What a snapshot's manifest says of a capsule. */
struct nvb_description {
	struct nvb_snapshot_manifest manifest;
	struct nvb_arena arena; /* its strings and lists */
};
void nvb_description_release(struct nvb_description *description);

/* The processes that have a state of the GPU's in them. */
int nvb_describe_processes(struct nvb_description *description, nvb_gpu_state *gpu, const int *pids,
	size_t count, nvb_error **err);

/* What a restore has to know; while its processes stand still. */
int nvb_describe_details(struct nvb_description *description, const struct nvb_checkpoint *checkpoint,
	bool gpus, const int *pids, size_t pid_count, nvb_error **err);

/* All else. `inventory` is NULL for a capsule without GPUs. */
int nvb_describe_capsule(struct nvb_description *description, const struct nvb_checkpoint *checkpoint,
	const struct nvb_inventory *inventory, const struct nvb_criu *criu, nvb_error **err);

/* What a restore has to know besides: manifest.details. */
struct nvb_details {
	bool terminal, tcp, gpus;
	unsigned cgroup; /* 1 or 2 */
	char **files;	 /* lines of nvb_preflight_files */
};
void nvb_details_release(struct nvb_details *details);
#define _cleanup_details_ _cleanup_(nvb_details_release)
/* Of this host: 1 or 2. */
unsigned nvb_details_cgroup(void);
/* NVB_ERR_CORRUPT. */
int nvb_details_read(const char *text, struct nvb_details *details, nvb_error **err);

/* The volumes of a capsule, as many as its spec has; malloc'd, with the spec's words. NULL without memory. */
struct nvb_preflight_mount *nvb_describe_mounts(const struct nvb_capsule_spec *spec, nvb_error **err);

#endif
