/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_STREAMS_H
#define NVB_SUPERVISOR_STREAMS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "supervisor/holder.h"
#include "supervisor/log.h"

/*
 * The streams of a detached capsule: what its program writes goes to the log and to whoever is attached, what
 * those type goes to the program. Nobody attached can hold the program up: what a slow one does not take is
 * skipped for it alone, and it is told how much; the log has all.
 *
 * Driven by whoever owns the loop: nvb_streams_fd is readable when there is something to do, and
 * nvb_streams_turn does it without ever waiting. Not thread-safe.
 */
struct nvb_streams;

struct nvb_streams_options {
	/* Our ends, taken over: of pipes, or, with `terminal`, `output` is the terminal's master and serves
	 * both directions. -1: none. An end of file closes a pipe of which this process has the reading end
	 * alone; FIFOs opened for both have none. */
	int output, error, input;
	bool terminal;
	/* With `terminal` and a log: a pipe, borrowed, that what is shown goes through, so that it can be
	 * moved without a moment in which it is in this process alone (spool.h). What is in it already is
	 * taken first. -1: none. */
	int relay[2];
	struct nvb_log_writer *log; /* borrowed; NULL: nothing is kept */
};

/* Takes the descriptors over, also when it fails. */
int nvb_streams_open(const struct nvb_streams_options *options, struct nvb_streams **out, nvb_error **err);

/* A poll(2)able descriptor, of the streams' own. */
int nvb_streams_fd(const struct nvb_streams *streams);
void nvb_streams_turn(struct nvb_streams *streams);

/*
 * Somebody attaches: `connection` is a connected SOCK_SEQPACKET socket (supervisor/attach.h), taken over;
 * `request` is the packet that asked for it, "attach" and options.
 */
void nvb_streams_attach(struct nvb_streams *streams, int connection, const char *request);

/* What another process would have to have open, too, for nothing to be lost with this one; stays the
 * streams'. */
void nvb_streams_held(const struct nvb_streams *streams, struct nvb_held *held);

/* False when the program has none, or its end was asked for and taken. */
bool nvb_streams_has_input(const struct nvb_streams *streams);

/* How many are attached. */
unsigned nvb_streams_attached(const struct nvb_streams *streams);

/* The capsule's processes are gone: takes what is still in the pipes. `last`: nobody starts it again, and
 * nvb_streams_close tells those attached this status. */
void nvb_streams_ended(struct nvb_streams *streams, int status, bool last);

/* NULL is fine. Gives those attached a quarter of a second at most to take what is theirs. Whoever learns of
 * the end may start the capsule at once, so this comes when all else is given back. */
void nvb_streams_close(struct nvb_streams *streams);

#endif
