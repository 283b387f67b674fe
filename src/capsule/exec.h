/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_EXEC_H
#define NVB_CAPSULE_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * A further program in a capsule that runs, through the OCI runtime's exec: same namespaces, cgroup, seccomp
 * filter, capabilities, limits, groups and environment as the capsule's own program, which its start wrote
 * down in <run>/process.json (the "process" of its config.json).
 */

/* The capsule. Everything is borrowed. */
struct nvb_exec_target {
	const char *id;
	const char *runtime, *runtime_root; /* of its struct nvb_entry */
	const char *run;		    /* /run/bolt/capsules/<id>; holds process.json */
	pid_t init;			    /* its first process: shows its files */
};

/* What shall run. Everything is borrowed. */
struct nvb_exec {
	char *const *args;
	char *const *env;	       /* "NAME=VALUE" sets, "NAME" unsets */
	const char *user;	       /* "USER[:GROUP]"; NULL: the capsule's */
	const char *working_directory; /* NULL: the capsule's */
	bool privileged;	       /* all capabilities that the caller has */
	bool interactive, terminal, detach;
};

/*
 * Runs it with this process's streams, terminal and signals. *status is what to exit with: its own, 128 + a
 * signal's, or with *err set and a negated code returned 125 (we failed), 126 (it cannot be executed), 127
 * (it is not there). With `detach` 0 once it runs. Changes this process for good, as nvb_capsule_run.
 */
int nvb_exec_run(
	const struct nvb_exec_target *target, const struct nvb_exec *exec, int *status, nvb_error **err);

#endif
