/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_STATE_H
#define NVB_CAPSULE_STATE_H

#include <stdbool.h>
#include <stdint.h>
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
	char *name;    /* or NULL */
	bool keep;     /* leave the upper directory when it ends */
	bool ran;      /* its program was started: there may be much to remove */
	bool resumed;  /* it was there before this start: nothing that fails removes its files */
	bool detached; /* a supervisor has it */
	bool stopped;  /* somebody wanted it to end */
	bool parked;   /* it is being made, not started */
	bool recorded; /* of one that was opened: there was a record */
	uint64_t restarts;
	char *error; /* why it could not be started, or NULL */
	int lock;
};
#define NVB_ENTRY_INIT     \
	{                  \
		.lock = -1 \
	}

struct nvb_entry_options {
	const char *name, *image;
	const char *command, *ports; /* for lists of capsules; or NULL */
	const char *id;		     /* of one that was made before; NULL: a new one */
	const char *runtime;	     /* path; NULL: told by nvb_entry_use_runtime */
	bool keep, cgroup, detached;
	bool parked; /* it is made and not started */
};

/* Records a capsule that begins to run. NVB_ERR_CONFLICT when the name is taken, or one with that id runs. */
int nvb_entry_begin(const struct nvb_state *state, const struct nvb_entry_options *options,
	struct nvb_entry *entry, nvb_error **err);

int nvb_entry_use_runtime(
	const struct nvb_state *state, struct nvb_entry *entry, const char *runtime, nvb_error **err);

/* One that was made to be started another time: its record is complete and outlives a crash of the machine.
 * Releases the entry when it succeeds. */
int nvb_entry_park(const struct nvb_state *state, struct nvb_entry *entry, nvb_error **err);

/* Records the container's first process. */
int nvb_entry_started(const struct nvb_entry *entry, pid_t init, nvb_error **err);
/* Which that is; false when none was recorded. It may be gone. */
bool nvb_entry_init(const struct nvb_entry *entry, pid_t *pid, uint64_t *started);

/* Sets keys of the record in /run: key, value, key, value ... NULL. Whole or not at all. */
int nvb_entry_note(const struct nvb_entry *entry, const char *const *pairs, nvb_error **err);

/* Reads the record of a capsule in /run. `lock` is a descriptor of its directory, which the entry takes over
 * when this succeeds. */
int nvb_entry_open(
	const struct nvb_state *state, const char *id, int lock, struct nvb_entry *entry, nvb_error **err);

/* Takes the lock of a capsule's directory if nobody living has it. */
bool nvb_entry_take_over(int directory);

/* Removes what one run of it had: control groups, with all that still runs in them, networks, the runtime's
 * state.
 * False when something resisted, which is logged. */
bool nvb_entry_clear(const struct nvb_state *state, const struct nvb_entry *entry, const struct nvb_log *log);

/*
 * The same, and its directories; of one that is kept the one with the upper directory stays, with `status`
 * recorded (-1: unknown). The files of one that ran are removed by a process that may outlive this one for a
 * moment. Leftovers that resist are logged. Releases the entry.
 */
void nvb_entry_end(
	const struct nvb_state *state, struct nvb_entry *entry, int status, const struct nvb_log *log);

/* Ends its container by force: one that a killed process left, or that came up half. */
void nvb_entry_kill(const struct nvb_entry *entry, const struct nvb_log *log);

/* The container has ended and another one may follow. */
void nvb_entry_forget_init(const struct nvb_entry *entry);

/* Reads anew which runtime has it. */
void nvb_entry_refresh(const struct nvb_state *state, struct nvb_entry *entry);

/* Whether the record says so: "running", "paused" ... */
bool nvb_entry_is(const struct nvb_entry *entry, const char *what);

/* What the record has behind a key; malloc'd, NULL: nothing. */
char *nvb_entry_value(const struct nvb_entry *entry, const char *key);

/* Whether the record has "<key> 1". */
bool nvb_entry_has(const struct nvb_entry *entry, const char *key);

/* Leaves everything as it is, but the lock. */
void nvb_entry_release(struct nvb_entry *entry);

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
