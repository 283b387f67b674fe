/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_PROBE_H
#define NVB_CAPSULE_PROBE_H

#include "base/error.h"
#include "capsule/state.h"
#include "nvbind/log.h"

/*
 * Runs a container with the default sandbox whose only file is a program that ends at once. 0 when it did,
 * else why not. Call in the private mount namespace.
 */
int nvb_runtime_probe(
	const struct nvb_state *state, const char *runtime, const struct nvb_log *log, nvb_error **err);

#endif
