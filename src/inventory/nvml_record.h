/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_NVML_RECORD_H
#define NVB_INVENTORY_NVML_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * What the child that asks NVML hands back over a pipe: a head, then GPUs, then MIG devices, all of fixed
 * size. The library ran foreign code in that child, so the parent believes nothing unchecked.
 */
enum {
	NVB_NVML_TEXT = 96,
	NVB_NVML_MESSAGE = 256,
	NVB_NVML_GPU_MAX = 1024,
	NVB_NVML_MIG_MAX = 16 * 1024,
};

enum nvb_nvml_step { NVB_NVML_DONE, NVB_NVML_OPEN, NVB_NVML_INIT, NVB_NVML_COUNT };

struct nvb_nvml_head {
	uint32_t magic;
	uint32_t step;	/* enum nvb_nvml_step: where it failed, or done */
	int32_t result; /* nvmlReturn_t of that step */
	uint32_t gpu_count, mig_count;
	char version[NVB_NVML_TEXT];	/* of the driver, "" unknown */
	char message[NVB_NVML_MESSAGE]; /* of dlopen */
};
#define NVB_NVML_MAGIC UINT32_C(0x4c4d564e)

/* Empty strings, memory 0 and major -1 are unknown. */
struct nvb_nvml_gpu {
	char pci[NVB_NVML_TEXT], uuid[NVB_NVML_TEXT], name[NVB_NVML_TEXT];
	uint64_t memory; /* bytes */
	int32_t compute_major, compute_minor;
	uint32_t minor; /* UINT32_MAX unknown */
	uint32_t mig_mode;
};

struct nvb_nvml_mig {
	uint32_t gpu; /* index among the GPUs of the record */
	uint32_t gi, ci;
	uint32_t pad;
	char uuid[NVB_NVML_TEXT], profile[NVB_NVML_TEXT];
	uint64_t memory; /* bytes */
};

struct nvb_nvml_record {
	struct nvb_nvml_head head;
	struct nvb_nvml_gpu *gpus; /* malloc'd */
	struct nvb_nvml_mig *migs; /* malloc'd */
};

/* Copies a record out of `data` after checking all of it: NVB_ERR_CORRUPT otherwise. */
int nvb_nvml_record_parse(struct nvb_nvml_record *record, const void *data, size_t size, nvb_error **err);
void nvb_nvml_record_release(struct nvb_nvml_record *record);
#define _cleanup_nvml_record_ _cleanup_(nvb_nvml_record_release)

/* The child's side: loads the library, asks, writes the record to fd. Returns the exit status. */
int nvb_nvml_child(const char *library, int fd);

#endif
