/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include <limits.h>
#include <stdbool.h>

#include "sim/protocol.h"
#include "sim/state.h"

/*
 * The side of the simulated libraries: finding the machine that a library belongs to, and talking to its
 * daemon. Links libc alone; prints nothing, sets no signal handler. All calls return 0 or -errno.
 */

/*
 * The root of the machine as this process sees it, "" for "/": the nearest directory above the library that
 * holds the daemon's socket. `symbol` is any address in the library. In a container that is "/", because the
 * driver's own edits mount library and socket; on the host it is the simulated root. ENOENT without a
 * machine.
 */
int sim_client_root(const void *symbol, char root[PATH_MAX]);

/* Connects to the daemon of the machine at `root`; the descriptor is close-on-exec. ECONNREFUSED or ENOENT:
 * no daemon. */
int sim_client_connect(const char *root);

/*
 * One request and its reply; version is filled in. Returns what went wrong with the message itself, else
 * reply->status. A descriptor that came along goes to *fd (-1: none came); with fd NULL it is closed. Not for
 * two threads at a time on one socket.
 */
int sim_client_call(int socket, struct sim_request *request, struct sim_reply *reply, int *fd);

/* Says hello: maps the live state for reading and tells our pid as the host sees it (pid may be NULL). */
int sim_client_hello(int socket, enum sim_client_kind kind, struct sim_map *map, uint32_t *pid);

/*
 * A library's connection to its machine: through the daemon when there is one, else the state file beside the
 * library, for reading. A copy of that file (one packed into an image, say) is all that is left of a machine
 * that has gone: map.live is false then.
 */
struct sim_client {
	char root[PATH_MAX];
	char path[PATH_MAX]; /* of the state file; empty when the state came from the daemon */
	int socket;	     /* -1 without daemon */
	uint32_t pid;	     /* ours as the host sees it; only with a daemon */
	struct sim_map map;
};

int sim_client_attach(const void *symbol, enum sim_client_kind kind, struct sim_client *client);
void sim_client_detach(struct sim_client *client);

/* Asks for a change; an nvmlReturn_t. Without a daemon root makes it itself. *result: see struct sim_reply.
 */
uint32_t sim_client_change(struct sim_client *client, const struct sim_change *change, uint32_t *result);

/*
 * Whether this process may open a node of the machine ("nvidia0", "nvidiactl", "nvidia-caps/nvidia-cap3"):
 * simulated nodes have a number that no driver serves, so one that is allowed answers ENXIO (or is a plain
 * file in a tree made without root), and one that is not EPERM, EACCES or ENOENT. 0 when it may, else -errno.
 */
int sim_client_node(const char *root, const char *node);

#endif
