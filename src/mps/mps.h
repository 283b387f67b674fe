/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MPS_MPS_H
#define NVB_MPS_MPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "plan/plan.h"

/*
 * CUDA's Multi-Process Service as a keeper of limits. Source: NVIDIA's "Multi-Process Service": a control
 *daemon listens in a pipe directory and starts a server with the user id of the first client, whose clients
 *get at most the pinned memory and the share of multiprocessors that were the daemon's defaults at that time.
 *Limits hold for each client process by itself.
 *
 * A container gets a daemon of its own: its limits are nobody else's, nor are the faults of its clients,
 *which end all clients of a server, and one server has one user id at a time. Below `directory`:
 *
 *	pipe	CUDA_MPS_PIPE_DIRECTORY, which the container sees at NVB_MPS_PIPES: a tmpfs of its own, small,
 *		since the container can write there
 *	log	CUDA_MPS_LOG_DIRECTORY: another one, since each client makes it longer
 *	shm	a tmpfs: /dev/shm of daemon and container, through which server and clients exchange
 *
 * A client that finds no daemon runs without limits and says nothing. So the daemon is asked through the very
 * directory that is then mounted (nvb_mps_check), and an environment that leads elsewhere is refused
 * (nvb_mps_check_environment).
 */
struct nvb_mps {
	const char *program;	  /* nvidia-cuda-mps-control, an absolute path of the host */
	const char *library_path; /* where its libraries are, joined by ':'; NULL: where the host looks */
	const char *directory;	  /* exists, is root's, and the container's users may go through */
	const char *const *uuids; /* of the GPUs that it serves, NULL-terminated */
	uint64_t memory_limit;	  /* bytes of each GPU, 0: none; whole MiB are kept */
	uint32_t compute_limit;	  /* percent, 0: none */
	uint64_t shm_size;	  /* bytes; 0: 64 MiB, as docker */
};

struct nvb_mps_process {
	pid_t pid; /* 0: none */
	uint64_t started;
};

/* Starts the daemon, sets the limits and asks for them. *daemon is its process, as it said before a container
 * could write where it said so. Nothing stays when it fails, but the directories. NVB_ERR_UNSUPPORTED with the
 * daemon's words when it does not start. */
int nvb_mps_start(const struct nvb_mps *mps, struct nvb_mps_process *daemon, nvb_error **err);

/*
 * Whether that daemon lives and is the one who listens where the container's programs look for it. The kernel is
 * asked for both: what anybody says in the pipe directory, where the container can put a socket of its own, is not
 * believed. NVB_ERR_NOT_FOUND with what is wrong.
 */
int nvb_mps_answers(const char *directory, const struct nvb_mps_process *daemon, nvb_error **err);

/* Asks the daemon through the pipe directory whether it answers and keeps these limits. NVB_ERR_NOT_FOUND
 * when nobody answers there; NVB_ERR_CONFLICT when the limits are others. */
int nvb_mps_check(const struct nvb_mps *mps, nvb_error **err);

/*
 * Ends the daemon of a directory, and its server with it, by asking and then by force; one that has gone is
 * fine. `program` NULL: by force alone. Removes the mounts. The mounts are those of the mount namespace in which the
 * daemon was started, so elsewhere its pipes are reached through the daemon's own root.
 */
void nvb_mps_stop(const char *program, const char *library_path, const char *directory,
	const struct nvb_mps_process *daemon);

/*
 * Whether a container's environment ("NAME=VALUE", NULL-terminated) leaves its programs under the plan's MPS
 * daemon. NVB_ERR_CONFLICT: CUDA_MPS_PIPE_DIRECTORY leads elsewhere, or CUDA_MPS_PINNED_DEVICE_MEM_LIMIT is
 * set, which drops every limit when it names one GPU that the container does not have.
 */
int nvb_mps_check_environment(const struct nvb_plan *plan, char *const *environment, nvb_error **err);

/* One word of a control program's answer to get_default_device_pinned_mem_limit ("8192M", "8G") in bytes;
 * false for others. */
bool nvb_mps_parse_limit(const char *text, uint64_t *bytes);

/*
 * Gives commands, a line each, to the daemon of the directory by its program. *reply (malloc'd) is what it
 * printed, standard error included. NVB_ERR_NOT_FOUND when it says that there is none.
 */
int nvb_mps_control(const struct nvb_mps *mps, const char *commands, char **reply, nvb_error **err);

/* Runs "nvidia-cuda-mps-control -d" in a mount namespace whose /dev/shm is the directory's. */
int nvb_mps_run_daemon(const struct nvb_mps *mps, nvb_error **err);

#endif
