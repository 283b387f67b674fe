/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_GPU_STATE_VERBS_H
#define NVBIND_TOOL_GPU_STATE_VERBS_H

#include "cli/options.h"

/* `nvbind gpu-state`. */
extern const struct nvb_verb nvbind_gpu_state_verbs[];

#endif
