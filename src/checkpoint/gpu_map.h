/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_GPU_MAP_H
#define NVB_CHECKPOINT_GPU_MAP_H

#include "base/error.h"
#include "base/mem.h"
#include "capsule/definition.h"
#include "capsule/run.h"
#include "inventory/inventory.h"
#include "nvbind/gpu_state.h"
#include "snapshot/manifest.h"

/* Which GPU of this host each GPU of a snapshot becomes. */
struct nvb_gpu_map {
	struct nvb_gpu_pair *pairs; /* of all GPUs of the snapshot, in its order; in `arena` */
	size_t count;
	bool changes;	/* one becomes another */
	bool redefined; /* the definition names other GPUs than before */
	struct nvb_arena arena;
};
void nvb_gpu_map_release(struct nvb_gpu_map *map);
#define _cleanup_gpu_map_ _cleanup_(nvb_gpu_map_release)

/*
 * By the words that were said ("OLD=NEW", or "NEW" where there is one GPU; OLD a UUID or its place in the
 * snapshot, NEW a UUID, a PCI address or a number of this host's), which then stand in the definition;
 * without words by what the definition means on this host. A GPU stays itself where that leaves it. Errors:
 * NVB_ERR_INVALID, NVB_ERR_NOT_FOUND, NVB_ERR_UNSUPPORTED (another chip), NVB_ERR_CONFLICT (two become one).
 */
int nvb_gpu_map_make(struct nvb_gpu_map *map, const struct nvb_run_host *host,
	const struct nvb_snapshot_manifest *manifest, const struct nvb_inventory *inventory,
	char *const *words, struct nvb_capsule_definition *definition, nvb_error **err);

#endif
