/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_STARTER_H
#define NVB_SUPERVISOR_STARTER_H

#include <sys/types.h>

#include "base/error.h"
#include "capsule/definition.h"
#include "capsule/image.h"
#include "capsule/run.h"
#include "capsule/state.h"
#include "nvbind/gpu_state.h"
#include "supervisor/pipes.h"

/*
 * One start of a supervised capsule is the work of a child of the supervisor: it changes its namespaces for
 * good, and whatever memory it takes goes with it. The container is left to the supervisor, which adopts
 * orphans. With a terminal the child stays and holds it (holder.h).
 */

/* A capsule goes on from CRIU's images and what lies in the directory: to take the place of its own, an upper
 * directory "upper" (checkpoint/install.h). */
struct nvb_restoring {
	const char *directory;
	int images; /* the directory of those, wherever it is; the start closes it */
	/* To be read once the images are whole, at its end when they will never be; the start closes it. */
	int whole;
	const char *criu, *criu_version; /* path of the program; its answer (checkpoint/criu.h) */
	int lock;   /* what keeps the directory from being swept, -1: nothing; the start closes it */
	bool large; /* CRIU gives up what it has read of the images */
	bool tcp;   /* with the connections that it had */
	bool gpus;  /* its processes have a state of the GPU's in them */
	const struct nvb_gpu_pair *pairs; /* to other GPUs */
	size_t pair_count;
};

struct nvb_starter {
	const struct nvb_run_host *host;
	const struct nvb_state *state;
	const struct nvb_capsule_definition *definition;
	const struct nvb_entry *entry; /* recorded; its lock is the child's, too */
	const struct nvb_image *image; /* open */
	const struct nvb_pipes *pipes;
	const struct nvb_restoring *restoring; /* NULL: its program begins */
	int relay[2]; /* with a terminal: a pipe that what it shows goes through; -1: none */
	int error;    /* our end of the container's standard error: says why a runtime failed */
};

/* *socket gets the report (report.h): the container's first process and, of a terminal, its master. */
int nvb_starter_begin(const struct nvb_starter *starter, pid_t *pid, int *socket, nvb_error **err);

#endif
