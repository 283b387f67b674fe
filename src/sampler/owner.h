/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_OWNER_H
#define NVB_SAMPLER_OWNER_H

#include <stdbool.h>

#include "nvbind/sampler.h"

/* What a process belongs to, as the names of its control groups say. */

enum { NVB_OWNER_TEXT = 129 };

struct nvb_owner_words {
	enum nvb_owner owner;
	char id[NVB_OWNER_TEXT];  /* "" none */
	char pod[NVB_OWNER_TEXT]; /* "" none */
};

/*
 * Reads the text of /proc/PID/cgroup (cgroups(7)): v1, v2 or both. Takes anything; what names nothing that we
 * know is NVB_OWNER_HOST. Where groups are nested the outermost counts, and "bolt", Slurm's and Kubernetes'
 * only where these put them: names below are whoever's who was given the group. `roots` is what
 * nvb_owner_roots found (NULL: nothing). Sources of the names: runc's and crun's systemd and cgroupfs
 * drivers, kubelet's cgroup manager, podman's "libpod-", Slurm's cgroup plugins, liblxc's "lxc.payload",
 * systemd's nspawn.
 */
void nvb_owner_read(const char *text, char *const *roots, struct nvb_owner_words *words);

/*
 * Groups that stand for the root here: those that are mounted on /sys/fs/cgroup although they are not the
 * top, as in a container which sees the host's paths. `mountinfo` is the text of /proc/self/mountinfo, and
 * changed; the groups are added to *roots. False without memory.
 */
bool nvb_owner_roots(char *mountinfo, char ***roots);

#endif
