/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "gpustate/wire.h"

/*
 * The helper's side: nothing here runs in the caller's process. One cuInit serves all pids. Declarations of
 * our own, values as the CUDA Driver API 13.0 documents them; every structure of arguments is 64 bytes.
 */

struct lock_arguments {
	unsigned timeout_ms, reserved;
	uint64_t zero[7];
};

struct empty_arguments {
	uint64_t zero[8];
};

struct restore_arguments {
	struct nvb_state_pair *pairs;
	unsigned pair_count;
	char zero[64 - sizeof(void *) - sizeof(unsigned)];
};
_Static_assert(sizeof(struct lock_arguments) == 64, "CUcheckpointLockArgs");
_Static_assert(sizeof(struct restore_arguments) == 64, "CUcheckpointRestoreArgs");

#define SYMBOLS(X)                                                                     \
	X(cuInit, (unsigned flags))                                                    \
	X(cuGetErrorName, (int code, const char **name))                               \
	X(cuCheckpointProcessGetRestoreThreadId, (int pid, int *thread))               \
	X(cuCheckpointProcessGetState, (int pid, unsigned *state))                     \
	X(cuCheckpointProcessLock, (int pid, struct lock_arguments *arguments))        \
	X(cuCheckpointProcessCheckpoint, (int pid, struct empty_arguments *arguments)) \
	X(cuCheckpointProcessRestore, (int pid, struct restore_arguments *arguments))  \
	X(cuCheckpointProcessUnlock, (int pid, struct empty_arguments *arguments))

struct cuda {
#define X(name, arguments) int(*name) arguments;
	SYMBOLS(X)
#undef X
	bool ready;
};

enum {
	NOT_OURS = -1,
	CUDA_OK = 0,
	CUDA_INVALID_VALUE = 1,
	CUDA_NOT_INITIALIZED = 3,
};

static int load(struct cuda *cuda, const char *library, char text[NVB_STATE_TEXT])
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	const char *missing = NULL;
	int result;

	if (!handle) {
		const char *why = dlerror();

		snprintf(text, NVB_STATE_TEXT, "%s", why ? why : "it does not load");
		return NOT_OURS;
	}
#define X(name, arguments)                            \
	*(void **)&cuda->name = dlsym(handle, #name); \
	if (!cuda->name)                              \
		missing = #name;
	SYMBOLS(X)
#undef X
	if (missing) {
		snprintf(text, NVB_STATE_TEXT, "it lacks %s", missing);
		return NOT_OURS;
	}
	result = cuda->cuInit(0);
	cuda->ready = result == CUDA_OK;
	return result;
}

/* A process that the driver does not know is one without CUDA. */
static int query(
	const struct cuda *cuda, const struct nvb_state_request *request, struct nvb_state_reply *reply)
{
	int thread = -1, result = cuda->cuCheckpointProcessGetRestoreThreadId(request->pid, &thread);
	unsigned state = 0;

	if (result == CUDA_INVALID_VALUE || (result == CUDA_OK && thread <= 0))
		return CUDA_OK;
	if (result == CUDA_OK)
		result = cuda->cuCheckpointProcessGetState(request->pid, &state);
	if (result == CUDA_OK) {
		reply->thread = thread;
		reply->state = state;
	}
	return result;
}

static int perform(const struct cuda *cuda, struct nvb_state_request *request, struct nvb_state_reply *reply)
{
	struct lock_arguments lock = {.timeout_ms = request->timeout_ms};
	struct empty_arguments none = {0};
	struct restore_arguments restore = {0};

	if (request->pair_count) {
		restore.pairs = request->pairs;
		restore.pair_count = request->pair_count;
	}
	switch ((enum nvb_state_call)request->call) {
	case NVB_STATE_START:
		break;
	case NVB_STATE_QUERY:
		return query(cuda, request, reply);
	case NVB_STATE_LOCK:
		return cuda->cuCheckpointProcessLock(request->pid, &lock);
	case NVB_STATE_CHECKPOINT:
		return cuda->cuCheckpointProcessCheckpoint(request->pid, &none);
	case NVB_STATE_RESTORE:
		return cuda->cuCheckpointProcessRestore(request->pid, &restore);
	case NVB_STATE_UNLOCK:
		return cuda->cuCheckpointProcessUnlock(request->pid, &none);
	}
	return CUDA_INVALID_VALUE;
}

static bool read_request(int fd, struct nvb_state_request *request)
{
	char data[sizeof(*request)];
	size_t got = 0;

	while (got < sizeof(data)) {
		ssize_t n = read(fd, data + got, sizeof(data) - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return nvb_state_request_parse(request, data, sizeof(data), NULL) == 0;
}

int nvb_gpu_state_serve(const char *library, int in, int out)
{
	struct nvb_state_request request;
	struct cuda cuda = {0};

	while (read_request(in, &request)) {
		struct nvb_state_reply reply = {
			.magic = NVB_STATE_MAGIC, .call = request.call, .pid = request.pid};
		const char *name = NULL;

		if (request.call == NVB_STATE_START && !cuda.ready)
			reply.result = load(&cuda, library, reply.text);
		else
			reply.result = cuda.ready ? perform(&cuda, &request, &reply) : CUDA_NOT_INITIALIZED;
		if (reply.result > CUDA_OK && cuda.cuGetErrorName &&
			cuda.cuGetErrorName(reply.result, &name) == CUDA_OK && name)
			snprintf(reply.text, sizeof(reply.text), "%s", name);
		if (nvb_write_all(out, &reply, sizeof(reply)) < 0)
			return 1;
	}
	return 0;
}
