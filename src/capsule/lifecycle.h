/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_LIFECYCLE_H
#define NVB_CAPSULE_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "capsule/definition.h"
#include "capsule/run.h"
#include "capsule/state.h"

/*
 * What can be done to capsules that are kept: what `bolt capsule` and a Boltfile's services call alike. A
 * capsule that runs has a supervisor (supervisor/supervisor.h), a process of its own, which alone decides
 * about it; these functions ask it. A supervisor that was killed is replaced first, so each of them works on
 * whatever a crash has left. Every function but those that say otherwise leaves the calling process as it
 * was; none is thread-safe, and the caller has one thread (they fork).
 */

/* The capsule a user means: its name, its id, or the beginning of an id that no other has (4 digits at
 * least). NVB_ERR_NOT_FOUND, NVB_ERR_INVALID when there are several. */
int nvb_capsule_find(const struct nvb_state *state, const char *which, char id[static NVB_CAPSULE_ID + 1],
	nvb_error **err);

/* What it was made from; the caller releases it, also after a failure. */
int nvb_capsule_definition_of(const struct nvb_state *state, const char *id,
	struct nvb_capsule_definition *definition, nvb_error **err);

/* What a start of it would find wrong that is wrong for good: words of no profile, an image that is nowhere. The
 * image is brought here. */
int nvb_capsule_check(const struct nvb_run_host *host, const struct nvb_capsule_definition *definition,
	nvb_error **err);

/*
 * Makes one, without starting it: its image is brought here, its name claimed, its definition written down.
 * When this has returned 0, it outlives a crash of the machine. NVB_ERR_CONFLICT: the name is taken.
 */
int nvb_capsule_create(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_capsule_definition *definition, char id[static NVB_CAPSULE_ID + 1], nvb_error **err);

/* A start that is under way; several may be. */
struct nvb_capsule_start {
	char id[NVB_CAPSULE_ID + 1];
	int report; /* readable when there is something to be said; -1: none under way */
};

/* Begins to start one. NVB_ERR_CONFLICT when it runs already. */
int nvb_capsule_start_begin(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	struct nvb_capsule_start *start, nvb_error **err);
/* The same for who is attached from the first byte that it prints: `attached` is the supervisor's end of a pair
 * of SOCK_SEQPACKET sockets (supervisor/attach.h), which stays the caller's to close. */
int nvb_capsule_start_attached(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int attached, struct nvb_capsule_start *start, nvb_error **err);
/* The same in any way (supervisor/supervisor.h). */
struct nvb_supervisor_start;
int nvb_capsule_start_how(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_supervisor_start *how, struct nvb_capsule_start *start, nvb_error **err);
/* Waits until its program runs, or why not. *status is then what to exit with: 125, 126, 127, as of
 * nvb_capsule_run. */
int nvb_capsule_start_finish(struct nvb_capsule_start *start, int *status, nvb_error **err);
/* Both in one. */
int nvb_capsule_start(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int *status, nvb_error **err);

struct nvb_capsule_stop {
	int signal;	 /* 0: the capsule's own */
	int64_t timeout; /* seconds before it is ended by force; -1: the capsule's own */
	bool discard;	 /* no snapshot, of one that keeps them */
};

/* Asks its program to end, ends it by force when its time is up, and returns when all that it had is given
 * back. It is not started again but by somebody. One that does not run: 0. */
int nvb_capsule_stop(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_capsule_stop *stop, nvb_error **err);

/* Sends its program a signal; does not wait. NVB_ERR_CONFLICT when it does not run. SIGKILL counts as a stop.
 */
int nvb_capsule_kill(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int signal, nvb_error **err);

/* Freezes all its processes, and lets them go on. */
int nvb_capsule_pause(
	const struct nvb_run_host *host, const struct nvb_state *state, const char *id, nvb_error **err);
int nvb_capsule_unpause(
	const struct nvb_run_host *host, const struct nvb_state *state, const char *id, nvb_error **err);

/* Removes one with all its files; one that runs only by `force`. Rootless: call behind nvb_rootless_enter().
 */
int nvb_capsule_remove(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	bool force, nvb_error **err);

int nvb_capsule_rename(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const char *name, nvb_error **err);

/* Writes the changed definition down and, where it runs, applies its limits and restart policy at once. The
 * name cannot be changed so. */
int nvb_capsule_update(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_capsule_definition *definition, nvb_error **err);

#endif
