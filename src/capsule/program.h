/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_PROGRAM_H
#define NVB_CAPSULE_PROGRAM_H

#include "base/error.h"
#include "base/root.h"
#include "capsule/process.h"
#include "capsule/spec.h"
#include "plan/plan.h"

/*
 * Looks at the program that a container is to run, since OCI runtimes report what the kernel says of it too
 * late: as output of the container, which ends with 1. `root` is the finished root file system; where a
 * mount of `spec` or `plan` (NULL: none) hides the program, nothing is known and nothing said. 0, or a
 * negated code with *status what a shell would return: 127 for no name at all, 126 for a script whose
 * interpreter is not there and for what is no program for this machine.
 */
int nvb_program_check(const struct nvb_root *root, const struct nvb_capsule_spec *spec,
	const struct nvb_plan *plan, const struct nvb_process *process, int *status, nvb_error **err);

#endif
