/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_WIRE_H
#define NVB_MIG_WIRE_H

#include "mig/mig.h"

/*
 * What is said between us and the child that has NVML loaded: requests of fixed size, each answered by a
 * reply and, where it says so, what follows it. The child ran foreign code: nothing it says is believed
 * unchecked. Both sides come from one build; the magic number holds the sizes, so that a helper of another
 * version is noticed.
 */
enum nvb_mig_op {
	NVB_MIG_OP_OPEN = 1,   /* reply.value: number of GPUs */
	NVB_MIG_OP_READ,       /* gpu; a struct nvb_mig_gpu follows */
	NVB_MIG_OP_MODE,       /* gpu, what: 0, 1; reply.value: nvmlReturn_t of the activation */
	NVB_MIG_OP_CREATE_GI,  /* gpu, what: profile id, place; reply.value: id */
	NVB_MIG_OP_DESTROY_GI, /* gpu, gi */
	NVB_MIG_OP_CREATE_CI,  /* gpu, gi, place in compute slices; reply.value: id */
	NVB_MIG_OP_DESTROY_CI, /* gpu, gi, ci */
};

struct nvb_mig_request {
	uint32_t magic, op;
	uint32_t gpu; /* NVML's index */
	uint32_t gi, ci, what;
	struct nvb_mig_span place;
};

struct nvb_mig_reply {
	uint32_t magic, op;
	int32_t result; /* nvmlReturn_t */
	uint32_t value;
	uint32_t size;	   /* of what follows */
	char message[256]; /* OPEN: of dlopen */
};

#define NVB_MIG_MAGIC                                                  \
	(UINT32_C(0x4d494700) ^ (uint32_t)sizeof(struct nvb_mig_gpu) ^ \
		(uint32_t)(sizeof(struct nvb_mig_request) << 8) ^      \
		(uint32_t)(sizeof(struct nvb_mig_reply) << 16))

/* The child's side: answers until the caller closes its end. Returns the exit status. */
int nvb_mig_child(const char *library, int in, int out);

#endif
