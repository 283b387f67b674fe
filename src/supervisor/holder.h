/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_HOLDER_H
#define NVB_SUPERVISOR_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "capsule/state.h"

/*
 * A process that has a capsule's streams open, and sleeps. What is in a pipe goes with the last who has it
 * open, and the capsule and its supervisor may both be killed before the supervisor has read it; from the
 * holder the next one takes it; and the program's input does not end with its supervisor. Of pipes the holder
 * is a child that the supervisor forks while the container is being started; of a terminal it is the process
 * that starts the container, since a master that nobody has for a moment hangs up.
 *
 * The file "holder" in the capsule's directory below /run names it. Whoever outlives his supervisor looks
 * there now and then and goes when it is not he: so nobody has to know of a holder for it not to stay.
 */
struct nvb_held {
	bool terminal;
	/* Our ends of standard output, error and input; or the terminal's master, and the reading and writing
	 * end of the pipe that what it shows goes through (streams.h). -1: none. */
	int fds[3];
};
#define NVB_HELD_INIT                                   \
	{                                               \
		.terminal = false, .fds = {-1, -1, -1}, \
	}

/* Forks one, which is named from then on in the place of another. *process gets its pidfd; the descriptors
 * stay the caller's. */
int nvb_holder_begin(
	const struct nvb_entry *entry, const struct nvb_held *held, int *process, nvb_error **err);
/* Names this process, which will hold. */
int nvb_holder_name(const struct nvb_entry *entry, const struct nvb_held *held, nvb_error **err);
/* Holds; `supervisor` is the parent. Once that is dead it stays for as long as it is named. */
_Noreturn void nvb_holder_hold(const struct nvb_entry *entry, const struct nvb_held *held, pid_t supervisor);

/* The one that is named, while it lives: its pidfd, and copies of what it holds. -1: there is none. */
int nvb_holder_find(const struct nvb_entry *entry, struct nvb_held *held);

/* Nobody is named any more: all that was held is where it belongs. */
void nvb_holder_forget(const struct nvb_entry *entry);
/* Whether one is, alive or not. */
bool nvb_holder_is_named(const struct nvb_entry *entry);

/* It ends, and with it what nobody else has open. Closes the pidfd; -1 is fine. */
void nvb_holder_end(int process);

#endif
