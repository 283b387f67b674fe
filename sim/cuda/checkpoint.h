/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CUDA_CHECKPOINT_H
#define SIM_CUDA_CHECKPOINT_H

#include "sim/cuda/driver.h"

/*
 * How cuCheckpointProcess* reaches another process. Each process that called cuInit has a thread that waits
 * for a signal of its own; what is wanted lies in this block of the library's data, which the caller writes
 * and reads through the kernel (process_vm_writev, process_vm_readv). So it takes no descriptor that a saved
 * process would have to give up, and a process whose threads are frozen does nothing.
 */
enum { CHECKPOINT_MAGIC = 0x53504b43 };

enum checkpoint_call { CALL_LOCK = 1, CALL_CHECKPOINT, CALL_RESTORE, CALL_UNLOCK };

struct control {
	uint32_t magic, size;
	uint32_t thread; /* as its own process numbers it; 0: none */
	uint32_t state;	 /* CUprocessState; programs' calls wait on it while it is not RUNNING */
	uint32_t answered;
	int32_t result; /* CUresult of that request */
	struct checkpoint_request {
		uint32_t call; /* enum checkpoint_call */
		uint32_t pair_count;
		int64_t deadline; /* CLOCK_MONOTONIC, ns; 0: none */
		CUcheckpointGpuPair pairs[SIM_GPU_MAX];
		uint32_t asked; /* its number; last, since it is written last */
		uint32_t pad;
	} request;
};

/* Of this process. */
extern struct control cuda_control;

/* Thread-directed, and blocked in the only thread that it is sent to. */
#define CHECKPOINT_SIGNAL (SIGRTMIN + 5)

/* Starts the thread; once in a process. */
CUresult cuda_start_restore_thread(void);

/* Waits until programs' calls may go on; the lock is held, and given up meanwhile. */
void cuda_pass_gate(struct driver *driver);

/* The lock for the restore thread, past the gate: false when the deadline (0: none) came first. */
bool cuda_seize(struct driver **driver, int64_t deadline);

/* Device memory into this process, all connections closed. Nothing has changed on failure, but for *failed. */
CUresult cuda_move_out(struct driver *driver, bool *failed);
/* And back, onto the GPUs that the pairs name. Nothing has changed on failure, but for *failed. */
CUresult cuda_move_in(struct driver *driver, const CUcheckpointGpuPair *pairs, uint32_t count, bool *failed);

int64_t cuda_now(void);

#endif
