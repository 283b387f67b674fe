/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_NVBIND_RUNTIME_H
#define TOOLS_NVBIND_RUNTIME_H

#include "config/config.h"
#include "lease/lease.h"
#include "nvbind/log.h"
#include "request/environment.h"
#include "shim/arguments.h"

/* The container that is about to be created. */
struct container {
	const struct shim_arguments *arguments;
	const struct nvb_config *config;
	struct nvb_asked_rules rules;
	const char *runtime; /* path of the real one */
	const struct nvb_log *log;
};

/*
 * Gives the container's config.json the devices that it asks for. One that asks for none is only read. On
 * failure the file is as it was. *lease, where GPUs were given: to be given back if the runtime cannot be
 * run.
 */
int give_devices(const struct container *container, struct nvb_lease **lease, nvb_error **err);

/* The lease of its GPUs, for as long as the runtime and then the container live. */
int take_lease(const struct container *container, const struct nvb_asked *asked,
	const struct nvb_inventory *inventory, const struct nvb_plan *plan, struct nvb_lease **lease, nvb_error **err);

#endif
