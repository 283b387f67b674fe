/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_LOCATE_H
#define NVB_CAPSULE_LOCATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "capsule/exec.h"
#include "capsule/state.h"

/* Where a capsule is, and whether its program runs: what is asked of a capsule besides its life cycle (logs,
 * exec, copying, figures) starts here. */
struct nvb_located {
	char id[NVB_CAPSULE_ID + 1];
	char *run, *data;		       /* its directories */
	char *logs;			       /* its log (supervisor/log.h) */
	char *runtime, *runtime_root, *cgroup; /* NULL where there is none */
	pid_t init;			       /* 0: it does not run */
	uint64_t init_started;
	bool paused;
	bool rootless;
};

/* By name, by id, or by the beginning of an id that no other has (four digits at least). */
int nvb_locate(
	const struct nvb_state *state, const char *which, struct nvb_located *located, nvb_error **err);
void nvb_located_release(struct nvb_located *located);
#define _cleanup_located_ _cleanup_(nvb_located_release)

/* Looks again whether it runs. */
void nvb_located_refresh(struct nvb_located *located);

/* Whether somebody answers for it: it runs, is about to run again, or what it wrote last is still being read.
 */
bool nvb_located_is_kept(const struct nvb_located *located);

/* NVB_ERR_CONFLICT unless it runs. */
int nvb_located_running(const struct nvb_located *located, const char *which, nvb_error **err);

/* For nvb_exec_run. */
struct nvb_exec_target nvb_located_target(const struct nvb_located *located);

#endif
