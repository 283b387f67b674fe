/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_SPEC_H
#define NVB_CAPSULE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "lease/lease.h"
#include "network/port.h"

/*
 * What a capsule shall be, as the user asked for it: the command line's words are parsed and checked, nothing
 * of the host or the image has been looked at yet. Strings live in the spec's arena.
 */

enum nvb_network {
	NVB_NETWORK_HOST,   /* the host's own interfaces */
	NVB_NETWORK_NONE,   /* a loopback of its own and nothing else */
	NVB_NETWORK_BRIDGE, /* interfaces of its own in the networks that are named */
};

/* The network that is always there, and what one may be called. */
#define NVB_NETWORK_DEFAULT "bridge"
enum { NVB_NETWORK_NAME = 63, NVB_NETWORKS = 16 };

enum nvb_pull {
	NVB_PULL_MISSING,
	NVB_PULL_ALWAYS,
	NVB_PULL_NEVER,
};

enum nvb_seccomp {
	NVB_SECCOMP_DEFAULT,
	NVB_SECCOMP_UNCONFINED,
	NVB_SECCOMP_FILE,
};

struct nvb_volume {
	const char *source; /* absolute path on the host */
	const char *target; /* absolute path inside, normalised */
	bool read_only;
	const char *propagation; /* "rprivate", "rslave" ...; never NULL */
};

struct nvb_tmpfs {
	const char *target;
	const char *options; /* comma-separated mount options, "" for none */
};

/* A device of the host named by its path. */
struct nvb_host_device {
	const char *host, *container;
	char access[4]; /* subset of "rwm" */
};

enum { NVB_RLIMITS = 16 };
struct nvb_ulimit {
	const char *name; /* "RLIMIT_NOFILE" */
	int resource;
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

/* What its control group allows it. 0: no limit of its own. */
struct nvb_resources {
	uint64_t memory, memory_swap; /* bytes; memory_swap counts both, UINT64_MAX: as much as there is */
	uint64_t nano_cpus;	      /* billionths of a processor */
	uint64_t cpu_shares;
	uint64_t pids;		      /* UINT64_MAX: no limit, said */
	const char *cpuset_cpus, *cpuset_mems;
};

struct nvb_capsule_spec {
	struct nvb_arena arena;
	const char *image;
	const char *name; /* NULL: made from the id */
	char *const *command;
	bool remove, interactive, terminal;

	const char *user, *working_directory, *hostname, *stop_signal;
	const char *entrypoint; /* "" clears the image's; NULL: not given */
	char **env;		/* "KEY=VALUE" sets, "KEY" unsets; in the user's order */
	char **annotations;	/* "KEY=VALUE" */

	struct nvb_volume *volumes;
	size_t volume_count, volume_capacity;
	struct nvb_tmpfs *tmpfs;
	size_t tmpfs_count, tmpfs_capacity;
	struct nvb_host_device *devices;
	size_t device_count, device_capacity;
	struct nvb_ulimit ulimits[NVB_RLIMITS];
	size_t ulimit_count;

	struct nvb_resources resources;
	enum nvb_network network;
	bool network_given;
	char **networks;	/* with NVB_NETWORK_BRIDGE; the first is the way out */
	char **network_aliases; /* what others call it there besides its name */
	struct nvb_port *ports;
	size_t port_count, port_capacity;
	char **extra_hosts; /* "ADDRESS\tNAME": lines for /etc/hosts */
	uint64_t shm_size;  /* bytes; 0: 64 MiB, as docker */
	bool read_only, privileged;
	uint64_t capabilities_added, capabilities_dropped; /* bits by capability number */
	bool no_new_privileges;
	bool unmasked; /* systempaths=unconfined: no masked and read-only paths below /proc and /sys */
	enum nvb_seccomp seccomp;
	const char *seccomp_file;

	enum nvb_pull pull;
	const char *runtime; /* name or path of the only OCI runtime to use; NULL: as configured */
};

/* Docker's defaults. */
void nvb_capsule_spec_init(struct nvb_capsule_spec *spec);
void nvb_capsule_spec_release(struct nvb_capsule_spec *spec);
#define _cleanup_spec_ _cleanup_(nvb_capsule_spec_release)

/* One word of the command line into the spec. Each refuses what it cannot do with the reason. */

/* "SOURCE:TARGET[:OPTIONS]"; a relative SOURCE starts with "." and counts from the working directory. */
int nvb_spec_add_volume(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "TARGET[:OPTIONS]" */
int nvb_spec_add_tmpfs(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "HOST[:CONTAINER][:rwm]" */
int nvb_spec_add_device(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "nofile=1024[:2048]", "core=-1", "memlock=unlimited" */
int nvb_spec_add_ulimit(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* Fills in name and resource of the limit that getrlimit(2) calls so ("memlock"); false when there is none.
 */
bool nvb_ulimit_find(const char *name, struct nvb_ulimit *limit);
/* That name. */
const char *nvb_ulimit_name(const struct nvb_ulimit *limit);
/* "KEY=VALUE", or "KEY" to hand on the caller's value (or its absence) */
int nvb_spec_add_env(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* A file of such lines; empty ones and those that start with '#' are skipped. */
int nvb_spec_add_env_file(struct nvb_capsule_spec *spec, const char *path, nvb_error **err);
/* "seccomp=unconfined", "seccomp=FILE", "no-new-privileges[:false]", ... with ":" or "=". */
int nvb_spec_add_security_opt(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "NET_ADMIN", "cap_net_admin", "ALL" */
int nvb_spec_add_capability(uint64_t *set, const char *text, nvb_error **err);
/* "NAME=VALUE" */
int nvb_spec_add_annotation(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
int nvb_spec_set_workdir(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
int nvb_spec_set_stop_signal(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "2", "1.5": processors. */
int nvb_spec_set_cpus(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "0-3,8": of processors and of memory nodes. */
int nvb_spec_set_cpuset_cpus(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
int nvb_spec_set_cpuset_mems(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "512m", and as docker -1 for swap without a limit. */
int nvb_spec_set_memory(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
int nvb_spec_set_memory_swap(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* A number, -1 for no limit. */
int nvb_spec_set_pids(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* Whether there is any limit. */
bool nvb_resources_any(const struct nvb_resources *resources);
/* What of these fits together. */
int nvb_resources_check(const struct nvb_resources *resources, nvb_error **err);
int nvb_spec_set_name(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
int nvb_spec_set_hostname(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);

/* "none", "host", "bridge" or another network's name; repeated for several networks. */
int nvb_spec_add_network(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "[ADDRESS:]HOST:CONTAINER[/udp]", see network/port.h */
int nvb_spec_add_port(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* "NAME:ADDRESS" */
int nvb_spec_add_host(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
int nvb_spec_add_network_alias(struct nvb_capsule_spec *spec, const char *text, nvb_error **err);
/* Once all is added: who publishes a port and names no network means the bridge; what the network cannot do
 * is refused. */
int nvb_spec_settle_network(struct nvb_capsule_spec *spec, nvb_error **err);
bool nvb_is_network_name(const char *text);

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3" to a number; false when it is none. */
bool nvb_parse_signal(const char *text, int *signal);

/* True for "vendor/class=name", which names a CDI device; a path of the host starts with "/". */
bool nvb_is_cdi_name(const char *text);

#endif
