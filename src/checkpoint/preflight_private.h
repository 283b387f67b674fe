/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_PREFLIGHT_PRIVATE_H
#define NVB_CHECKPOINT_PREFLIGHT_PRIVATE_H

#include "checkpoint/preflight.h"

/* The inside of preflight.c, for the files beside it. */

enum nvb_preflight_time { NVB_PREFLIGHT_TAKE = 1, NVB_PREFLIGHT_RESTORE = 2, NVB_PREFLIGHT_BOTH = 3 };

/* Every id that a finding may have. */
struct nvb_preflight_check {
	const char *id;
	enum nvb_preflight_time time;
	const char *wants; /* what must be so */
	const char *hint;  /* what mends it, or NULL */
};
extern const struct nvb_preflight_check nvb_preflight_checks[];

void nvb_preflight_find(struct nvb_preflight_report *report, const char *id, int pid, bool fatal,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Sockets of the processes whose other end is outside. */
int nvb_preflight_sockets(
	const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report, nvb_error **err);

/* Descriptors of files in no mount of their process, mounts of what was removed. */
int nvb_preflight_descriptors(
	const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report, nvb_error **err);

/* Processes that are not of the tree that CRIU saves; a capsule that stands still. */
void nvb_preflight_processes(
	const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report);

/* Mounts whose source is at its place no more. */
void nvb_preflight_sources(const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report);

/* What a snapshot wants back of the host's files. */
void nvb_preflight_wanted_files(char *const *lines, struct nvb_preflight_report *report);

/* What of the mounts that a process sees is gone, or does not answer; `mountinfo` is its. */
void nvb_preflight_mounts(int pid, const char *mountinfo, struct nvb_preflight_report *report);
/* Whether a path of the host's is behind somebody who does not answer. */
bool nvb_preflight_is_silent(const char *path);

/* A socket as the kernel lists it. */
struct nvb_preflight_peer {
	uint32_t inode, peer; /* 0: not connected */
	char *name;	      /* that the socket is bound to, "@..." for an abstract one; NULL: none */
};

/* All unix sockets of a process' network namespace; *list is released with nvb_preflight_peers_free. */
int nvb_preflight_unix_peers(int pid, struct nvb_preflight_peer **list, size_t *count, nvb_error **err);
void nvb_preflight_peers_free(struct nvb_preflight_peer *list, size_t count);

/* One line of /proc/PID/net/tcp or tcp6: false where it is none. */
struct nvb_preflight_tcp {
	unsigned state, port;
	uint32_t inode;
	char address[64]; /* of the other end, as people write it */
};
bool nvb_preflight_tcp_parse(const char *line, struct nvb_preflight_tcp *tcp);

#endif
