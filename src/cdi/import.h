/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_IMPORT_H
#define NVB_CDI_IMPORT_H

#include "cdi/registry.h"
#include "plan/plan.h"

/*
 * Appends what the specs say of the named devices to a plan, as edits common to all with the rule
 * "cdi:<path of the spec>": each device once, and what a spec says for all its devices once. What the spec
 * leaves open is looked up on the host now: numbers and mode of device nodes, and whether the sources of
 * mounts are there. Our own nvbind-hook becomes the work it would do, so that a sink which can do that itself
 * runs no hook. The plan keeps no reference to the registry.
 *
 * Errors: those of nvb_cdi_registry_find; NVB_ERR_NOT_FOUND for a host path that is not there;
 * NVB_ERR_UNSUPPORTED for what no plan can hold (intelRdt, network devices, mounts of a file system).
 * The plan may hold some of the edits then and is good for nvb_plan_free alone.
 */
int nvb_cdi_import(struct nvb_plan *plan, const struct nvb_cdi_registry *registry, const char *const *names,
	size_t count, nvb_error **err);

#endif
