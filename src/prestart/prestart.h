/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PRESTART_PRESTART_H
#define NVB_PRESTART_PRESTART_H

#include <sys/types.h>

#include "base/root.h"
#include "nvbind/log.h"
#include "plan/plan.h"

/*
 * The fourth sink of a plan: a container that is already being created, for engines that know neither CDI nor
 * an OCI runtime of ours and call a prestart hook (docker's --gpus). The runtime has made the container's
 * namespaces, cgroup and mounts and waits for the hook, before the container's root becomes its "/".
 *
 * All that comes from the host goes in as descriptors: mounts are cloned on the host's side and attached to
 * descriptors opened below the container's root, so that no path is resolved twice. What is made lives in the
 * container's mount namespace and cgroup and is gone with them, also when we are killed half-way: the runtime
 * then does not start the container.
 */

/* A mount, or in a user namespace a device node, as it was cloned on the host's side. */
struct nvb_source {
	const struct nvb_edit *edit;
	int fd; /* a detached mount; -1: a node that is made */
	bool directory;
	mode_t mode; /* of a node */
	uid_t uid;
	gid_t gid;
	dev_t device;
};

struct nvb_prestart {
	const struct nvb_plan *plan;
	const struct nvb_log *log;
	struct nvb_source *sources;
	size_t source_count;
	bool user_namespace; /* the container has one of its own */
	struct nvb_root root;
	char *params; /* see container/params.h; NULL: nothing to mask */
};
#define NVB_PRESTART_INIT                         \
	{                                         \
		.plan = NULL, .root = {.fd = -1 } \
	}

/* The container as the runtime's state and config.json tell. */
struct nvb_creating {
	pid_t pid;	  /* its first process, in our pid namespace */
	const char *root; /* absolute path of its root, as in the host's mount namespace */
};

/*
 * The part with the host's privileges: refuses a plan that this sink cannot realise (environment, groups,
 * foreign hooks; NVB_ERR_UNSUPPORTED), clones mounts, allows devices in the container's cgroup, then enters
 * its mount and user namespace for good and opens its root. Changes the process; to be called once.
 */
int nvb_prestart_enter(struct nvb_prestart *prestart, const struct nvb_plan *plan,
	const struct nvb_creating *container, const struct nvb_log *log, nvb_error **err);

/* The part that meets the image's files: attaches mounts, makes nodes, links and the linker's cache. */
int nvb_prestart_fill(struct nvb_prestart *prestart, nvb_error **err);

void nvb_prestart_release(struct nvb_prestart *prestart);
#define _cleanup_prestart_ _cleanup_(nvb_prestart_release)

#endif
