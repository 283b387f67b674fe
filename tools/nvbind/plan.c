/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "cli/plugins.h"
#include "isolation/isolation.h"
#include "nvbind.h"
#include "plan/plan.h"

/* nvbind plan: what a container would get, as a table or as JSON. */

static int format = NVB_FORMAT_TABLE;

static const struct nvb_option options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};
const struct nvb_option_group plan_groups[] = {{"What is asked for", request_options},
	{"Profile", profile_options}, {"Isolation", isolation_options}, {"Options", options}, {NULL}};

/* What the edit does, on one line: where it lands and what it comes from. */
static void describe(struct nvb_table *table, const struct nvb_edit *edit)
{
	char text[16], limit[NVB_LIMIT_TEXT];

	switch (edit->kind) {
	case NVB_EDIT_DEVICE:
		nvb_table_cellf(table, "%s (%s)", edit->device.container, edit->device.access);
		break;
	case NVB_EDIT_MOUNT:
		nvb_table_cell(table, edit->mount.container);
		break;
	case NVB_EDIT_LINK:
		nvb_table_cellf(table, "%s -> %s", edit->link.path, edit->link.target);
		break;
	case NVB_EDIT_LDCACHE:
		nvb_table_cell(table, edit->ldcache.directory);
		break;
	case NVB_EDIT_COMPAT:
		nvb_table_cellf(
			table, "%s, if newer than %s", edit->compat.directory, edit->compat.driver_version);
		break;
	case NVB_EDIT_PARAMS:
		nvb_table_cellf(table, "%s: ModifyDeviceFiles: 0", edit->params.container);
		break;
	case NVB_EDIT_ENV:
		nvb_table_cellf(table, "%s=%s", edit->env.name, edit->env.value);
		break;
	case NVB_EDIT_HOOK:
		nvb_table_cellf(table, "%s at %s", edit->hook.path, edit->hook.when);
		break;
	case NVB_EDIT_GID:
		nvb_table_cellf(table, "%u", edit->gid);
		break;
	case NVB_EDIT_RLIMIT:
		if (edit->rlimit.value == UINT64_MAX)
			nvb_table_cellf(table, "%s unlimited", edit->rlimit.name);
		else
			nvb_table_cellf(table, "%s %" PRIu64, edit->rlimit.name, edit->rlimit.value);
		break;
	case NVB_EDIT_SHM:
		nvb_table_cellf(table, "/dev/shm of %s", nvb_format_bytes(edit->shm, text, sizeof(text)));
		break;
	case NVB_EDIT_LIMIT:
		nvb_table_cellf(table, "%s, %s", edit->limit.kind == NVB_LIMIT_MEMORY ? "memory" : "compute",
			nvb_limit_describe(&edit->limit, limit, sizeof(limit)));
		break;
	case NVB_EDIT_CPUS:
		nvb_table_cellf(table, "CPUs %s", edit->cpus);
		break;
	case NVB_EDIT_NICE:
		nvb_table_cellf(table, "%d", edit->nice);
		break;
	case NVB_EDIT_SCHEDULER:
		if (edit->scheduler.priority)
			nvb_table_cellf(
				table, "%s, priority %d", edit->scheduler.policy, edit->scheduler.priority);
		else
			nvb_table_cell(table, edit->scheduler.policy);
		break;
	case NVB_EDIT_KNOB:
		nvb_table_cellf(table, "%s: %s", edit->knob.name, edit->knob.value);
		break;
	}
}

/* Models are the driver's words, or a foreign /proc's. */
static int print_device(const struct nvb_plan_device *d, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	if (d->is_channel) {
		printf("IMEX channel %s\n", d->name);
		return 0;
	}
	nvb_sb_addf(&line, "%s %s: ", d->is_mig ? "MIG device" : "GPU", d->name);
	nvb_sb_add_visible(&line, d->model ? d->model : "unknown model");
	nvb_sb_add(&line, d->uuid ? ", " : "");
	nvb_sb_add_visible(&line, d->uuid ? d->uuid : "");
	if (line.failed)
		return nvb_fail_oom(err);
	puts(line.s);
	return 0;
}

static int print_table(const struct nvb_plan *plan, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"KIND"}, {"FOR"}, {"WHAT"}, {"NEEDED"}, {"ENFORCED BY"}, {"REASON"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	static const char *const others[] = {
		[NVB_ISOLATION_SHARED] = "",
		[NVB_ISOLATION_EXCLUSIVE] = ": nobody else gets them from nvbind",
		[NVB_ISOLATION_VIRTUAL] = ": others get other parts",
	};
	char names[NVB_CAPABILITIES_TEXT];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->device_count; i++)
		rc = print_device(&plan->devices[i], err);
	if (rc < 0)
		return rc;
	printf("driver %s, capabilities %s, isolation %s%s\n\n",
		plan->driver_version ? plan->driver_version : "unknown",
		nvb_capabilities_format(plan->capabilities, names),
		nvb_choice_name(nvb_isolation_names, (int)plan->isolation), others[plan->isolation]);
	for (size_t i = 0; i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		nvb_table_cell(&table, nvb_edit_kind_name(edit->kind));
		nvb_table_cell(
			&table, edit->scope == NVB_SCOPE_COMMON ? "all" : plan->devices[edit->scope].name);
		describe(&table, edit);
		nvb_table_cell(&table, edit->required ? "required" : "optional");
		nvb_table_cell(&table, edit->enforcement == NVB_ENFORCED_NA
					       ? NULL
					       : nvb_enforcement_name(edit->enforcement));
		nvb_table_cell(&table, edit->reason);
	}
	rc = nvb_table_print(&table, stdout, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

static int print_json(const struct nvb_plan *plan, nvb_error **err)
{
	_cleanup_free_ char *json = NULL;
	int rc = nvb_plan_to_json(plan, &json, err);

	if (rc < 0)
		return rc;
	return nvb_stdout_write(json, strlen(json), err);
}

static int apply_plugins(const struct nvb_inventory *inventory, struct nvb_plan *plan, nvb_error **err)
{
	const struct nvb_plugin_options plugins = nvb_common_plugin_options();

	return nvb_plugins_apply(&plugins, inventory, plan, err);
}

int verb_plan(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_request_freep) struct nvb_request *request = NULL;
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	const struct nvb_plan_options plan_options = {
		.size = sizeof(plan_options),
		.cdi_directories = (const char *const *)nvb_common_config()->cdi.directories,
		.log = nvb_logging(),
		.no_cuda_compat = !nvb_common_config()->driver.cuda_compat,
		.no_params_mask = !nvb_common_config()->driver.mask_params,
	};
	struct nvb_inventory_options inventory_options;
	const struct nvb_isolation_options isolation = {.inventory = &inventory_options,
		.preview = true,
		.rules = nvb_config_isolation_rules(nvb_common_config()),
		.log = nvb_logging()};
	struct nvb_grant *grant = NULL;
	struct nvb_plan *plan = NULL;
	int rc = make_request(&request, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = load_inventory(request, &inventory, err);
	nvb_common_inventory_options(&inventory_options);
	if (rc == 0)
		rc = nvb_isolation_decide(request, &inventory, &isolation, &grant, err);
	if (rc == 0)
		rc = nvb_plan_make(nvb_grant_request(grant, request), inventory, &plan_options, &plan, err);
	if (rc == 0)
		rc = apply_plugins(inventory, plan, err);
	if (rc == 0)
		rc = format == NVB_FORMAT_JSON ? print_json(plan, err) : print_table(plan, err);
	nvb_plan_free(plan);
	nvb_grant_free(grant);
	return rc;
}
