/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PLUGIN_JUDGE_H
#define NVB_PLUGIN_JUDGE_H

#include "base/error.h"
#include "inventory/inventory.h"
#include "plan/plan.h"
#include "plugin/record.h"

/*
 * What plugins may ask for. The tables are in judge.c; docs/plugins.md lists them. Whatever a plugin says, it
 * cannot give a container more than devices of these kinds, files that only root can write, and variables
 * that change no program's code.
 */
struct nvb_plugin_judge {
	const struct nvb_plan *plan; /* without the plugin's edits: what is there already is not replaced */
	const struct nvb_inventory *inventory;
	char *const *sources; /* directories that mounts may come from; NULL: the default ones */
};

/* NVB_ERR_PERMISSION or NVB_ERR_INVALID with what is wrong with it; *gpu gets the device's number or
 * NVB_SCOPE_COMMON. For DEVICE, MOUNT and ENV. A device is looked at through the dev root, and *node gets
 * what it is. */
int nvb_plugin_judge(const struct nvb_plugin_judge *judge, const struct nvb_plugin_record *record, int *gpu,
	struct stat *node, nvb_error **err);

extern const char *const nvb_plugin_default_sources[];

#endif
