/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

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

static int change(struct sim_daemon *daemon, const struct sim_peer *peer, const struct sim_change *change,
	struct sim_reply *reply)
{
	int rc = sim_daemon_lock(daemon);

	reply->nvml = NVML_UNKNOWN;
	if (rc < 0)
		return rc;
	/* Takes the lock again, which we hold already by the same open file, and lets it go; but not where it
	 * refuses before it gets that far. */
	reply->nvml = sim_change_apply(&daemon->map, change, peer->uid == 0, &reply->result);
	sim_unlock(&daemon->map);
	if (reply->nvml == NVML_OK)
		sync_files(daemon, change->gpu);
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
