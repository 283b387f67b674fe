/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_STATE_H
#define NVB_CAPSULE_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "nvbind/log.h"

/*
 * What bolt keeps of capsules on this host. For root:
 *
 *	/run/bolt/lock			taken while capsules are begun or swept
 *	/run/bolt/capsules/<id>/	one that runs; the directory is flock'ed by the bolt that runs it
 *		record			what it is, who runs it: "key value" lines
 *		init			its first process: "<pid> <start time>"
 *	/run/bolt/runtime/<name>/	the OCI runtimes' own state
 *	/run/bolt/workspace		where each bolt mounts a tmpfs that only it sees
 *	/var/lib/bolt/capsules/<id>/	upper and work directory; "record" too if it is kept
 *	/var/lib/bolt/trash/<id>/	one whose files are being removed
 *	/var/lib/bolt/names/<name>	symbolic link to the id
 *
 * For others below XDG_RUNTIME_DIR (~/.cache without it) and XDG_DATA_HOME (~/.local/share). A capsule is
 *recorded before anything of it is made, and the lock of a dead bolt is free: so the next one finds and
 *removes whatever a killed one left.
 */
struct nvb_state {
	char *run, *data;
	char *workspace;
	bool rootless; /* an ordinary user's: no control groups, and processes in user namespaces */
};

/* Before nvb_rootless_enter(), behind which everybody is root. */
int nvb_state_open(struct nvb_state *state, nvb_error **err);
void nvb_state_close(struct nvb_state *state);
#define _cleanup_state_ _cleanup_(nvb_state_close)

enum { NVB_CAPSULE_ID = 32 };

struct nvb_entry {
	char id[NVB_CAPSULE_ID + 1]; /* hex */
	char *run, *data;	     /* directories */
	char *cgroup;		     /* "/bolt/<id>", NULL where there is none of its own */
	char *runtime_root, *runtime;
	char *name; /* or NULL */
	bool keep;  /* leave the upper directory when it ends */
	bool ran;   /* its program was started: there may be much to remove */
	int lock;
};
#define NVB_ENTRY_INIT     \
	{                  \
		.lock = -1 \
	}

struct nvb_entry_options {
	const char *name, *image;
	const char *runtime; /* path */
	bool keep, cgroup;
};

/* Records a new capsule. NVB_ERR_CONFLICT when the name is taken. */
int nvb_entry_begin(const struct nvb_state *state, const struct nvb_entry_options *options,
	struct nvb_entry *entry, nvb_error **err);

/* Records the container's first process. */
int nvb_entry_started(const struct nvb_entry *entry, pid_t init, nvb_error **err);

/*
 * Removes what the capsule had: control groups, the runtime's state, directories; of one that is kept the
 * upper directory stays, with `status` recorded. The files of one that ran are removed by a process that may
 * outlive this one for a moment. Leftovers that resist are logged. Releases the entry.
 */
void nvb_entry_end(
	const struct nvb_state *state, struct nvb_entry *entry, int status, const struct nvb_log *log);

/* Removes what lies in the trash. */
void nvb_state_empty_trash(const struct nvb_state *state);

/* The lock under which capsules are begun and swept: a descriptor to close, or a negated code. */
int nvb_state_lock(const struct nvb_state *state, nvb_error **err);

/* Removes the files and names of capsules that ran when the host went down: the first nvb_state_open since
 * then does it. */
void nvb_state_sweep_orphans(const struct nvb_state *state);

/* Ends what dead bolts left behind. Call in a private mount namespace, as root; as another user before
 * nvb_rootless_enter(): only outside of its user namespace may one kill what runs in others. */
void nvb_state_sweep(const struct nvb_state *state, const struct nvb_log *log);

#endif
