/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_ATTACH_REMOTE_H
#define NVB_CAPSULE_ATTACH_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "capsule/detach_keys.h"

/* The caller's standard streams, terminal and signals tied to a detached capsule through its supervisor
 * (supervisor/attach.h). */

struct nvb_remote_options {
	bool input;	/* hand standard input on */
	bool end_input; /* its end is the end of the program's, too */
	bool terminal;	/* the capsule has one: make the caller's transparent to it */
	struct nvb_detach_keys keys;
	/* A signal for the capsule; NULL: signals are the caller's own. */
	void (*signal)(void *data, int signal);
	/* Output was skipped, because it was not taken in time. */
	void (*missed)(void *data, uint64_t bytes);
	void *data;
};

enum nvb_remote_end {
	NVB_REMOTE_EXITED,    /* the program has ended; the status is its own */
	NVB_REMOTE_DETACHED,  /* by the keys */
	NVB_REMOTE_SIGNALLED, /* by a signal to the caller: the status is 128 + it */
	NVB_REMOTE_LOST,      /* the supervisor has gone, the capsule may run on */
};

/* Until the one or the other end. Takes the connection (nvb_supervisor_attach) over. Standard streams stay as
 * blocking as they were; the terminal is put back. */
int nvb_remote_attach(int connection, const struct nvb_remote_options *options, enum nvb_remote_end *end,
	int *status, nvb_error **err);

#endif
