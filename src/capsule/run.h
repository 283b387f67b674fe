/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_RUN_H
#define NVB_CAPSULE_RUN_H

#include "base/error.h"
#include "capsule/definition.h"
#include "isolation/rules.h"
#include "nvbind/inventory.h"
#include "plugin/plugin.h"

/* What a run needs to know of the host and of the program it is part of. */
struct nvb_run_host {
	const struct nvb_inventory_options *inventory;
	char *const *runtimes; /* in order of preference */
	const char *store;     /* of images; NULL: the default */
	const char *tree;      /* where driver trees are kept; NULL: the default */
	/* Of CDI specs, NULL-terminated; NULL: the standard ones. */
	const char *const *cdi_directories;
	/* Brings an image into the store. 0 or a negated code; without *err when the user knows already. */
	int (*pull)(const char *reference, nvb_error **err);
	const struct nvb_log *log;
	const char *profiles; /* directory of the installed ones; NULL: none */
	const char *hook;     /* nvbind-hook, for what OCI runtimes cannot do (see params.h); NULL: none */
	struct nvb_isolation_rules isolation; /* zeroed: the defaults */
	const char *criu;		      /* for snapshots; NULL: the one in PATH */
	const char *criu_front;		      /* bolt-criu, which stands before it in a restore; NULL: none */
	struct nvb_plugin_options plugins;    /* what adds to plans; zeroed: nothing */
	bool no_cuda_compat, no_params_mask;  /* as in struct nvb_plan_options */
};

/*
 * Runs a capsule in the foreground: its program has this process's streams, and the signals sent to this
 * process. Changes this process for good (a mount namespace of its own, adopting of orphans), so a program
 * runs one. *status is what to exit with: the container's own status (128 + signal when one ended it), or,
 * with *err set and a negated code returned, 125 for a failure of ours, 126 and 127 for a program that cannot
 * be run or is not there, 128 + signal when a signal came first. Nothing of a capsule that failed remains.
 */
int nvb_capsule_run(const struct nvb_run_host *host, const struct nvb_capsule_definition *definition,
	int *status, nvb_error **err);

#endif
