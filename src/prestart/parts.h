/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PRESTART_PARTS_H
#define NVB_PRESTART_PARTS_H

#include <linux/bpf.h>

#include "container/place.h"
#include "prestart/prestart.h"

/* The steps, for the files of this directory. */

/* Clones what the plan mounts, on the host's side (sources.c). */
int nvb_sources_open(struct nvb_prestart *prestart, nvb_error **err);

/* Looks at the container's first process (enter.c): NVB_ERR_UNSUPPORTED when its mount namespace is our own,
 * where mounts would be the host's. *user_namespace: it has one of its own. */
int nvb_check_process(pid_t pid, bool *user_namespace, nvb_error **err);

/* Enters the mount namespace of the container's first process, opens the root at `path` there, and enters its
 * user namespace, if it has one. NVB_ERR_UNSUPPORTED when the mount namespace is our own, where mounts would
 * be the host's. Not to be undone. */
int nvb_enter(pid_t pid, const char *path, bool user_namespace, struct nvb_root *root, nvb_error **err);

/* Opens what is to be mounted over, making it where the container has nothing (targets.c). fd (O_PATH) or
 * negated code. */
int nvb_target_open(const struct nvb_root *root, const char *path, bool directory, nvb_error **err);

/* Attaches a detached mount there (targets.c). */
int nvb_target_attach(
	const struct nvb_root *root, const char *path, bool directory, int mount, nvb_error **err);

/* Opens the directory for a node, making it (targets.c). *name is the last part of path. */
int nvb_target_open_parent(const struct nvb_root *root, const char *path, const char **name, nvb_error **err);

/* The directory of the node made last, which most have in common: finding out that it is the container's own
 * means reading all mounts. */
struct nvb_node_directory {
	int fd; /* -1: none yet */
	const char *path;
	size_t length;
};

/* Makes a device node, or attaches the host's (nodes.c). */
int nvb_node_make(const struct nvb_root *root, const struct nvb_source *source,
	struct nvb_node_directory *directory, nvb_error **err);

/* A rule of the device cgroup. */
struct nvb_device_rule {
	char type; /* 'c' or 'b' */
	uint32_t major, minor;
	const char *access; /* subset of "rwm" */
};

/* Lets the container of this process use these devices (rules.c). */
int nvb_rules_allow(pid_t pid, const struct nvb_device_rule *rules, size_t count, const struct nvb_log *log,
	nvb_error **err);

/* Where the devices of a process are decided (cgroup.c). */
struct nvb_device_cgroup {
	bool v2;
	char *path; /* of its directory on this host; NULL: it has none of its own */
};
int nvb_device_cgroup_find(pid_t pid, struct nvb_device_cgroup *cgroup, nvb_error **err);

/* The same from texts: /proc/self/mountinfo (changed in place), and /proc/<pid>/cgroup of the process and of
 * ourselves. */
int nvb_device_cgroup_read(char *mountinfo, const char *theirs, const char *ours,
	struct nvb_device_cgroup *cgroup, nvb_error **err);

/* Puts the rules before every device program of a cgroup (program.c). */
int nvb_program_allow(int cgroup, const struct nvb_device_rule *rules, size_t count,
	const struct nvb_log *log, nvb_error **err);

/* Instructions that say yes to the rules and fall through to what stands behind them; malloc'd (prefix.c). */
int nvb_program_prefix(const struct nvb_device_rule *rules, size_t count, struct bpf_insn **out,
	size_t *out_count, nvb_error **err);

#endif
