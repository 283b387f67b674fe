/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_KNOB_H
#define NVBIND_TOOL_KNOB_H

#include "cli/options.h"

/* `nvbind knob`: a file per verb. */
extern const struct nvb_verb nvbind_knob_verbs[];

extern const struct nvb_option nvbind_knob_list_options[];
int nvbind_knob_list(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_knob_restore_options[];
int nvbind_knob_restore(int argc, char **argv, nvb_error **err);

#endif
