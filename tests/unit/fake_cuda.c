/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cuda.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpustate/wire.h"

/*
 * A libcuda whose processes are rows of a table. It goes by the states as cuda.h has them, writes down every
 * step, fails or dies where it is told to, and prints to both outputs, which nobody must hear.
 */
#define EXPORT __attribute__((visibility("default")))

enum { OK = 0, INVALID_VALUE = 1, ILLEGAL_STATE = 401 };
enum { RUNNING, LOCKED, CHECKPOINTED };

static struct fake_cuda *fake(void)
{
	static struct fake_cuda *shared;
	const char *path = getenv("FAKE_CUDA");
	int fd;

	if (shared)
		return shared;
	fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		abort();
	close(fd);
	return shared;
}

/* Whether this call is the one to fail; dies if it is to. */
static int fails(int call, int pid, bool done)
{
	struct fake_cuda *f = fake();

	if (f->call != call || !f->times || (f->pid && f->pid != pid) || done != (f->how == FAKE_DIE_AFTER))
		return OK;
	f->times--;
	if (f->how != FAKE_REFUSE)
		raise(SIGKILL);
	return f->result;
}

static unsigned *state_of(int pid)
{
	for (size_t i = 0; i < sizeof(fake()->process) / sizeof(fake()->process[0]); i++)
		if (fake()->process[i].pid == pid)
			return &fake()->process[i].state;
	return NULL;
}

static int step(int call, int pid, unsigned from, unsigned to)
{
	static const char *const names[] = {"", "lock", "checkpoint", "restore", "unlock"};
	size_t used = strlen(fake()->journal);
	unsigned *state = state_of(pid);
	int result = fails(call, pid, false);

	snprintf(fake()->journal + used, sizeof(fake()->journal) - used, "%s %d\n", names[call], pid);
	if (result)
		return result;
	if (!state)
		return INVALID_VALUE;
	if (*state != from)
		return ILLEGAL_STATE;
	*state = to;
	return fails(call, pid, true);
}

EXPORT int cuInit(unsigned flags);
EXPORT int cuInit(unsigned flags)
{
	static const char noise[] = "noise\n";

	if (write(1, noise, sizeof(noise)) < 0 || write(2, noise, sizeof(noise)) < 0)
		return INVALID_VALUE;
	return flags ? INVALID_VALUE : fails(NVB_STATE_START, 0, false);
}

EXPORT int cuGetErrorName(int code, const char **name);
EXPORT int cuGetErrorName(int code, const char **name)
{
	*name = code == 999 ? "CUDA_ERROR_\nUNKNOWN" : "CUDA_ERROR_FAKE";
	return OK;
}

EXPORT int cuCheckpointProcessGetRestoreThreadId(int pid, int *thread);
EXPORT int cuCheckpointProcessGetRestoreThreadId(int pid, int *thread)
{
	int result = fails(NVB_STATE_QUERY, pid, false);

	if (result)
		return result;
	if (!state_of(pid))
		return INVALID_VALUE;
	*thread = pid + 1;
	return OK;
}

EXPORT int cuCheckpointProcessGetState(int pid, unsigned *state);
EXPORT int cuCheckpointProcessGetState(int pid, unsigned *state)
{
	*state = *state_of(pid);
	return OK;
}

EXPORT int cuCheckpointProcessLock(int pid, const unsigned *arguments);
EXPORT int cuCheckpointProcessLock(int pid, const unsigned *arguments)
{
	fake()->timeout_ms = *arguments;
	return step(NVB_STATE_LOCK, pid, RUNNING, LOCKED);
}

EXPORT int cuCheckpointProcessCheckpoint(int pid, const void *arguments);
EXPORT int cuCheckpointProcessCheckpoint(int pid, const void *arguments)
{
	(void)arguments;
	return step(NVB_STATE_CHECKPOINT, pid, LOCKED, CHECKPOINTED);
}

struct restore_arguments {
	const struct nvb_state_pair *pairs;
	unsigned count;
};

EXPORT int cuCheckpointProcessRestore(int pid, const struct restore_arguments *arguments);
EXPORT int cuCheckpointProcessRestore(int pid, const struct restore_arguments *arguments)
{
	fake()->pair_count = arguments->count;
	if (arguments->count) {
		memcpy(fake()->from, arguments->pairs[0].from, sizeof(fake()->from));
		memcpy(fake()->to, arguments->pairs[0].to, sizeof(fake()->to));
	}
	return step(NVB_STATE_RESTORE, pid, CHECKPOINTED, LOCKED);
}

#ifndef FAKE_LACKS_UNLOCK
EXPORT int cuCheckpointProcessUnlock(int pid, const void *arguments);
EXPORT int cuCheckpointProcessUnlock(int pid, const void *arguments)
{
	(void)arguments;
	return step(NVB_STATE_UNLOCK, pid, LOCKED, RUNNING);
}
#endif
