/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PLUGIN_PLUGIN_H
#define NVB_PLUGIN_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "inventory/inventory.h"
#include "nvbind/log.h"
#include "plan/plan.h"
#include "plugin/directory.h"

/*
 * Plugins: what nvbind/plugin.h offers, from the caller's side. Each runs in a process of its own
 * (process.h), what it says is read strictly (record.h) and judged (judge.h), and becomes edits of the plan
 * with the rule "plugin:NAME". All of a plugin's edits are taken, or none. Never called by nvbind-runtime or
 * nvbind-hook.
 */
struct nvb_plugin_options {
	const char *directory; /* of the plugins; NULL: none */
	const char *helper;    /* nvbind-plugin */
	char *const *sources;  /* directories that mounts may come from; NULL: the default ones */
	bool required; /* a plugin that fails fails the plan; else it is named in a warning and left out */
	const struct nvb_log *log;
};

/* Adds what all plugins of the directory add to a plan with devices. A plan without is left as it is. */
int nvb_plugins_apply(const struct nvb_plugin_options *options, const struct nvb_inventory *inventory,
	struct nvb_plan *plan, nvb_error **err);

/* What one says of itself; malloc'd. */
struct nvb_plugin_about {
	char *version, *summary;
};
void nvb_plugin_about_release(struct nvb_plugin_about *about);

/* Loads it, and calls nothing of it. */
int nvb_plugin_describe(const struct nvb_plugin_options *options, const struct nvb_plugin_file *file,
	struct nvb_plugin_about *about, nvb_error **err);

/* Adds what one plugin adds; *added says how many edits. The plan is as it was when it fails. */
int nvb_plugin_apply(const struct nvb_plugin_options *options, const struct nvb_plugin_file *file,
	const struct nvb_inventory *inventory, struct nvb_plan *plan, size_t *added, nvb_error **err);

#endif
