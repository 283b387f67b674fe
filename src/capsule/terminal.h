/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_TERMINAL_H
#define NVB_CAPSULE_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <termios.h>

#include "base/error.h"
#include "capsule/stream.h"

/* A container's pseudo-terminal and, where the caller has one, the caller's terminal made transparent to it.
 */
struct nvb_terminal {
	char *socket_path; /* the runtime sends the master through it */
	int listener, master;
	int host;	      /* the caller's terminal: 0, 1, 2 or -1 */
	struct termios saved; /* how it was, while `raw` */
	bool raw;
};
#define NVB_TERMINAL_INIT                                 \
	{                                                 \
		.listener = -1, .master = -1, .host = -1, \
	}

/* Listens on a socket below `directory`. */
int nvb_terminal_open(struct nvb_terminal *terminal, const char *directory, nvb_error **err);
/* Closes all and puts the caller's terminal back. */
void nvb_terminal_close(struct nvb_terminal *terminal);

nfds_t nvb_terminal_poll(const struct nvb_terminal *terminal, struct pollfd *fds);

/*
 * Takes the master once the runtime has sent it: sizes it as the caller's terminal, sets that one raw when
 * its input is handed on, and ties both streams to it.
 */
int nvb_terminal_pump(struct nvb_terminal *terminal, bool interactive, struct nvb_stream *in,
	struct nvb_stream *out, nvb_error **err);

/* The master, once the runtime has ended well; the caller's to close. For who copies by itself. */
int nvb_terminal_take(struct nvb_terminal *terminal, int *master, nvb_error **err);

/* The caller's terminal has changed its size. */
void nvb_terminal_resize(const struct nvb_terminal *terminal);

/* Rows and columns of the caller's terminal; false when there is none. */
bool nvb_terminal_size(unsigned short *rows, unsigned short *columns);

#endif
