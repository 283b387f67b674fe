/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_PROCESS_H
#define NVB_CAPSULE_PROCESS_H

#include "base/error.h"
#include "base/root.h"
#include "capsule/image.h"
#include "capsule/spec.h"
#include "capsule/users.h"
#include "plan/plan.h"

/* The program a container runs: what the image says, laid over by what the user said. */
struct nvb_process {
	char **args, **env;
	const char *working_directory; /* absolute; borrowed from spec or image */
	struct nvb_user user;
	int stop_signal;
};

/*
 * `root` shows the container's files (for its users), `hostname` is what HOSTNAME shall say. Of the plan only
 * its environment counts; NULL is no plan. Later ones win: image, plan, user.
 */
int nvb_process_make(const struct nvb_capsule_spec *spec, const struct nvb_image *image,
	const struct nvb_root *root, const struct nvb_plan *plan, const char *hostname,
	struct nvb_process *process, nvb_error **err);
void nvb_process_release(struct nvb_process *process);
#define _cleanup_process_ _cleanup_(nvb_process_release)

#endif
