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
	nvb_error **err;
};

/* Device nodes: what all devices need, and what each one needs (nodes.c). */
int nvb_planner_control_nodes(struct planner *planner);
int nvb_planner_device_nodes(struct planner *planner, const struct nvb_device *device, int scope);

/* The driver's files, their links and the linker's directories, by layout (files.c). */
int nvb_planner_files(struct planner *planner);

/* What the request's profiles ask for (settings.c). */
int nvb_planner_settings(struct planner *planner, const struct nvb_request *request);

/* True when a file is for these capabilities; 32-bit libraries are wanted only with compat32. */
bool nvb_file_wanted(const struct nvb_file *file, unsigned capabilities);

/* Records what was left out and why; also logged. */
int nvb_planner_warn(struct planner *planner, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
