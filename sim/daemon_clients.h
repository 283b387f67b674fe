/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DAEMON_CLIENTS_H
#define SIM_DAEMON_CLIENTS_H

#include <stddef.h>

#include "sim/mig_files.h"
#include "sim/protocol.h"

/* One device, or MIG instance of one, that a connection uses. */
struct sim_use {
	uint32_t gpu, gi, ci;
	uint32_t process; /* 'C', 'G', 'M' */
	uint64_t memory;  /* bytes granted */
	uint64_t since;
	int memfd; /* the memory itself once it was asked for, else -1 */
};

/* A connection. */
struct sim_peer {
	int fd;
	uint32_t pid, uid; /* as the kernel says */
	bool greeted;
	struct sim_use *uses;
	size_t use_count, use_capacity;
	struct sim_peer *next, *previous;
};

/* What a GPU looked like before anybody computed on it. */
struct sim_idle {
	bool saved;
	uint32_t draw, state;
	uint32_t clocks[SIM_CLOCK_COUNT];
	uint64_t throttle_reasons;
};

struct sim_daemon {
	int root;     /* directory */
	int state_fd; /* the live state, for reading: what clients get */
	struct sim_map map;
	unsigned caps_major;
	struct sim_mig_files files[SIM_GPU_MAX];
	struct sim_idle idle[SIM_GPU_MAX];
	struct sim_peer *peers;
};

/*
 * Answers one request; the reply's status says what became of it. *fd is a descriptor to send along (still
 * the daemon's own), or -1.
 */
void sim_daemon_answer(struct sim_daemon *daemon, struct sim_peer *peer, const struct sim_request *request,
	struct sim_reply *reply, int *fd);

/* Takes the state's lock; a client may hold it on purpose, so not for ever. 0 or -EBUSY. */
int sim_daemon_lock(struct sim_daemon *daemon);

/* USE, RELEASE, MEMORY: 0 or -errno. */
int sim_daemon_use(struct sim_daemon *daemon, struct sim_peer *peer, const struct sim_request *request);
int sim_daemon_release(struct sim_daemon *daemon, struct sim_peer *peer, const struct sim_request *request);
int sim_daemon_memory(
	struct sim_daemon *daemon, struct sim_peer *peer, const struct sim_request *request, int *fd);

/* All that a connection held: when it closes. */
void sim_daemon_release_all(struct sim_daemon *daemon, struct sim_peer *peer);

#endif
