/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_DOCTOR_HEALTH_H
#define NVB_DOCTOR_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inventory/inventory.h"

/* What only NVML knows of cards' health, asked in a child once. */
enum { NVB_HEALTH_GPUS = 256, NVB_HEALTH_UNKNOWN = -1 };

struct nvb_health_gpu {
	char pci[32];	/* "0000:3b:00.0"; "" where the card does not say */
	int32_t handle; /* nvmlReturn_t of opening it, or of the first question */
	/* NVB_HEALTH_UNKNOWN where the card or the library does not tell. */
	int32_t persistence, compute_mode;
	int32_t mig, mig_pending, mig_devices;
	int32_t remap_pending, remap_failed;
};

struct nvb_health {
	bool asked;
	nvb_error *error;	     /* why there is no answer; NULL: there is one */
	int32_t result;		     /* of nvmlInit */
	struct nvb_health_gpu *gpus; /* malloc'd */
	size_t gpu_count;
};

/* Once; what fails is in health->error. */
void nvb_health_ask(struct nvb_health *health, const struct nvb_inventory *inventory);
void nvb_health_release(struct nvb_health *health);

/* The child's side: writes a head and the cards to `out`; runs foreign code. */
struct nvb_health_head {
	uint32_t magic;
	int32_t loaded; /* 0: the library could not be loaded */
	int32_t result; /* of nvmlInit */
	uint32_t gpu_count;
};
#define NVB_HEALTH_MAGIC UINT32_C(0x48544c48)
int nvb_health_child(const char *library, int in, int out);

/* Copies an answer out of `data` after checking all of it. NVB_ERR_CORRUPT. */
int nvb_health_parse(struct nvb_health *health, const void *data, size_t size, nvb_error **err);

#endif
