/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_RUNTIME_H
#define NVBIND_TOOL_RUNTIME_H

#include "cli/options.h"

/* `nvbind runtime`: a file per verb. */
extern const struct nvb_verb nvbind_runtime_verbs[];

extern const struct nvb_option nvbind_runtime_configure_options[];
int nvbind_runtime_configure(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_runtime_check_options[];
int nvbind_runtime_check(int argc, char **argv, nvb_error **err);

/* nvbind-runtime beside this program, else where it is installed; malloc'd, NULL without memory. */
char *nvbind_runtime_program(void);

/* The configuration's CDI directories, when they are other ones than the standard's; else NULL. */
const char *const *nvbind_runtime_spec_directories(void);

#endif
