/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_DERIVED_H
#define NVB_INVENTORY_DERIVED_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What follows from the driver's version and from a GPU's PCI id and name, without asking NVML: tables of
 * what NVIDIA has released. What came later than a table is said to be unknown, never guessed.
 */

/* A version of two numbers: CUDA 12.4, compute capability 9.0. */
struct nvb_two_numbers {
	uint32_t major, minor;
};

/*
 * The newest CUDA that a driver's libcuda speaks, by its branch. True with *at_least where the driver is
 * newer than the table: it speaks that CUDA, and perhaps a newer one. False for what is no driver version,
 * and for drivers before 384, whose containers nobody has.
 */
bool nvb_cuda_of_driver(const char *driver_version, struct nvb_two_numbers *cuda, bool *at_least);

/* Compute capability by PCI device id; false unknown. */
bool nvb_compute_of_device(uint32_t device_id, struct nvb_two_numbers *compute);

/*
 * The brands that NVML may call a GPU of that name, NULL-terminated, in the words of NVIDIA_REQUIRE_*; which
 * of them depends on the driver. NULL unknown.
 */
const char *const *nvb_brands_of_name(const char *name);

#endif
