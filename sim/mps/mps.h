/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MPS_H
#define SIM_MPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sim/state.h"

/*
 * CUDA's Multi-Process Service on a simulated machine: nvidia-cuda-mps-control and nvidia-cuda-mps-server.
 *What users meet is as NVIDIA's "Multi-Process Service" documents it: options, environment, commands on
 *standard input, the files of the pipe directory, one server at a time with the user id of its clients,
 *limits that hold for the servers started after they were set. What goes over the sockets is our own.
 *
 * A packet on `control` or `control_privileged` is a command, answered by one packet of text; or "client",
 *from a libcuda: the connection is then handed to the server, which sends the limits and keeps it.
 *
 *	percent 800			tenths
 *	device GPU-67a7... 8589934592	bytes, 0: no limit; one line for each device that clients may see
 */
enum { MPS_PACKET = 8192, MPS_UUID = 80 };

#define MPS_PIPES   "/tmp/nvidia-mps"	  /* without CUDA_MPS_PIPE_DIRECTORY */
#define MPS_LOGS    "/var/log/nvidia-mps" /* without CUDA_MPS_LOG_DIRECTORY */
#define MPS_CLIENT  "client"
#define MPS_CONTROL 3 /* a server's descriptor: its control daemon */

struct mps_device {
	char uuid[MPS_UUID];
	uint64_t limit;
};

struct mps_limits {
	uint32_t percent; /* tenths */
	struct mps_device devices[SIM_GPU_MAX];
	uint32_t count;
};

/* As a packet. */
size_t mps_limits_format(const struct mps_limits *limits, char packet[MPS_PACKET]);

/* A SEQPACKET socket in the pipe directory: listening (made anew) or connected. -errno. */
int mps_listen(const char *directory, const char *name, mode_t mode);
int mps_connect(const char *directory, const char *name);

/* $CUDA_MPS_PIPE_DIRECTORY or its default. */
const char *mps_pipes(void);

/* What the daemon runs on: everything the commands show and change. */
struct mps_server {
	pid_t pid; /* 0: none */
	uid_t uid;
	int fd;
	struct mps_limits limits;
	pid_t clients[64];
	uint32_t client_count;
	bool leaving; /* asked to end */
};

struct mps_waiting {
	int fd;
	pid_t pid;
	uid_t uid;
};

struct mps_daemon {
	const char *pipes;
	char programs[4096]; /* where the server's program is */
	int control, privileged, log;
	struct mps_limits defaults;
	struct mps_server server;
	struct mps_waiting waiting[64]; /* clients of another user than the server's */
	uint32_t waiting_count;
	bool quit;
};

/* Answers a command of the user; `privileged`: through control_privileged. */
void mps_command(struct mps_daemon *daemon, char *line, bool privileged, char reply[MPS_PACKET]);

/* Finds the machine's devices that CUDA_VISIBLE_DEVICES leaves. -errno. */
int mps_find_devices(struct mps_daemon *daemon);

/* "0=8G,1=512M" over the defaults; one device that is not there drops all limits, as the real one does. */
void mps_limits_from_environment(struct mps_limits *limits, const char *text);

/* "8192M", "8G" */
bool mps_parse_size(const char *text, uint64_t *bytes);

/* Serves until `quit`. */
void mps_serve(struct mps_daemon *daemon);
int mps_start_server(struct mps_daemon *daemon, uid_t uid);
void mps_stop_server(struct mps_daemon *daemon);
void mps_log(const struct mps_daemon *daemon, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
