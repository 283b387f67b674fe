/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_ROOTLESS_H
#define NVB_CAPSULE_ROOTLESS_H

#include "base/error.h"
#include "capsule/process.h"
#include "capsule/state.h"

/*
 * What is different for a capsule that an ordinary user runs: bolt and the container live in a user namespace
 * in which the user is root. Nothing of it is done for root.
 */

/* Sweeps, then enters the user namespace. *narrow as nvb_userns_enter() gives it. */
int nvb_rootless_enter(
	const struct nvb_state *state, char **narrow, const struct nvb_log *log, nvb_error **err);

/* Refuses a process whose user does not exist in the namespace, and takes away the groups that do not. */
int nvb_rootless_fit_process(struct nvb_process *process, const char *narrow, nvb_error **err);

#endif
