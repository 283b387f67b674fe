/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PLAN_PLANNER_H
#define NVB_PLAN_PLANNER_H

#include "base/log.h"
#include "plan/plan.h"

/* What the parts of the planner share while a plan is being made. */
struct planner {
	struct nvb_plan *plan;
	const struct nvb_inventory *inventory;
	const struct nvb_log *log;
	const struct nvb_plan_options *options; /* or NULL */
	bool management;			/* every node of the driver, whatever the capabilities */
	bool files_planned;			/* the driver's files are in the plan */
	const struct nvb_device *devices;	/* what the request came down to; those of CDI specs aside */
	size_t device_count;
	nvb_error **err;
};

/* Adds a node as it lies in the dev root, open for reading and writing; NULL without memory. */
struct nvb_edit *nvb_planner_node(struct planner *planner, const struct nvb_node *node, int scope,
	const char *rule, const char *reason, bool required);
/* Fails for a node that is not there; `whose` begins the message. */
int nvb_planner_missing(struct planner *planner, const struct nvb_node *node, const char *whose);

/* Device nodes: what all devices need, and what each one needs (nodes.c). */
int nvb_planner_control_nodes(struct planner *planner);
int nvb_planner_device_nodes(struct planner *planner, const struct nvb_device *device, int scope);

/*
 * What was asked for beside GPUs (features.c). `alone`: nothing else is in the plan, whose devices are then
 * the IMEX channels.
 */
int nvb_planner_features(struct planner *planner, const struct nvb_request *request, bool alone);

/* The driver's files, their links and the linker's directories, by layout (files.c). */
int nvb_planner_files(struct planner *planner);
/* What only these features bring, or bring too. */
int nvb_planner_feature_files(struct planner *planner, unsigned features);

/* What the request's profiles ask for (settings.c). */
int nvb_planner_settings(struct planner *planner, const struct nvb_request *request);

/* The limits as they were granted, and the way to MPS where it keeps them (limits.c). */
int nvb_planner_limits(struct planner *planner, const struct nvb_request *request);
/* Parts of it. The setting is the one that counts, of whatever profile. */
int nvb_planner_part(struct planner *planner, const struct nvb_setting *setting); /* parts.c */
int nvb_planner_cache(struct planner *planner, const struct nvb_request *request,
	const struct nvb_setting *setting); /* cache.c */
int nvb_planner_session(struct planner *planner, const struct nvb_session *session,
	const struct nvb_setting *setting);					  /* session.c */
int nvb_planner_cpus(struct planner *planner, const struct nvb_setting *setting); /* processors.c */
int nvb_planner_knob(struct planner *planner, const struct nvb_setting *setting); /* processors.c */

/* An edit that a setting asks for, optional as all of them are: rule and reason are filled in, with `reason`
 * in the place of the setting's own where it is not NULL. NULL without memory. */
struct nvb_edit *nvb_planner_setting_edit(struct planner *planner, enum nvb_edit_kind kind,
	const struct nvb_setting *setting, const char *reason);
int nvb_planner_variable(struct planner *planner, const struct nvb_setting *setting, const char *name,
	const char *value, const char *reason);
/* Host and container path are copied. */
int nvb_planner_bind(struct planner *planner, const struct nvb_setting *setting, const char *host,
	const char *container, enum nvb_file_kind kind, const char *reason);
int nvb_planner_setting_device(
	struct planner *planner, const struct nvb_setting *setting, const char *path, const char *reason);

/* The same on WSL2, where screen and sound are WSLg's, and what Mesa must know there (wslg.c). */
int nvb_planner_wslg(struct planner *planner, const struct nvb_setting *setting);
int nvb_planner_mesa(struct planner *planner);

/* What depends on the driver alone: forward compatibility, its parameters (driver.c). */
int nvb_planner_driver(struct planner *planner);

/* True when a file is for these capabilities, features aside; 32-bit libraries are wanted only with compat32.
 */
bool nvb_file_wanted(const struct nvb_file *file, unsigned capabilities);

/* Records what a setting cannot do, for whoever reads the plan. */
int nvb_planner_note(struct planner *planner, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Records what was left out and why; also logged. */
int nvb_planner_warn(struct planner *planner, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
