/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_BUNDLE_H
#define NVB_CAPSULE_BUNDLE_H

#include "base/error.h"
#include "base/str.h"
#include "capsule/process.h"
#include "capsule/spec.h"
#include "nvbind/log.h"
#include "plan/plan.h"

/* What a bundle is made of. Everything is borrowed. */
struct nvb_bundle {
	const struct nvb_capsule_spec *spec;
	const struct nvb_process *process;
	const struct nvb_plan *plan; /* or NULL */
	const char *hostname;
	const char *cgroup;	     /* "/bolt/<id>", or NULL for none */
	const char *hosts_directory; /* host directory of the files hosts, hostname, resolv.conf; or NULL */
	bool hosts_shared;	     /* others write /etc/hosts while it runs: it is only read inside */
	const char *netns;	     /* path of its network namespace, or NULL: one as the spec says */
	uint64_t capabilities;
	bool restores;		      /* CRIU mounts: binds are staged for it in hosts_directory (staged.h) */
	bool rootless;		      /* we are in a user namespace: device nodes are mounted, not made */
	const char *cpus;	      /* those near its GPUs, where the user names none; NULL: any */
	const char *seccomp;	      /* linux.seccomp as JSON, NULL for none */
	const char *seccomp_filter;   /* what the runtime once made of it (filter_cache.h), or NULL */
	unsigned short rows, columns; /* of the terminal; 0 unknown */
	const struct nvb_log *log;
};

/*
 * Writes the OCI config.json. The plan's devices, mounts, environment, groups and foreign hooks are in it;
 * its links and linker directories are not: they are done in the root beforehand. Errors name the device or
 * mount that is not there.
 */
int nvb_bundle_write(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err);

/* What a further program in the capsule must know of it (exec_record.h): {"process": as in config.json,
 * "groups": the plan's, "home": the user's, "bundle": where it was, "cgroup": whether it has its own,
 * "binds": the targets of what of the host's is mounted in it}. */
int nvb_bundle_write_process(const struct nvb_bundle *bundle, struct nvb_strbuf *out, nvb_error **err);

#endif
