/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_PREFLIGHT_H
#define NVB_CHECKPOINT_PREFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "inventory/inventory.h"

/*
 * Everything that can be known to be against a snapshot of a capsule, or against restoring one, without
 * touching anything. One table (preflight.c) holds the checks; each has an id that stays. What only the
 * driver knows (memory shared by CUDA IPC, NVLink multicast, most of managed memory) shows when it is tried,
 * and is undone then.
 */

/* A name that stays, and whether it must fail. */
struct nvb_preflight_finding {
	const char *id;	  /* "mig", "socket-outside"; static */
	bool fatal;	  /* it would fail; else it may */
	int pid;	  /* 0: of the host or of the capsule as a whole */
	char *reason;	  /* one line */
	const char *hint; /* what mends it; static, or NULL */
};

/* Findings as they are collected. */
struct nvb_preflight_report {
	struct nvb_preflight_finding *list;
	size_t count, capacity;
	bool failed; /* without memory */
};
void nvb_preflight_report_release(struct nvb_preflight_report *report);
#define _cleanup_preflight_ _cleanup_(nvb_preflight_report_release)

/* The CRIU that would be used. */
struct nvb_preflight_criu {
	const char *path;      /* NULL: none was found */
	const char *problem;   /* why it does not work here, in one line; NULL: it does */
	unsigned major, minor; /* 0: not known */
};

/* A GPU that a snapshot needs. */
struct nvb_preflight_gpu {
	const char *uuid;   /* that it was taken on */
	const char *chip;   /* its name, as the driver gives it; NULL: not known */
	const char *target; /* UUID to go to instead; NULL: the same */
};

/* A directory or file of the host that is mounted in the capsule (a volume). */
struct nvb_preflight_mount {
	const char *source; /* on the host */
	const char *target; /* inside */
};

/* A capsule that runs and of which a snapshot would be taken. */
struct nvb_preflight_capsule {
	const struct nvb_inventory *inventory;
	const int *pids; /* all its processes, by the host's numbers */
	size_t count;
	pid_t init;
	pid_t supervisor;  /* what it runs beside is no obstacle (its health checks pause); 0: not known */
	bool paused;	   /* the capsule is, as its supervisor has it */
	bool foreground;   /* it runs in that of a program, without a supervisor */
	bool has_gpus;	   /* it was given GPUs: what the driver cannot is against it */
	bool tcp;	   /* established connections of TCP are to be kept */
	const char *upper; /* directory of what it has written; NULL: none */
	const char *place; /* an existing directory on the disk that the snapshot goes to */
	bool earlier;	   /* there are snapshots of it, with which a further one shares what it can */
	const struct nvb_preflight_mount *mounts; /* its volumes */
	size_t mount_count;
	struct nvb_preflight_criu criu;
};

/* A snapshot that would be restored: what its manifest says of it. */
struct nvb_preflight_snapshot {
	const struct nvb_inventory *inventory;
	const char *driver; /* version of the driver it was taken on; NULL: no process used a GPU */
	unsigned criu_major, criu_minor;      /* that took it; 0: not known */
	const struct nvb_preflight_gpu *gpus; /* that its processes used */
	size_t gpu_count;
	uint64_t memory; /* bytes that its processes have, what was on GPUs included */
	uint64_t disk;	 /* bytes that are unpacked at `place` */
	const char *place;
	char *const *files; /* lines of nvb_preflight_files */
	struct nvb_preflight_criu criu;
};

/* The report is added to; errors are those of reading, not findings. */
int nvb_preflight_take(
	const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report, nvb_error **err);
int nvb_preflight_restore(
	const struct nvb_preflight_snapshot *snapshot, struct nvb_preflight_report *report, nvb_error **err);

/* Whether a finding is fatal. */
bool nvb_preflight_fails(const struct nvb_preflight_report *report);
/* The fatal findings as an error, NVB_ERR_UNSUPPORTED: the first, and how many more there are. */
int nvb_preflight_refuse(const struct nvb_preflight_report *report, nvb_error **err);
/* As JSON: [{"check": "mig", "fatal": true, "pid": 4711, "reason": ..., "hint": ...}]; pid null for the host.
 */
void nvb_preflight_json(const struct nvb_preflight_report *report, struct nvb_strbuf *out);

/*
 * For the manifest: what of the host's the capsule needs to be there again, one line each, "d SOURCE" for a
 * directory, "f SIZE SOURCE" for a file: the mounts, and the files below them that its processes have open or
 * mapped, which CRIU wants back in their size. *lines is released with nvb_strv_free; NULL: none.
 */
int nvb_preflight_files(const struct nvb_preflight_mount *mounts, size_t mount_count, const int *pids,
	size_t pid_count, char ***lines, nvb_error **err);

#endif
