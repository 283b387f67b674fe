/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_STARTER_H
#define NVB_SUPERVISOR_STARTER_H

#include <sys/types.h>

#include "base/error.h"
#include "capsule/definition.h"
#include "capsule/image.h"
#include "capsule/run.h"
#include "capsule/state.h"
#include "supervisor/pipes.h"

/*
 * One start of a supervised capsule is the work of a child of the supervisor: it changes its namespaces for
 * good, and whatever memory it takes goes with it. The container is left to the supervisor, which adopts
 * orphans. With a terminal the child stays, asleep, for as long as the container: the terminal's master must
 * not go with a killed supervisor.
 */
enum { NVB_TERMINAL_HELD = 3 }; /* the descriptor that it then is */

struct nvb_starter {
	const struct nvb_run_host *host;
	const struct nvb_state *state;
	const struct nvb_capsule_definition *definition;
	const struct nvb_entry *entry; /* recorded; its lock is the child's, too */
	const struct nvb_image *image; /* open */
	const struct nvb_pipes *pipes;
	int error; /* our end of the container's standard error: says why a runtime failed */
};

/* *socket gets the report (report.h): the container's first process and, of a terminal, its master. */
int nvb_starter_begin(const struct nvb_starter *starter, pid_t *pid, int *socket, nvb_error **err);

#endif
