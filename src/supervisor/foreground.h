/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_FOREGROUND_H
#define NVB_SUPERVISOR_FOREGROUND_H

#include <stdbool.h>

#include "base/error.h"
#include "capsule/run.h"
#include "capsule/state.h"

/*
 * A capsule in the foreground has no supervisor to be asked: the process that started it hands its signals on
 * and gives everything back when it ends. Who asks about one does here himself what a supervisor would have
 * done, by the capsule's first process; what takes a supervisor is refused.
 */

/* Whether some process has the capsule in the foreground now. *keeper is then that process, 0 where it is not
 * known. */
bool nvb_foreground_has(const struct nvb_state *state, const char *id, pid_t *keeper);

/* A supervisor's request (supervisor.h). NVB_ERR_NOT_FOUND: it has ended. NVB_ERR_UNSUPPORTED: a capsule in
 * the foreground cannot have that. */
int nvb_foreground_ask(const struct nvb_state *state, const char *id, const char *request, nvb_error **err);

/* The error of NVB_ERR_UNSUPPORTED: what cannot be had, since it is in the foreground. */
int nvb_foreground_refuse(const char *id, pid_t keeper, const char *what, nvb_error **err);

#endif
