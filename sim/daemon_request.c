/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "inventory/nvml_abi.h"
#include "sim/daemon_clients.h"

/* Whatever an instance's life changed: its files follow. */
static void sync_files(struct sim_daemon *daemon, uint32_t index)
{
	struct sim_gpu gpu;

	if (index >= SIM_GPU_MAX)
		return;
	sim_read_gpu(daemon->map.state, index, &gpu);
	/* A machine whose directory is being removed has no place for them: nobody is left to tell. */
	sim_mig_files_sync(daemon->root, &gpu, daemon->caps_major, &daemon->files[index], NULL);
}

static bool is_mig_change(const struct sim_change *change)
{
	return change->kind >= SIM_CHANGE_MIG_MODE && change->kind <= SIM_CHANGE_DESTROY_CI &&
	       change->gpu < SIM_GPU_MAX;
}

/* Counts the change towards a trap that is set for its card; the trap that it springs. The lock is held. */
static uint32_t spring(struct sim_daemon *daemon, const struct sim_change *change)
{
	struct sim_gpu *gpu = sim_draft_gpu(&daemon->map, change->gpu);
	uint32_t trap;

	if (!gpu->mig.trap_in)
		return SIM_TRAP_NONE;
	trap = --gpu->mig.trap_in ? SIM_TRAP_NONE : gpu->mig.trap;
	sim_publish_gpu(&daemon->map, change->gpu);
	return trap;
}

static pid_t parent_of(pid_t pid)
{
	_cleanup_free_ char *stat = NULL;
	char path[64], *behind;
	size_t size;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (nvb_file_read(AT_FDCWD, path, 4096, &stat, &size, NULL) < 0 || !(behind = strrchr(stat, ')')) ||
		sscanf(behind + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static bool program_of(pid_t pid, char name[4096])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, name, 4095);
	name[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* NVML is asked in a child of the program that wants something, or in a helper that such a child became:
 * killed are both. Nobody else's parent is. */
static void kill_client(const struct sim_peer *peer)
{
	pid_t client = (pid_t)peer->pid, parent = parent_of(client);
	char ours[4096], theirs[4096];

	if (client <= 1)
		return;
	if (parent > 1 && program_of(client, ours) && program_of(parent, theirs) &&
		(strcmp(ours, theirs) == 0 || strstr(ours, "/nvbind-nvml")))
		kill(parent, SIGKILL);
	kill(client, SIGKILL);
}

static int change(struct sim_daemon *daemon, const struct sim_peer *peer, const struct sim_change *change,
	struct sim_reply *reply)
{
	uint32_t trap = SIM_TRAP_NONE;
	int rc = sim_daemon_lock(daemon);

	reply->nvml = NVML_UNKNOWN;
	if (rc < 0)
		return rc;
	if (is_mig_change(change))
		trap = spring(daemon, change);
	if (trap >= SIM_TRAP_KILL_BEFORE && trap != SIM_TRAP_KILL_AFTER) {
		sim_unlock(&daemon->map);
		if (trap == SIM_TRAP_KILL_BEFORE)
			kill_client(peer);
		else
			reply->nvml = trap - SIM_TRAP_ANSWER;
		return 0;
	}
	/* Takes the lock again, which we hold already by the same open file, and lets it go; but not where it
	 * refuses before it gets that far. */
	reply->nvml = sim_change_apply(&daemon->map, change, peer->uid == 0, &reply->result);
	sim_unlock(&daemon->map);
	if (reply->nvml == NVML_OK)
		sync_files(daemon, change->gpu);
	if (trap == SIM_TRAP_KILL_AFTER)
		kill_client(peer);
	return 0;
}

void sim_daemon_answer(struct sim_daemon *daemon, struct sim_peer *peer, const struct sim_request *request,
	struct sim_reply *reply, int *fd)
{
	*reply = (struct sim_reply){0};
	*fd = -1;
	if (request->version != SIM_PROTOCOL_VERSION ||
		(!peer->greeted && request->kind != SIM_REQUEST_HELLO)) {
		reply->status = -EPROTO;
		return;
	}
	switch ((enum sim_request_kind)request->kind) {
	case SIM_REQUEST_HELLO:
		peer->greeted = true;
		reply->pid = peer->pid;
		*fd = daemon->state_fd;
		return;
	case SIM_REQUEST_USE:
		reply->status = sim_daemon_use(daemon, peer, request);
		return;
	case SIM_REQUEST_RELEASE:
		reply->status = sim_daemon_release(daemon, peer, request);
		return;
	case SIM_REQUEST_CHANGE:
		reply->status = change(daemon, peer, &request->change, reply);
		return;
	case SIM_REQUEST_MEMORY:
		reply->status = sim_daemon_memory(daemon, peer, request, fd);
		return;
	}
	reply->status = -EPROTO;
}
