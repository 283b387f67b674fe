/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_GPU_WORDS_H
#define NVB_CAPSULE_GPU_WORDS_H

#include "base/error.h"
#include "inventory/inventory.h"
#include "nvbind/bolt.h"
#include "request/request.h"

/*
 * What is said of a capsule's GPUs besides devices, profiles and limits: what stands below gpu.gaming and
 * gpu.aiml in a Boltfile, and a few words more. A definition keeps them as "KEY=VALUE" words:
 *
 *	driver=nvidia-open			the host's driver must be of that kind
 *	driver-cache=false			look at the host anew at each start
 *	gaming.profile=NAME, gaming.dlss_enabled=BOOL, gaming.rt_cores_enabled=BOOL,
 *	gaming.wine_optimizations=BOOL, gaming.power_profile=NAME
 *	aiml.profile=NAME, aiml.mig_enabled=BOOL, aiml.tensor_cores_enabled=BOOL,
 *	aiml.memory_pool_enabled=BOOL
 *	performance_mode=balanced|high|ultra|efficient
 *	display=BOOL, audio=BOOL		sockets of the caller's session
 *	nice=NUMBER
 */
struct nvb_gpu_words {
	bool is_game, is_aiml; /* something was said of it */
	struct nvb_bolt_gaming_gpu_config gaming;
	struct nvb_bolt_aiml_config aiml;
	const char *driver, *performance_mode, *nice; /* NULL: not said; all borrowed from the words */
	enum nvb_switch driver_cache, display, audio;
};

/* Reads the words; NULL is none. NVB_ERR_INVALID for one that is none of those above. */
int nvb_gpu_words_read(char *const *words, struct nvb_gpu_words *out, nvb_error **err);

/* What no configuration of the manager's has a place for, as settings of a request. */
int nvb_gpu_words_apply(const struct nvb_gpu_words *words, struct nvb_request *request, nvb_error **err);

/* Refuses a host whose driver is of another kind than "driver" says, and cards without MIG where a MIG device
 * was asked for. `granted` is the request as isolation has decided it. */
int nvb_gpu_words_check(const struct nvb_gpu_words *words, const struct nvb_inventory *inventory,
	const struct nvb_request *granted, const struct nvb_log *log, nvb_error **err);

#endif
