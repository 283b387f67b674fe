/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLT_MODE_H
#define NVB_BOLT_MODE_H

#include "base/choice.h"
#include "base/error.h"
#include "request/request.h"

/* What "performance_mode" means in knobs: "balanced" (none), "high", "ultra", "efficient". */
extern const struct nvb_choice nvb_mode_names[];

/* Adds the mode's knobs to the settings of a request; NVB_ERR_INVALID names the modes there are. */
int nvb_mode_apply(const char *mode, struct nvb_request *request, nvb_error **err);

#endif
