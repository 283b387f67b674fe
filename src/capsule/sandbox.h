/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_SANDBOX_H
#define NVB_CAPSULE_SANDBOX_H

#include <stdint.h>

#include "base/error.h"
#include "capsule/spec.h"

/* What holds a capsule in: capabilities, paths of /proc and /sys, limits. Values are Docker's documented
 * defaults. */

#define NVB_CAPABILITY_COUNT 41 /* CAP_CHECKPOINT_RESTORE is 40 (Linux 5.9), the last so far */
#define NVB_CAPABILITIES_ALL ((UINT64_C(1) << NVB_CAPABILITY_COUNT) - 1)

/* "CAP_CHOWN" for 0; never NULL below NVB_CAPABILITY_COUNT. */
const char *nvb_capability_name(int number);
/* With or without "CAP_", in any case; -1 for an unknown name. */
int nvb_capability_number(const char *name);

/*
 * The set a capsule gets: defaults, --cap-add, --cap-drop, --privileged. `own` is what this process may give
 * (its bounding set); asking by name for more is refused.
 */
int nvb_sandbox_capabilities(
	const struct nvb_capsule_spec *spec, uint64_t own, uint64_t *out, nvb_error **err);

/* This process's bounding set. */
uint64_t nvb_own_capabilities(void);

/* NULL-terminated: paths that are hidden, and such that are made read-only. */
extern const char *const nvb_masked_paths[];
extern const char *const nvb_readonly_paths[];

#endif
