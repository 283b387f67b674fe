/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/str.h"
#include "plan/plan.h"

/* The plan as JSON: one object per edit, with the fields of its kind. */

static void member(struct nvb_strbuf *sb, const char *name, const char *value)
{
	if (!value)
		return;
	nvb_sb_addf(sb, ", \"%s\": ", name);
	nvb_sb_add_json(sb, value);
}

static void list(struct nvb_strbuf *sb, const char *name, const char *const *values)
{
	if (!values)
		return;
	nvb_sb_addf(sb, ", \"%s\": [", name);
	for (size_t i = 0; values[i]; i++) {
		nvb_sb_add(sb, i ? ", " : "");
		nvb_sb_add_json(sb, values[i]);
	}
	nvb_sb_addc(sb, ']');
}

static void device(struct nvb_strbuf *sb, const struct nvb_edit *edit)
{
	member(sb, "path", edit->device.container);
	member(sb, "host", edit->device.host);
	member(sb, "type", edit->device.type);
	if (edit->device.known_numbers)
		nvb_sb_addf(sb, ", \"major\": %u, \"minor\": %u", edit->device.major, edit->device.minor);
	member(sb, "access", edit->device.access);
}

static void amount(struct nvb_strbuf *sb, const char *name, enum nvb_limit_kind kind, uint64_t value)
{
	if (!value)
		nvb_sb_addf(sb, ", \"%s\": null", name);
	else if (kind == NVB_LIMIT_MEMORY)
		nvb_sb_addf(sb, ", \"%s\": %" PRIu64, name, value);
	else
		nvb_sb_addf(sb, ", \"%s\": %" PRIu64 ".%" PRIu64, name, value / 10, value % 10);
}

/* Bytes and percent; null is nothing asked, and nothing known or kept. */
static void limit(struct nvb_strbuf *sb, const struct nvb_limit *l)
{
	bool memory = l->kind == NVB_LIMIT_MEMORY;

	member(sb, "of", memory ? "memory" : "compute");
	amount(sb, memory ? "asked_bytes" : "asked_percent", l->kind, l->asked);
	amount(sb, memory ? "granted_bytes" : "granted_percent", l->kind, l->granted);
	member(sb, "by", l->by);
}

static void details(struct nvb_strbuf *sb, const struct nvb_edit *edit)
{
	switch (edit->kind) {
	case NVB_EDIT_DEVICE:
		device(sb, edit);
		break;
	case NVB_EDIT_MOUNT:
		member(sb, "path", edit->mount.container);
		member(sb, "host", edit->mount.host);
		member(sb, "via", edit->mount.via == NVB_VIA_LAYER ? "layer" : "bind");
		list(sb, "options", edit->mount.options);
		break;
	case NVB_EDIT_LINK:
		member(sb, "path", edit->link.path);
		member(sb, "target", edit->link.target);
		break;
	case NVB_EDIT_LDCACHE:
		member(sb, "path", edit->ldcache.directory);
		break;
	case NVB_EDIT_COMPAT:
		member(sb, "path", edit->compat.directory);
		member(sb, "driver_version", edit->compat.driver_version);
		break;
	case NVB_EDIT_PARAMS:
		member(sb, "path", edit->params.container);
		member(sb, "host", edit->params.host);
		break;
	case NVB_EDIT_ENV:
		member(sb, "name", edit->env.name);
		member(sb, "value", edit->env.value);
		break;
	case NVB_EDIT_HOOK:
		member(sb, "when", edit->hook.when);
		member(sb, "path", edit->hook.path);
		list(sb, "args", edit->hook.args);
		list(sb, "env", edit->hook.env);
		break;
	case NVB_EDIT_GID:
		nvb_sb_addf(sb, ", \"gid\": %u", edit->gid);
		break;
	case NVB_EDIT_RLIMIT:
		member(sb, "name", edit->rlimit.name);
		nvb_sb_addf(sb,
			edit->rlimit.value == UINT64_MAX ? ", \"value\": -1" : ", \"value\": %" PRIu64,
			edit->rlimit.value);
		break;
	case NVB_EDIT_SHM:
		nvb_sb_addf(sb, ", \"bytes\": %" PRIu64, edit->shm);
		break;
	case NVB_EDIT_LIMIT:
		limit(sb, &edit->limit);
		break;
	case NVB_EDIT_CPUS:
		member(sb, "cpus", edit->cpus);
		break;
	case NVB_EDIT_NICE:
		nvb_sb_addf(sb, ", \"value\": %d", edit->nice);
		break;
	case NVB_EDIT_SCHEDULER:
		member(sb, "policy", edit->scheduler.policy);
		if (edit->scheduler.priority)
			nvb_sb_addf(sb, ", \"priority\": %d", edit->scheduler.priority);
		break;
	case NVB_EDIT_KNOB:
		member(sb, "name", edit->knob.name);
		member(sb, "value", edit->knob.value);
		break;
	}
}

static void add_device(struct nvb_strbuf *sb, const struct nvb_plan_device *d)
{
	nvb_sb_add(sb, "{\"name\": ");
	nvb_sb_add_json(sb, d->name);
	member(sb, "uuid", d->uuid);
	member(sb, "gpu_uuid", d->gpu_uuid);
	member(sb, "model", d->model);
	member(sb, "pci_address", d->pci);
	nvb_sb_addf(sb, ", \"mig\": %s", d->is_mig ? "true" : "false");
	nvb_sb_add(sb, d->is_channel ? ", \"imex_channel\": true}" : "}");
}

static void add_edit(struct nvb_strbuf *sb, const struct nvb_plan *plan, const struct nvb_edit *edit)
{
	nvb_sb_addf(sb, "{\"kind\": \"%s\", \"for\": ", nvb_edit_kind_name(edit->kind));
	nvb_sb_add_json(sb, edit->scope == NVB_SCOPE_COMMON ? "all" : plan->devices[edit->scope].name);
	details(sb, edit);
	nvb_sb_addf(sb, ", \"required\": %s", edit->required ? "true" : "false");
	if (edit->enforcement != NVB_ENFORCED_NA)
		member(sb, "enforced_by", nvb_enforcement_name(edit->enforcement));
	member(sb, "rule", edit->rule);
	member(sb, "reason", edit->reason);
	nvb_sb_addc(sb, '}');
}

int nvb_plan_to_json(const nvb_plan *plan, char **json, nvb_error **err)
{
	static const char *const layouts[] = {
		[NVB_LAYOUT_FILES] = "files", [NVB_LAYOUT_TREE] = "tree", [NVB_LAYOUT_LAYER] = "layer"};
	struct nvb_strbuf sb = {0};
	char capabilities[NVB_CAPABILITIES_TEXT];
	char *text;

	nvb_sb_addf(&sb, "{\n  \"layout\": \"%s\"", layouts[plan->layout]);
	member(&sb, "tree", plan->tree);
	member(&sb, "driver_version", plan->driver_version);
	member(&sb, "capabilities", nvb_capabilities_format(plan->capabilities, capabilities));
	member(&sb, "isolation", nvb_choice_name(nvb_isolation_names, (int)plan->isolation));
	nvb_sb_add(&sb, ",\n  \"devices\": [");
	for (size_t i = 0; i < plan->device_count; i++) {
		nvb_sb_add(&sb, i ? ",\n    " : "\n    ");
		add_device(&sb, &plan->devices[i]);
	}
	nvb_sb_add(&sb, "\n  ],\n  \"edits\": [");
	for (size_t i = 0; i < plan->edit_count; i++) {
		nvb_sb_add(&sb, i ? ",\n    " : "\n    ");
		add_edit(&sb, plan, &plan->edits[i]);
	}
	nvb_sb_add(&sb, "\n  ],\n  \"warnings\": [");
	nvb_strv_foreach (warning, plan->warnings) {
		nvb_sb_add(&sb, warning == plan->warnings ? "\n    " : ",\n    ");
		nvb_sb_add_json(&sb, *warning);
	}
	nvb_sb_add(&sb, "\n  ]\n}\n");
	text = nvb_sb_finish(&sb);
	if (!text)
		return nvb_fail_oom(err);
	*json = text;
	return 0;
}
