/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/cuda/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sim/cuda/api.h"

/* cuCheckpointProcess*: the side of the caller. */

enum { FIRST_BRANCH = 570, REMAP_BRANCH = 580 };

/* The restore thread of a process, and where its control block lies there. */
struct remote {
	pid_t pid, thread; /* as this process numbers them */
	uintptr_t address;
};

static CUresult from_errno(int sys)
{
	return sys == EPERM ? CUDA_ERROR_NOT_PERMITTED : CUDA_ERROR_INVALID_VALUE;
}

/* Where in the library the block is. */
static int find_offset(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t address = (uintptr_t)&cuda_control, *offset = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type == PT_LOAD && address >= start && address < start + segment->p_memsz) {
			*offset = address - info->dlpi_addr;
			return 1;
		}
	}
	return 0;
}

/* Where that process has its libcuda; 0: nowhere. */
static uintptr_t find_library(pid_t pid)
{
	char path[64], *line = NULL;
	uintptr_t found = 0;
	size_t capacity = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	while (maps && !found && getline(&line, &capacity, maps) > 0) {
		unsigned long start, offset;
		const char *name = strrchr(line, '/');

		if (name && strncmp(name, "/libcuda.so", strlen("/libcuda.so")) == 0 &&
			sscanf(line, "%lx-%*x %*s %lx", &start, &offset) == 2 && offset == 0)
			found = start;
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

static bool read_control(const struct remote *r, struct control *control)
{
	struct iovec here = {control, sizeof(*control)}, there = {(void *)r->address, sizeof(*control)};

	return process_vm_readv(r->pid, &here, 1, &there, 1, 0) == sizeof(*control);
}

static bool write_request(const struct remote *r, struct checkpoint_request *request)
{
	struct iovec here = {request, sizeof(*request)};
	struct iovec there = {(void *)(r->address + offsetof(struct control, request)), sizeof(*request)};

	return process_vm_writev(r->pid, &here, 1, &there, 1, 0) == sizeof(*request);
}

/* The innermost number of a thread: what it has for itself. */
static uint32_t own_number(pid_t pid, const char *thread)
{
	char path[96], line[512];
	unsigned number = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", (int)pid, thread);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, "NSpid:", 6) == 0) {
			const char *last = strrchr(line, '\t');

			number = last ? (unsigned)strtoul(last, NULL, 10) : 0;
			break;
		}
	if (status)
		fclose(status);
	return number;
}

static pid_t find_thread(pid_t pid, uint32_t number)
{
	const struct dirent *entry;
	pid_t found = 0;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && !found && (entry = readdir(tasks)))
		if (*entry->d_name != '.' && own_number(pid, entry->d_name) == number)
			found = (pid_t)strtol(entry->d_name, NULL, 10);
	if (tasks)
		closedir(tasks);
	return found;
}

static CUresult reach(int pid, struct remote *r, struct control *control)
{
	uintptr_t offset = 0, base;
	struct driver *driver;
	int branch;
	CUresult result = cuda_enter(&driver);

	branch = driver->branch;
	cuda_leave(result);
	if (result != CUDA_SUCCESS)
		return result;
	if (branch < FIRST_BRANCH)
		return CUDA_ERROR_NOT_SUPPORTED;
	if (pid <= 0)
		return CUDA_ERROR_INVALID_VALUE;
	dl_iterate_phdr(find_offset, &offset);
	base = find_library(pid);
	if (!base || !offset)
		return CUDA_ERROR_INVALID_VALUE;
	*r = (struct remote){.pid = pid, .address = base + offset};
	errno = 0;
	if (!read_control(r, control))
		return from_errno(errno);
	if (control->magic != CHECKPOINT_MAGIC || control->size != sizeof(*control) || !control->thread)
		return CUDA_ERROR_INVALID_VALUE;
	r->thread = find_thread(pid, control->thread);
	return r->thread ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* Waits for the answer to the request that stands in the block. */
static CUresult await_answer(const struct remote *r, int64_t deadline, struct control *control)
{
	const int64_t grace = 100000000;
	struct timespec pause = {.tv_nsec = 100000};

	while (read_control(r, control)) {
		if (control->answered == control->request.asked)
			return CUDA_SUCCESS;
		if (deadline && cuda_now() > deadline + grace)
			return CUDA_ERROR_NOT_READY;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 5000000)
			pause.tv_nsec *= 2;
	}
	return from_errno(errno);
}

static CUresult ask(int pid, struct checkpoint_request *request)
{
	struct control control;
	struct remote r = {0};
	char path[64];
	int one_at_a_time;
	CUresult result = reach(pid, &r, &control);

	if (result != CUDA_SUCCESS)
		return result;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	one_at_a_time = open(path, O_RDONLY | O_CLOEXEC);
	if (one_at_a_time < 0 || flock(one_at_a_time, LOCK_EX) < 0)
		result = CUDA_ERROR_OPERATING_SYSTEM;
	/* What somebody asked who was killed meanwhile is answered first, if need be by our signal. */
	if (result == CUDA_SUCCESS && control.answered != control.request.asked)
		syscall(SYS_tgkill, r.pid, r.thread, CHECKPOINT_SIGNAL);
	if (result == CUDA_SUCCESS)
		result = await_answer(&r, request->deadline, &control);
	if (result == CUDA_SUCCESS) {
		request->asked = control.request.asked + 1;
		if (!write_request(&r, request) ||
			syscall(SYS_tgkill, r.pid, r.thread, CHECKPOINT_SIGNAL) < 0)
			result = from_errno(errno);
	}
	if (result == CUDA_SUCCESS)
		result = await_answer(&r, request->deadline, &control);
	if (result == CUDA_SUCCESS)
		result = (CUresult)control.result;
	if (one_at_a_time >= 0)
		close(one_at_a_time);
	return result;
}

/* Fields that are reserved must be zero. */
static bool is_zero(const void *data, size_t size)
{
	const char *bytes = data;

	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

CUresult cuCheckpointProcessGetRestoreThreadId(int pid, int *tid)
{
	struct control control;
	struct remote r;
	CUresult result = tid ? reach(pid, &r, &control) : CUDA_ERROR_INVALID_VALUE;

	if (result == CUDA_SUCCESS)
		*tid = r.thread;
	return result;
}

CUresult cuCheckpointProcessGetState(int pid, CUprocessState *state)
{
	struct control control;
	struct remote r;
	CUresult result = state ? reach(pid, &r, &control) : CUDA_ERROR_INVALID_VALUE;

	/* What a caller left who was killed is done first: its outcome is the state. */
	if (result == CUDA_SUCCESS && control.answered != control.request.asked) {
		syscall(SYS_tgkill, r.pid, r.thread, CHECKPOINT_SIGNAL);
		result = await_answer(&r, cuda_now() + 2000000000, &control);
		if (result == CUDA_ERROR_NOT_READY)
			result = CUDA_SUCCESS;
	}
	if (result == CUDA_SUCCESS)
		*state = (CUprocessState)control.state;
	return result;
}

CUresult cuCheckpointProcessLock(int pid, CUcheckpointLockArgs *args)
{
	struct checkpoint_request request = {.call = CALL_LOCK};

	if (args && (args->reserved0 || !is_zero(args->reserved1, sizeof(args->reserved1))))
		return CUDA_ERROR_INVALID_VALUE;
	if (args && args->timeoutMs)
		request.deadline = cuda_now() + (int64_t)args->timeoutMs * 1000000;
	return ask(pid, &request);
}

CUresult cuCheckpointProcessCheckpoint(int pid, CUcheckpointCheckpointArgs *args)
{
	struct checkpoint_request request = {.call = CALL_CHECKPOINT};

	return args && !is_zero(args, sizeof(*args)) ? CUDA_ERROR_INVALID_VALUE : ask(pid, &request);
}

CUresult cuCheckpointProcessRestore(int pid, CUcheckpointRestoreArgs *args)
{
	struct checkpoint_request request = {.call = CALL_RESTORE};
	struct driver *driver;
	int branch;

	cuda_enter(&driver);
	branch = driver->branch;
	cuda_leave(CUDA_SUCCESS);
	if (args && args->gpuPairsCount) {
		if (args->gpuPairsCount > SIM_GPU_MAX || !args->gpuPairs)
			return CUDA_ERROR_INVALID_VALUE;
		if (branch < REMAP_BRANCH)
			return CUDA_ERROR_NOT_SUPPORTED;
		request.pair_count = args->gpuPairsCount;
		memcpy(request.pairs, args->gpuPairs, args->gpuPairsCount * sizeof(*request.pairs));
	}
	return ask(pid, &request);
}

CUresult cuCheckpointProcessUnlock(int pid, CUcheckpointUnlockArgs *args)
{
	struct checkpoint_request request = {.call = CALL_UNLOCK};

	return args && !is_zero(args, sizeof(*args)) ? CUDA_ERROR_INVALID_VALUE : ask(pid, &request);
}
