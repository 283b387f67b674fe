/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sim/cuda/checkpoint.h"
#include "sim/cuda/ipc.h"

/*
 * The side of the process that is saved. States as cuda.h has them: RUNNING, by lock LOCKED, by checkpoint
 * CHECKPOINTED, by restore LOCKED, by unlock RUNNING.
 */

/* Older C libraries have these, too, under the name of their time. */
#if defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
#endif

struct control cuda_control = {.magic = CHECKPOINT_MAGIC, .size = sizeof(struct control)};

int64_t cuda_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint32_t state(void)
{
	return __atomic_load_n(&cuda_control.state, __ATOMIC_ACQUIRE);
}

static void enter_state(uint32_t next)
{
	__atomic_store_n(&cuda_control.state, next, __ATOMIC_RELEASE);
	syscall(SYS_futex, &cuda_control.state, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void cuda_pass_gate(struct driver *driver)
{
	uint32_t now;

	/* A child of fork has no driver, and nobody who would open the gate. */
	while (driver->ready && driver->pid == getpid() && (now = state()) != CU_PROCESS_STATE_RUNNING) {
		cuda_leave(CUDA_SUCCESS);
		syscall(SYS_futex, &cuda_control.state, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
		cuda_lock();
	}
}

/* What the driver cannot save (CUDA Driver API, "CUDA checkpointing": neither MIG nor MPS). */
static CUresult check_kind(const struct driver *driver)
{
	if (driver->mps >= 0)
		return CUDA_ERROR_NOT_SUPPORTED;
	for (int i = 0; i < driver->count; i++)
		if (driver->device[i].gi != SIM_NO_INSTANCE)
			return CUDA_ERROR_NOT_SUPPORTED;
	return CUDA_SUCCESS;
}

static CUresult lock_process(const struct checkpoint_request *request)
{
	struct driver *driver;
	CUresult result;

	if (state() != CU_PROCESS_STATE_RUNNING)
		return CUDA_ERROR_ILLEGAL_STATE;
	/* One that nobody waits for any more must not lock: its process was frozen, say. */
	if ((request->deadline && cuda_now() >= request->deadline) || !cuda_seize(&driver, request->deadline))
		return CUDA_ERROR_NOT_READY;
	result = check_kind(driver);
	if (result == CUDA_SUCCESS)
		enter_state(CU_PROCESS_STATE_LOCKED);
	return cuda_leave(result);
}

static bool has_managed(const struct driver *driver)
{
	for (int d = 0; d < driver->count; d++)
		for (size_t i = 0; i < driver->device[d].memory.count; i++)
			if (driver->device[d].memory.allocations[i].managed)
				return true;
	return false;
}

static CUresult checkpoint_process(void)
{
	struct driver *driver;
	CUresult result = CUDA_SUCCESS;
	bool failed = false;

	if (state() != CU_PROCESS_STATE_LOCKED)
		return CUDA_ERROR_ILLEGAL_STATE;
	cuda_seize(&driver, 0);
	/* Memory of CUDA IPC the real driver saves from 610 on. */
	if (has_managed(driver) || cuda_shares_memory(driver))
		return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
	for (int d = 0; result == CUDA_SUCCESS && d < driver->count; d++)
		if (driver->device[d].contexts)
			result = cuda_device_health(driver, &driver->device[d]);
	/* What was on a GPU that is lost cannot be had any more. */
	if (result != CUDA_SUCCESS) {
		enter_state(CU_PROCESS_STATE_FAILED);
		return cuda_leave(result);
	}
	result = cuda_move_out(driver, &failed);
	if (failed)
		enter_state(CU_PROCESS_STATE_FAILED);
	else if (result == CUDA_SUCCESS)
		enter_state(CU_PROCESS_STATE_CHECKPOINTED);
	return cuda_leave(result);
}

static CUresult restore_process(const struct checkpoint_request *request)
{
	struct driver *driver;
	bool failed = false;
	CUresult result;

	if (state() != CU_PROCESS_STATE_CHECKPOINTED)
		return CUDA_ERROR_ILLEGAL_STATE;
	if (request->pair_count > SIM_GPU_MAX)
		return CUDA_ERROR_INVALID_VALUE;
	cuda_seize(&driver, 0);
	result = cuda_move_in(driver, request->pairs, request->pair_count, &failed);
	if (failed)
		enter_state(CU_PROCESS_STATE_FAILED);
	else if (result == CUDA_SUCCESS)
		enter_state(CU_PROCESS_STATE_LOCKED);
	return cuda_leave(result);
}

static CUresult answer(const struct checkpoint_request *request)
{
	switch ((enum checkpoint_call)request->call) {
	case CALL_LOCK:
		return lock_process(request);
	case CALL_CHECKPOINT:
		return checkpoint_process();
	case CALL_RESTORE:
		return restore_process(request);
	case CALL_UNLOCK:
		if (state() != CU_PROCESS_STATE_LOCKED)
			return CUDA_ERROR_ILLEGAL_STATE;
		enter_state(CU_PROCESS_STATE_RUNNING);
		return CUDA_SUCCESS;
	}
	return CUDA_ERROR_INVALID_VALUE;
}

static void *serve(void *unused)
{
	struct control *c = &cuda_control;
	sigset_t wanted;

	(void)unused;
	prctl(PR_SET_NAME, "cuda-restore");
	sigemptyset(&wanted);
	sigaddset(&wanted, CHECKPOINT_SIGNAL);
	__atomic_store_n(&c->thread, (uint32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;) {
		uint32_t asked = __atomic_load_n(&c->request.asked, __ATOMIC_ACQUIRE);

		if (asked != c->answered) {
			c->result = (int32_t)answer(&c->request);
			__atomic_store_n(&c->answered, asked, __ATOMIC_RELEASE);
		} else {
			sigwaitinfo(&wanted, NULL);
		}
	}
	return NULL;
}

CUresult cuda_start_restore_thread(void)
{
	sigset_t all, before;
	pthread_t thread;
	int rc;

	/* A child of fork whose parent had one has a block that was the parent's. */
	cuda_control.thread = 0;
	cuda_control.state = CU_PROCESS_STATE_RUNNING;
	/* It starts with the mask of who starts it, and hears no signal of the program's. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&thread, NULL, serve, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	/* Whoever knows that this process is initialised may ask for it. */
	while (!rc && !__atomic_load_n(&cuda_control.thread, __ATOMIC_ACQUIRE))
		sched_yield();
	return rc ? CUDA_ERROR_OPERATING_SYSTEM : CUDA_SUCCESS;
}
