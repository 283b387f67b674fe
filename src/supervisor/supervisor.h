/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_SUPERVISOR_H
#define NVB_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "capsule/run.h"
#include "capsule/state.h"

/*
 * A detached capsule's supervisor: one small process that waits for the container's end, writes its log,
 *hands its streams to who attaches, checks its health, starts it again as its policy says, and gives back
 *what it had. It holds the lock of the capsule's directory in /run; it alone changes anything about a capsule
 *that runs, and is asked through the socket "control" there, one request per connection:
 *
 *	stop SIGNAL SECONDS [discard]	answered when all is given back; of one that keeps snapshots, after
 *			one was taken, unless it is to be discarded
 *	kill SIGNAL
 *	pause, unpause
 *	alive			whether its program runs, or will
 *	update			the definition has changed
 *	rename NAME
 *	wait			answered when all is given back, with the status of the last run, -1 for one
 *that nobody saw snapshot ...		see snapshot.h attach [input]		see attach.h
 *
 * Answers are reports (report.h). Killing it ends nothing: the container runs on, its lease names the
 *container, and whoever next needs the capsule starts another supervisor, which takes it over.
 */

struct nvb_supervisor_start {
	int attached; /* the other end of a connection that is attached from the first byte on (attach.h),
			 which stays the caller's; -1: none */
	const struct nvb_restoring *restoring; /* it goes on from there (starter.h); NULL: it begins */
	bool keeps;			       /* whoever stops it keeps a snapshot */
	const char *keeps_key; /* the file of the key that encrypts that, from / on; NULL: nothing does */
	bool swept;	       /* the caller, who starts several, has looked for what dead bolts left */
	/* Called in the supervisor first: gives up its copies of what is the caller's alone. NULL: nothing
	 * is. */
	void (*leave)(void *data);
	void *data;
};

/* Starts a supervisor that starts the capsule. *report: a socket on which its report comes. */
int nvb_supervisor_start(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const struct nvb_supervisor_start *start, int *report, nvb_error **err);

/* Whether the capsule has a directory in /run and a living supervisor; where that was killed another one
 * takes over, before this returns. NVB_ERR_NOT_FOUND: it does not run. */
int nvb_supervisor_ensure(
	const struct nvb_run_host *host, const struct nvb_state *state, const char *id, nvb_error **err);

/* The same for all capsules, in the background. Before this process enters namespaces. */
void nvb_supervisor_adopt_all(const struct nvb_run_host *host, const struct nvb_state *state);

/* Attaches the caller to its streams (attach.h): *connection is the caller's. One that was killed is replaced
 * first. NVB_ERR_NOT_FOUND: the capsule does not run. */
int nvb_supervisor_attach(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	bool input, int *connection, nvb_error **err);

/* Asks it to tell of the capsule's end: on *connection, which is the caller's, nvb_report_read() gets the
 * status as its number. NVB_ERR_NOT_FOUND: it does not run; NVB_ERR_UNSUPPORTED: in the foreground it has
 * none. */
int nvb_supervisor_wait(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	int *connection, nvb_error **err);

/* Asks the supervisor and waits for the answer; one that was killed meanwhile is replaced and asked once
 * more. NVB_ERR_NOT_FOUND: the capsule does not run. */
int nvb_supervisor_ask(const struct nvb_run_host *host, const struct nvb_state *state, const char *id,
	const char *request, nvb_error **err);

#endif
