/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_EXTERNALS_H
#define NVB_CHECKPOINT_EXTERNALS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * What in a container's namespaces is the host's, as CRIU's option "external" wants to be told: mounts that
 * the next bundle brings again, and a network namespace that was made outside. The names are those that OCI
 * runtimes give when they restore: a bind's target, "/dev/null" for a masked file, "extRootNetNS".
 */

/* `run` is the capsule's directory in /run (exec.h writes there what was bound); `netns` says whether its
 * network is one of ours. *externals is for nvb_strv_free. */
int nvb_externals_make(const char *run, pid_t init, bool netns, char ***externals, nvb_error **err);

#endif
