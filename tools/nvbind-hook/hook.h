/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_HOOK_HOOK_H
#define NVBIND_HOOK_HOOK_H

#include <stdbool.h>

#include "base/error.h"
#include "nvbind/log.h"

/* What the program's files share. */

/* Messages, as lines on stderr. */
void hook_emit(void *data, enum nvb_log_level level, const char *message);

/* No capability and no system call that this work (enum work) does not take; what cannot be had of it is said
 * to the log, since the work is no less right without. */
void hook_confine(unsigned work, const struct nvb_log *log);

/* True for the command line of NVIDIA's hook, under its name or ours: "prestart" and its relatives. */
bool is_prestart(int argc, char *const *argv);

/* Does what it says. */
int prestart(int argc, char *const *argv, nvb_error **err);

#endif
