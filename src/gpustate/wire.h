/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_GPUSTATE_WIRE_H
#define NVB_GPUSTATE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Between the library and the helper that has libcuda: a request, a reply, both of fixed size, one at a time.
 * The driver's code runs in the helper, so its replies are believed only after a check; it checks requests
 * as well, since what it does with them cannot be taken back.
 */
#define NVB_STATE_MAGIC UINT32_C(0x5453474e)
enum { NVB_STATE_PAIRS = 64, NVB_STATE_TEXT = 256 };

enum nvb_state_call {
	NVB_STATE_LOCK = 1, /* as enum nvb_gpu_step */
	NVB_STATE_CHECKPOINT,
	NVB_STATE_RESTORE,
	NVB_STATE_UNLOCK,
	NVB_STATE_QUERY,
	NVB_STATE_START, /* loads the driver; the first, once */
};

struct nvb_state_pair {
	unsigned char from[16], to[16];
};

struct nvb_state_request {
	uint32_t magic, call;
	int32_t pid; /* START: 0 */
	uint32_t timeout_ms;
	uint32_t pair_count, pad;
	struct nvb_state_pair pairs[NVB_STATE_PAIRS];
};

struct nvb_state_reply {
	uint32_t magic, call;
	int32_t pid;
	int32_t result;		   /* CUresult; -1: not the driver's, `text` says what */
	uint32_t state;		   /* QUERY: CUprocessState */
	int32_t thread;		   /* QUERY: 0 without CUDA */
	char text[NVB_STATE_TEXT]; /* CUDA's name of the error, or why the library did not load */
};

/* Copies a record out of `data` after checking all of it: NVB_ERR_CORRUPT otherwise. */
int nvb_state_request_parse(
	struct nvb_state_request *request, const void *data, size_t size, nvb_error **err);
int nvb_state_reply_parse(struct nvb_state_reply *reply, const void *data, size_t size,
	const struct nvb_state_request *asked, nvb_error **err);

/* "GPU-67a7ff37-cdcc-..." into its bytes; false where it is none. */
bool nvb_state_uuid(const char *text, unsigned char bytes[16]);

/* The helper's side: loads the driver and answers until its input ends. */
int nvb_gpu_state_serve(const char *library, int in, int out);
/* What a child becomes that shall do so: nvbind-cuda. The static programs have one that looks beside them for
 * it. */
int nvb_gpu_state_child(const char *library, int in, int out);

#endif
