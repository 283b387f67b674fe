/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_START_H
#define NVB_CAPSULE_START_H

#include <limits.h>
#include <stdbool.h>

#include "base/str.h"
#include "capsule/definition.h"
#include "capsule/gpu.h"
#include "capsule/image.h"
#include "capsule/network.h"
#include "capsule/process.h"
#include "capsule/rootfs.h"
#include "capsule/run.h"
#include "capsule/runtime.h"
#include "capsule/state.h"
#include "lease/lease.h"

/*
 * One start of a capsule, from what was asked for to a bundle that an OCI runtime can run: what a capsule in
 * the foreground and one under a supervisor have in common. Changes this process for good (a mount namespace
 * of its own), so each takes a process.
 */
struct nvb_start {
	const struct nvb_run_host *host;
	const struct nvb_capsule_definition *definition;
	const struct nvb_capsule_spec *spec; /* the definition's */
	/* Called once mounts are private and before the capsule is recorded; or NULL. */
	int (*entered)(struct nvb_start *start, nvb_error **err);
	void *data;		      /* of the caller */
	unsigned short rows, columns; /* of the terminal; 0: unknown */
	bool restores;		      /* its processes come from images of CRIU: not every runtime can */

	struct nvb_request *request;
	struct nvb_gpu_plan gpu;
	struct nvb_image image;
	bool image_open;
	struct nvb_state state;
	char *narrow; /* why there are no user ids but the caller's own, or NULL */
	char *runtime;
	struct nvb_entry entry;		   /* recorded by a step, unless the caller has recorded it before */
	struct nvb_connection *connection; /* to networks of its own, or NULL */
	char netns[PATH_MAX];		   /* "": the host's or none */
	struct nvb_lease *lease;	   /* NULL: no GPU, or nothing to lease */
	struct nvb_knobs *knobs;	   /* NULL: none is turned */
	struct nvb_rootfs rootfs;
	struct nvb_process process;
	char hostname[HOST_NAME_MAX + 1];
	struct nvb_strbuf seccomp;
	char *filter; /* what the runtime made of it before, or NULL */
	struct nvb_launch launch;
	bool no_cpuset; /* no control group that could keep the CPUs */
	bool started;
};

void nvb_start_init(struct nvb_start *start, const struct nvb_run_host *host,
	const struct nvb_capsule_definition *definition);

/* All steps, in order. */
int nvb_start_prepare(struct nvb_start *start, nvb_error **err);

/* Whether the program can be run, see program.h. */
int nvb_start_check_program(const struct nvb_start *start, int *status, nvb_error **err);

/* The runtime, with the streams that are set in start->launch; see nvb_launch_begin. */
int nvb_start_launch(struct nvb_start *start, nvb_error **err);

/* The container's first process is this one: records it, gives it the lease and what is its own. */
int nvb_start_note(struct nvb_start *start, pid_t init, nvb_error **err);

/* So that the capsule's files can be removed, or read. */
void nvb_start_unmount(struct nvb_start *start);
/* Puts knobs back, gives back the lease and what was granted under it: once the container has gone, or when
 * none came. */
void nvb_start_give_back(struct nvb_start *start);
/* Frees what this process has; lease and record are the caller's to end, before. */
void nvb_start_release(struct nvb_start *start);

/* Steps with files of their own. */
int nvb_start_make_root(struct nvb_start *start, nvb_error **err);
int nvb_start_make_bundle(struct nvb_start *start, nvb_error **err);
/* Whether the runtime will compile a system call filter that is worth keeping. */
bool nvb_start_compiles_filter(const struct nvb_start *start);

#endif
