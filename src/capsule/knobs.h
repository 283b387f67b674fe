/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_KNOBS_H
#define NVB_CAPSULE_KNOBS_H

#include "capsule/start.h"
#include "knob/knob.h"

/* Turns the plan's knobs for the capsule that is being started (knob/knob.h), as a step of that. */
int nvb_start_turn_knobs(struct nvb_start *start, nvb_error **err);

/* Puts back what dead capsules have left turned. Nearly always there is nothing, which a few system calls
 * tell. */
void nvb_capsule_settle_knobs(const struct nvb_run_host *host);

#endif
