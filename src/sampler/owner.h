/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SAMPLER_OWNER_H
#define NVB_SAMPLER_OWNER_H

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
 * know is NVB_OWNER_HOST. Where groups are nested, the innermost counts. Sources of the names: runc's and
 * crun's systemd and cgroupfs drivers, kubelet's cgroup manager, podman's "libpod-", Slurm's cgroup plugins.
 */
void nvb_owner_read(const char *text, struct nvb_owner_words *words);

#endif
