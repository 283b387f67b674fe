/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_EXEC_H
#define NVB_CAPSULE_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "capsule/bundle.h"
#include "capsule/runtime.h"

/*
 * A further program in a capsule that runs, through the OCI runtime's exec: same namespaces, cgroup, seccomp
 * filter, capabilities, limits, groups and environment as the capsule's own program, GPU variables included.
 */

/* Writes down what that takes, as <run>/process.json: at every start, before the runtime is called. */
int nvb_exec_record(const char *run, const struct nvb_bundle *bundle, nvb_error **err);

/* The capsule. Everything is borrowed. */
struct nvb_exec_target {
	const char *id;
	const char *runtime, *runtime_root; /* of its struct nvb_entry */
	const char *run;		    /* /run/bolt/capsules/<id>; holds process.json */
	pid_t init;			    /* its first process: shows its files */
	uint64_t init_started;		    /* which process of that number */
	bool rootless;			    /* it lives in a user namespace, which must be entered first */
};

/* What shall run. Everything is borrowed. */
struct nvb_exec {
	char *const *args;
	char *const *env;	       /* "NAME=VALUE" sets, "NAME" unsets */
	const char *user;	       /* "USER[:GROUP]"; NULL: the capsule's */
	const char *working_directory; /* NULL: the capsule's */
	bool privileged;	       /* with all capabilities that the caller may give */
	bool interactive, terminal, detach;
};

/*
 * Runs it with this process's streams, terminal and signals. *status is what to exit with: its own, 128 + a
 * signal's, or with *err set and a negated code returned 125 (we failed), 126 (it cannot be executed), 127
 * (it is not there). With `detach` 0 once it runs. Changes this process for good, as nvb_capsule_run.
 */
int nvb_exec_run(
	const struct nvb_exec_target *target, const struct nvb_exec *exec, int *status, nvb_error **err);

/* The same for who has a loop of its own: the runtime has been started, `stdio` is what the program gets. */
struct nvb_exec_start {
	char directory[108]; /* of its own below the target's run; removed by nvb_exec_end */
	char *process;
	char *bundle; /* where the capsule was started, or NULL */
	pid_t init;   /* of the capsule */
	uint64_t init_started;
	bool rootless;
	struct nvb_entry entry;
	struct nvb_launch launch;
	pid_t runtime; /* to be waited for */
};
int nvb_exec_prepare(const struct nvb_exec_target *target, const struct nvb_exec *exec,
	struct nvb_exec_start *start, nvb_error **err);
void nvb_exec_end(struct nvb_exec_start *start);

/*
 * The description of a further program, from the recorded one of the capsule (`record`, as
 * nvb_exec_record wrote it). `root` shows the capsule's files (its users). malloc'd JSON in *out.
 */
int nvb_exec_describe(const char *record, const struct nvb_exec *exec, const struct nvb_root *root,
	char **out, nvb_error **err);
/* Makes this process root of the user namespace that the bolt of `init` was root of: only in it may we enter
 * the container's others. Does nothing unless `rootless`. NVB_ERR_CONFLICT when that process has ended. */
int nvb_exec_enter_user_namespace(pid_t init, uint64_t init_started, bool rootless, nvb_error **err);

/* The file system that a capsule's first process sees. NVB_ERR_CONFLICT when it has ended: whatever was opened
 * by its number before could be another process's, and that the host's. */
int nvb_exec_open_root(pid_t init, uint64_t init_started, struct nvb_root *root, nvb_error **err);

/* The directory in which the capsule was started, as recorded; malloc'd or NULL. */
char *nvb_exec_recorded_bundle(const char *record);

#endif
