/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAKE_CUDA_H
#define TESTS_FAKE_CUDA_H

/* What becomes of a call. */
enum { FAKE_REFUSE, FAKE_DIE_BEFORE, FAKE_DIE_AFTER };

/*
 * What a test and the libcuda that it has loaded know together: a file, named by FAKE_CUDA, that both map.
 * Calls are numbered as enum nvb_state_call, and cuInit as NVB_STATE_START.
 */
struct fake_cuda {
	struct {
		int pid;
		unsigned state; /* CUprocessState */
	} process[4];
	unsigned timeout_ms;		/* of the last lock */
	unsigned char from[16], to[16]; /* the first pair of the last restore */
	unsigned pair_count;
	/* A call about a pid (0: any) gives this result; or dies first, or after it has done what it does. */
	int call, pid, result, how;
	int times; /* how often; then as ever */
	char journal[4096];
};

#endif
