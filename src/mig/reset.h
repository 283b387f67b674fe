/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_RESET_H
#define NVB_MIG_RESET_H

#include "mig/mig.h"

/* Resets a card and reads it again. NVML has no call for it: the driver's own nvidia-smi does it. Nobody may
 * have the card open, the child that asks NVML neither, so that is started anew. */
int nvb_mig_reset(struct nvb_mig *mig, size_t gpu, nvb_error **err);

#endif
