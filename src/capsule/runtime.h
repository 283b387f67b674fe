/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_RUNTIME_H
#define NVB_CAPSULE_RUNTIME_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "capsule/state.h"
#include "nvbind/log.h"

/*
 * The OCI runtime: runc, crun or one that takes their command line. Which of them works on a host (a kind of
 * cgroup, a missing capability) only a container tells, so the first start after a boot runs a tiny one with
 * each in turn, and the answer is remembered under /run/bolt for this boot and this very program file.
 */

/* `candidates` are names or absolute paths in order of preference. *path is malloc'd. Call in the private
 * mount namespace. NVB_ERR_NOT_FOUND: none is installed; NVB_ERR_UNSUPPORTED: none works, each with its
 * reason. */
int nvb_runtime_choose(const struct nvb_state *state, char *const *candidates, char **path,
	const struct nvb_log *log, nvb_error **err);

/* The absolute path of a program named by name or path; malloc'd, NULL when there is none. */
char *nvb_runtime_find(const char *name);

/* Whether it can restore containers from images of CRIU, which crun must have been built for. */
bool nvb_runtime_restores(const char *name);

/* Whether a program of that name takes crun's options, and has its ways. */
bool nvb_runtime_is_crun(const char *runtime);

/* One start of a container, or of a further program in one, detached: the runtime ends once the program
 * inside runs. */
struct nvb_launch {
	const struct nvb_entry *entry;
	const char *bundle;  /* directory with config.json */
	const char *process; /* of a further program: its description; `bundle` is where messages go */
	const char *console; /* socket that gets the terminal, or NULL */
	int stdio[3];	     /* what the container gets as 0, 1, 2 */
	/* Runs in a forked child just before it becomes the runtime, with its streams: namespaces that are
	 * not the caller's. False ends it; what it wrote on standard error is the reason. NULL: nothing. */
	bool (*enter)(const void *data);
	const void *enter_data;
	/* Create it only: something is still to be done to its first process, before nvb_launch_start. */
	bool hold;
	/* Restore it from the images of CRIU there instead; `hold` and `process` are not for that. NULL:
	 * start its program. */
	const char *images;
	bool gives_up;		  /* CRIU: what it has read of them */
	bool tcp;		  /* with the connections that it had */
	char *const *environment; /* of the runtime; NULL: ours */
};

/* Starts the runtime and returns its pid. It dies with us. Its messages go to <bundle>/log, the container's
 * first process to <bundle>/pid. */
int nvb_launch_begin(const struct nvb_launch *launch, nvb_error **err);

/* Starts the program of a container that was held, and waits for the runtime to have done so. */
int nvb_launch_start(const struct nvb_launch *launch, const char *program, nvb_error **err);

/* After the runtime ended with 0: the container's first process, a child of ours by now. */
int nvb_launch_init(const struct nvb_launch *launch, pid_t *init, nvb_error **err);

/*
 * After it ended otherwise: why, in `program`'s case as an error about the program rather than the runtime.
 * `said` is what the runtime wrote on its standard error, for when its log says nothing. Returns 126 (the
 * program cannot be executed), 127 (it is not there) or 125, with *err set.
 */
int nvb_launch_failure(const struct nvb_launch *launch, int wait_status, const char *program,
	const char *said, nvb_error **err);

#endif
