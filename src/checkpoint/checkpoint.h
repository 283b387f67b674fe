/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CHECKPOINT_CHECKPOINT_H
#define NVB_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "capsule/definition.h"
#include "capsule/run.h"
#include "capsule/state.h"
#include "checkpoint/preflight.h"
#include "nvbind/gpu_state.h"
#include "snapshot/snapshot.h"

/*
 * A capsule as a whole: taken into a snapshot, and brought back from one.
 *
 * Taking is the work of a child of the capsule's supervisor, in steps that are undone from behind:
 *
 *	look		nothing is touched: preflight.h, and what a further program in the capsule is
 *	gpu		what is on GPUs comes into the processes (nvb_gpu_state_capture; they must run)
 *	freeze		its control group
 *	processes	CRIU writes them down
 *	files		its upper directory
 *	commit		the snapshot appears
 *	thaw, gpu	it runs on; or its supervisor ends it, still frozen
 *
 * While it is under way <run>/checkpoint stands there: "<pid> <start time>" of the child. Whoever finds it
 * with that process gone undoes all (nvb_checkpoint_repair): it does not matter which step it was, since
 * every part of undoing is harmless where there is nothing to undo.
 */
#define NVB_CHECKPOINT_MARK "checkpoint"
/* What lies in the capsule's own directory while one is taken or restored. */
#define NVB_CHECKPOINT_IMAGES  "checkpoint"
#define NVB_CHECKPOINT_RESTORE "restore"
/* Names of the trees in a snapshot. */
#define NVB_CHECKPOINT_PROCESSES "processes"
#define NVB_CHECKPOINT_UPPER	 "upper"

struct nvb_checkpoint {
	const struct nvb_run_host *host;
	const struct nvb_state *state;
	const struct nvb_capsule_definition *definition;
	const struct nvb_entry *entry;
	const char *image_digest; /* or NULL */
	pid_t init;
	bool leave_running;
	bool tcp;			/* established connections are kept */
	const char *key_file, *comment; /* or NULL */
	/* Told of each step, and of bytes while they are known. Another value than 0 breaks it off. */
	int (*progress)(void *data, const char *step, uint64_t done, uint64_t total);
	void *data;
};

/* Takes it. Without leave_running the capsule stays frozen when this succeeds, its mark too: the caller ends
 * it. After a failure it runs on, and the error says where it does not. */
int nvb_checkpoint_take(const struct nvb_checkpoint *checkpoint, nvb_snapshot_id *id, nvb_error **err);

/* Sets a capsule going again whose snapshot was broken off, and removes what is left of that. */
int nvb_checkpoint_repair(const struct nvb_checkpoint *checkpoint, nvb_error **err);

/* What would be against it, without touching anything. */
int nvb_checkpoint_check(
	const struct nvb_checkpoint *checkpoint, struct nvb_preflight_report *report, nvb_error **err);

/* How a snapshot becomes a capsule that runs. */
struct nvb_restore {
	const char *snapshot; /* as nvb_snapshot_find knows it */
	const char *name;     /* of a new capsule; NULL: the one it was taken of */
	char *const *
		gpu_map; /* "OLD=NEW", or "NEW" for the only one; NULL: the same, or as the definition says */
	const char *key_file; /* from / on where it keeps: it encrypts that, too */
	bool trust;	      /* also one that this host did not sign */
	/* Asked about such a one before anything is done; a negated code refuses. NULL: whatever it is. */
	int (*judge)(void *data, const struct nvb_snapshot_manifest *manifest, nvb_error **err);
	bool keeps; /* whoever stops it then keeps a snapshot */
	int (*progress)(void *data, const char *step, uint64_t done, uint64_t total);
	void *data;
};

/*
 * Brings it back: in the same capsule, which must not run, or in a new one. *id is the capsule's. Returns
 * when its program runs, under a supervisor. After a failure the capsule is as it was before, a new one is
 * gone.
 */
int nvb_checkpoint_restore(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_restore *restore, char id[static NVB_CAPSULE_ID + 1], nvb_error **err);

/* What would be against that, without touching anything; no image is fetched for it. Errors are those of a
 * snapshot that cannot be read at all. */
int nvb_checkpoint_check_restore(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_restore *restore, struct nvb_preflight_report *report, nvb_error **err);

#endif
