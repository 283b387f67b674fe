/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_NVML_READ_H
#define NVB_MIG_NVML_READ_H

#include "mig/mig.h"
#include "mig/nvml_symbols.h"

/* In the child: what NVML says of one card. */
nvml_return nvb_mig_nvml_read(const struct nvb_mig_nvml *nvml, nvml_device device, struct nvb_mig_gpu *gpu);

/* Calls a function that may be absent. */
#define NVB_MIG_CALL(nvml, name, ...) ((nvml)->name ? (nvml)->name(__VA_ARGS__) : NVML_FUNCTION_NOT_FOUND)

enum { NVB_MIG_CI_PROFILES = 16 }; /* numbers tried; the library refuses those it does not know */

#endif
