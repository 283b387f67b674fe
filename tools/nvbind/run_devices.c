/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cdi/import.h"
#include "cdi/registry.h"
#include "cdi/stale.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "nvbind.h"
#include "run.h"

/*
 * CDI names for a plan's devices. A name is used only where its spec means by it what this host is now: the
 * spec's files are all there (the import looks), and its device nodes are those of the plan.
 */

#define OWN_KIND "nvidia.com/gpu="

enum { SCOPE_ALL = -2 };

static void plan_freep(struct nvb_plan **plan)
{
	nvb_plan_free(*plan);
}

static const struct nvb_edit *find_node(const struct nvb_plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_DEVICE &&
			nvb_streq(plan->edits[i].device.container, path))
			return &plan->edits[i];
	return NULL;
}

static bool is_gpu_node(const char *path)
{
	const char *number = nvb_after(path, "/dev/nvidia");

	return number && *number >= '0' && *number <= '9';
}

static bool in_scope(const struct nvb_edit *edit, int scope)
{
	return edit->scope >= 0 && (scope == SCOPE_ALL || edit->scope == scope);
}

static int stale(const struct nvb_cdi_entry *entry, nvb_error **err, int rc)
{
	rc = nvb_wrap(err, rc, "%s in %s does not fit this host any more", entry->name, entry->source->path);
	return nvb_hint(err, rc,
		"nvbind cdi refresh; for one that others made: nvbind cdi generate --output %s",
		entry->source->path);
}

/* Whether the spec's device has the nodes of the plan's, and no other GPU's. */
static int compare_nodes(const struct nvb_cdi_entry *entry, const struct nvb_plan *spec,
	const struct nvb_plan *plan, int scope, nvb_error **err)
{
	for (size_t i = 0; i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		if (edit->kind == NVB_EDIT_DEVICE && edit->required && in_scope(edit, scope) &&
			!find_node(spec, edit->device.container))
			return stale(entry, err,
				nvb_fail(err, NVB_ERR_STALE, "%s is missing", edit->device.container));
	}
	for (size_t i = 0; i < spec->edit_count; i++) {
		const struct nvb_edit *edit = &spec->edits[i], *own;

		if (edit->kind != NVB_EDIT_DEVICE || !is_gpu_node(edit->device.container))
			continue;
		own = find_node(plan, edit->device.container);
		if (!own || !in_scope(own, scope))
			return stale(entry, err,
				nvb_fail(err, NVB_ERR_STALE, "%s is another GPU's", edit->device.container));
	}
	return 0;
}

/* What makes every device of a spec wrong; what concerns single ones is for those to say. */
static int check_source(
	const struct nvb_cdi_entry *entry, const struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_findings_ struct nvb_cdi_findings findings = {0};
	int rc = nvb_cdi_look_at_host(&findings, &entry->source->spec, inventory, err);

	for (size_t i = 0; rc == 0 && i < findings.count; i++)
		if (findings.items[i].kind == NVB_CDI_STALE_DRIVER ||
			findings.items[i].kind == NVB_CDI_STALE_HOOK)
			return stale(
				entry, err, nvb_fail(err, NVB_ERR_STALE, "%s", findings.items[i].message));
	return rc;
}

static int check_entry(const struct nvb_cdi_registry *registry, const struct nvb_cdi_entry *entry,
	const struct run *run, int scope, nvb_error **err)
{
	_cleanup_(plan_freep) struct nvb_plan *spec = calloc(1, sizeof(*spec));
	int rc;

	if (!spec)
		return nvb_fail_oom(err);
	rc = check_source(entry, run->inventory, err);
	if (rc < 0)
		return rc;
	rc = nvb_cdi_import(spec, registry, &entry->name, 1, err);
	return rc < 0 ? stale(entry, err, rc) : compare_nodes(entry, spec, run->plan, scope, err);
}

/* 1: the device was added under that name; 0: no spec has it. */
static int try_name(struct run_command *command, const struct nvb_cdi_registry *registry, const char *device,
	const struct run *run, int scope, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *name = NULL;
	const struct nvb_cdi_entry *entry = NULL;
	int rc;

	if (!device)
		return 0;
	if (asprintf(&name, OWN_KIND "%s", device) < 0) {
		name = NULL;
		return nvb_fail_oom(err);
	}
	rc = nvb_cdi_registry_find(registry, name, &entry, &why);
	if (rc == -NVB_ERR_NOT_FOUND)
		return 0;
	if (rc < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	rc = check_entry(registry, entry, run, scope, err);
	if (rc == 0)
		run_add_option(command, "--device", name);
	return rc < 0 ? rc : 1;
}

static int no_spec(const struct nvb_plan_device *device, nvb_error **err)
{
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_NOT_FOUND, "no CDI spec names GPU %s (" OWN_KIND "%s)", device->name,
			device->name),
		"nvbind cdi generate --output /etc/cdi/");
}

static bool asks_for_all(const struct nvb_request *request)
{
	for (size_t i = 0; i < request->selector_count; i++)
		if (request->selectors[i].kind == NVB_SELECT_ALL)
			return true;
	return false;
}

/* What was asked for by a CDI name that a spec has: the engine knows it as well. Names of our own kind that
 * no spec has are among the plan's devices. */
static int add_named(struct run_command *command, const struct run *run,
	const struct nvb_cdi_registry *registry, nvb_error **err)
{
	for (size_t i = 0; i < run->request->selector_count; i++) {
		const struct nvb_selector *selector = &run->request->selectors[i];
		const struct nvb_cdi_entry *entry;
		_cleanup_error_ nvb_error *why = NULL;
		int rc;

		if (selector->kind != NVB_SELECT_CDI)
			continue;
		rc = nvb_cdi_registry_find(registry, selector->text, &entry, &why);
		if (rc == 0) {
			run_add_option(command, "--device", selector->text);
		} else if (rc != -NVB_ERR_NOT_FOUND || !nvb_after(selector->text, OWN_KIND)) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
	}
	return 0;
}

int run_add_cdi_devices(
	struct run_command *command, struct run *run, char *const *directories, nvb_error **err)
{
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	const struct nvb_plan *plan = run->plan;
	int rc = nvb_cdi_registry_load(&registry, (const char *const *)directories, nvb_logging(), err);

	if (rc == 0)
		rc = add_named(command, run, &registry, err);
	if (rc == 0 && plan->device_count && asks_for_all(run->request))
		rc = try_name(command, &registry, "all", run, SCOPE_ALL, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	for (size_t i = 0; i < plan->device_count; i++) {
		const struct nvb_plan_device *device = &plan->devices[i];

		rc = try_name(command, &registry, device->name, run, (int)i, err);
		if (rc == 0)
			rc = try_name(command, &registry, device->uuid, run, (int)i, err);
		if (rc == 0)
			return no_spec(device, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
