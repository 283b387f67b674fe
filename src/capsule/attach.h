/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_ATTACH_H
#define NVB_CAPSULE_ATTACH_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "capsule/runtime.h"

/*
 * The caller's standard streams, signals and terminal, tied to a container's. Without a terminal the
 * container gets pipes, as from docker: its programs can open /dev/stdout whoever they run as, nothing of the
 * host's (a terminal, a file) is handed inside, and the runtime's own error messages can be told from the
 * program's. With one it gets a pseudo-terminal whose master comes through a socket.
 */
struct nvb_attachment;

/* Makes pipes or the socket (below `directory`). Signals are held back from here on until close. */
int nvb_attach_open(
	bool terminal, bool interactive, const char *directory, struct nvb_attachment **out, nvb_error **err);
/* Puts the terminal and the signals back as they were. */
void nvb_attach_close(struct nvb_attachment *attachment);

/* What the runtime shall give the container; the console socket's path or NULL. */
void nvb_attach_launch(const struct nvb_attachment *attachment, struct nvb_launch *launch);

/*
 * Waits for the runtime (`pid`) to end, then, if it started the container, for the container's first process,
 * copying streams and forwarding signals meanwhile. `started` is called with that process. *status is the
 * container's: its exit code, or 128 + the signal that ended it. When the runtime failed: 125, 126 or 127
 * with *err set and a negated code returned.
 */
int nvb_attach_run(struct nvb_attachment *attachment, const struct nvb_launch *launch, pid_t pid,
	const char *program, int (*started)(void *data, pid_t init, nvb_error **err), void *data, int *status,
	nvb_error **err);

/* The signal that asked us to end while nothing ran yet, 0 for none. */
int nvb_attach_interrupted(struct nvb_attachment *attachment);

/* Signals that are meant for the program, whoever of ours gets them. */
void nvb_attach_forwarded(sigset_t *set);

#endif
