/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_STATS_H
#define NVB_CAPSULE_STATS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* What a capsule uses, as its control groups count it. */

#define NVB_STAT_UNKNOWN UINT64_MAX

struct nvb_capsule_stats {
	uint64_t cpu;		      /* nanoseconds since its start */
	uint64_t memory;	      /* bytes, without the files that could be dropped at once */
	uint64_t memory_limit;	      /* bytes; the machine's where there is none */
	uint64_t pids, pids_limit;    /* UINT64_MAX: no limit */
	uint64_t io_read, io_written; /* bytes since its start, of block devices */
};

/*
 * `mounted` is where control groups are mounted ("/sys/fs/cgroup"), v1 or v2; `group` the capsule's
 * ("/bolt/<id>"). What a host does not count is NVB_STAT_UNKNOWN.
 */
void nvb_stats_read(const char *mounted, const char *group, struct nvb_capsule_stats *stats);

/* Its processes, by the host's numbers, with those of groups that it made inside; malloc'd, in no order. */
int nvb_stats_processes(const char *mounted, const char *group, pid_t **pids, size_t *count, nvb_error **err);

/* The same for a capsule without control groups: the processes of its first one's pid namespace. */
int nvb_stats_namespace_processes(pid_t init, pid_t **pids, size_t *count, nvb_error **err);

/* The parsers, each of a whole file's text; NVB_STAT_UNKNOWN when it is not there. */
/* "KEY VALUE" lines. */
uint64_t nvb_stats_key(const char *text, const char *key);
/* v2's io.stat: the sum over devices of "rbytes=" and "wbytes=". */
void nvb_stats_io_v2(const char *text, uint64_t *read, uint64_t *written);
/* v1's blkio.throttle.io_service_bytes: "8:0 Read 4096". */
void nvb_stats_io_v1(const char *text, uint64_t *read, uint64_t *written);

#endif
