/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "cli/output.h"
#include "info.h"

/* The inventory as JSON. What is unknown is null. */

static void text(struct nvb_strbuf *sb, const char *name, const char *value)
{
	nvb_sb_addf(sb, "\"%s\": ", name);
	if (value)
		nvb_sb_add_json(sb, value);
	else
		nvb_sb_add(sb, "null");
}

static void next_text(struct nvb_strbuf *sb, const char *name, const char *value)
{
	nvb_sb_add(sb, ", ");
	text(sb, name, value);
}

static void next_number(struct nvb_strbuf *sb, const char *name, uint64_t value, bool known)
{
	if (known)
		nvb_sb_addf(sb, ", \"%s\": %" PRIu64, name, value);
	else
		nvb_sb_addf(sb, ", \"%s\": null", name);
}

static void next_bool(struct nvb_strbuf *sb, const char *name, bool value)
{
	nvb_sb_addf(sb, ", \"%s\": %s", name, value ? "true" : "false");
}

static void compute_capability(struct nvb_strbuf *sb, const struct nvb_gpu *gpu)
{
	if (gpu->compute_major >= 0)
		nvb_sb_addf(
			sb, ", \"compute_capability\": \"%d.%d\"", gpu->compute_major, gpu->compute_minor);
	else
		nvb_sb_add(sb, ", \"compute_capability\": null");
}

static void node(struct nvb_strbuf *sb, const struct nvb_node *n)
{
	nvb_sb_addc(sb, '{');
	text(sb, "path", n->path);
	next_text(sb, "role", n->role);
	next_number(sb, "major", n->major, n->present);
	next_number(sb, "minor", n->minor, n->present);
	next_bool(sb, "present", n->present);
	nvb_sb_addc(sb, '}');
}

static void nodes(struct nvb_strbuf *sb, const char *name, const struct nvb_node *list, size_t count)
{
	nvb_sb_addf(sb, ",\n  \"%s\": [", name);
	for (size_t i = 0; i < count; i++) {
		nvb_sb_add(sb, i ? ",\n    " : "\n    ");
		node(sb, &list[i]);
	}
	nvb_sb_add(sb, count ? "\n  ]" : "]");
}

static void mig(struct nvb_strbuf *sb, const struct nvb_mig_device *m)
{
	nvb_sb_addf(
		sb, "{\"index\": %u, \"gpu_instance\": %u, \"compute_instance\": %u", m->index, m->gi, m->ci);
	next_text(sb, "uuid", m->uuid);
	next_text(sb, "profile", m->profile);
	next_number(sb, "memory_bytes", m->memory, m->memory != 0);
	nvb_sb_add(sb, ", \"nodes\": [");
	node(sb, &m->gi_access);
	nvb_sb_add(sb, ", ");
	node(sb, &m->ci_access);
	nvb_sb_add(sb, "]}");
}

static void gpu_nodes(struct nvb_strbuf *sb, const struct nvb_gpu *gpu)
{
	const struct nvb_node *const list[] = {&gpu->node, &gpu->card, &gpu->render};
	bool first = true;

	nvb_sb_add(sb, ", \"nodes\": [");
	for (size_t i = 0; i < NVB_ELEMENTS(list); i++) {
		if (!list[i]->path)
			continue;
		nvb_sb_add(sb, first ? "" : ", ");
		first = false;
		node(sb, list[i]);
	}
	nvb_sb_addc(sb, ']');
}

static void gpu(struct nvb_strbuf *sb, const struct nvb_gpu *g)
{
	nvb_sb_addf(sb, "{\"index\": %u", g->index);
	next_number(sb, "minor", g->minor, g->minor != UINT32_MAX);
	next_text(sb, "uuid", g->uuid);
	next_text(sb, "name", g->name);
	next_text(sb, "pci_address", g->pci);
	next_number(sb, "vendor_id", g->vendor_id, g->vendor_id != 0);
	next_number(sb, "device_id", g->device_id, g->device_id != 0);
	next_number(sb, "subsystem_id", g->subsystem_id, g->subsystem_id != 0);
	next_text(sb, "kernel_driver", g->kernel_driver);
	next_text(sb, "firmware", g->firmware);
	next_number(sb, "numa_node", (uint64_t)g->numa_node, g->numa_node >= 0);
	next_text(sb, "cpus", g->cpus);
	next_number(sb, "memory_bytes", g->memory, g->memory != 0);
	compute_capability(sb, g);
	next_bool(sb, "mig_enabled", g->mig_enabled);
	gpu_nodes(sb, g);
	nvb_sb_add(sb, ", \"mig_devices\": [");
	for (size_t i = 0; i < g->mig_count; i++) {
		nvb_sb_add(sb, i ? ",\n      " : "\n      ");
		mig(sb, &g->migs[i]);
	}
	nvb_sb_add(sb, "]}");
}

static const struct {
	unsigned bit;
	const char *name;
} capability_names[] = {
	{NVB_CAP_COMPUTE, "compute"},
	{NVB_CAP_UTILITY, "utility"},
	{NVB_CAP_GRAPHICS, "graphics"},
	{NVB_CAP_VIDEO, "video"},
	{NVB_CAP_DISPLAY, "display"},
	{NVB_CAP_NGX, "ngx"},
};

static void file(struct nvb_strbuf *sb, const struct nvb_file *f)
{
	static const char *const kinds[] = {"library", "binary", "firmware", "data", "socket", "directory"};
	bool first = true;

	nvb_sb_addc(sb, '{');
	text(sb, "path", f->path);
	next_text(sb, "kind", kinds[f->kind]);
	next_text(sb, "rule", f->rule);
	next_text(sb, "reason", f->reason);
	next_text(sb, "soname", f->soname);
	next_number(sb, "elf_class", f->elf_class, f->elf_class != 0);
	nvb_sb_add(sb, ", \"capabilities\": [");
	for (size_t i = 0; i < NVB_ELEMENTS(capability_names); i++) {
		if (!(f->capabilities & capability_names[i].bit))
			continue;
		nvb_sb_addf(sb, "%s\"%s\"", first ? "" : ", ", capability_names[i].name);
		first = false;
	}
	nvb_sb_add(sb, "], \"links\": [");
	for (size_t i = 0; i < f->link_count; i++) {
		nvb_sb_add(sb, i ? ", {" : "{");
		text(sb, "path", f->links[i].path);
		next_text(sb, "target", f->links[i].target);
		nvb_sb_addc(sb, '}');
	}
	nvb_sb_add(sb, "]}");
}

static void driver(struct nvb_strbuf *sb, const struct nvb_inventory *inventory)
{
	static const char *const kinds[] = {"none", "proprietary", "open", "nouveau", "dxg"};

	nvb_sb_add(sb, "  \"driver\": {");
	text(sb, "kind", kinds[inventory->driver.kind]);
	next_text(sb, "version", inventory->driver.version);
	next_text(sb, "module_version", inventory->driver.module_version);
	next_bool(sb, "mismatch", inventory->driver.mismatch);
	nvb_sb_add(sb, "},\n  ");
	text(sb, "platform", inventory->platform == NVB_PLATFORM_WSL2 ? "wsl2" : "native");
}

static int print(struct nvb_strbuf *sb, nvb_error **err)
{
	_cleanup_free_ char *json = nvb_sb_finish(sb);

	if (!json)
		return nvb_fail_oom(err);
	return nvb_stdout_write(json, strlen(json), err);
}

int info_json(const struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	nvb_sb_add(&sb, "{\n");
	driver(&sb, inventory);
	nvb_sb_add(&sb, ",\n  \"gpus\": [");
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		nvb_sb_add(&sb, i ? ",\n    " : "\n    ");
		gpu(&sb, &inventory->gpus[i]);
	}
	nvb_sb_addf(&sb, "%s],\n  \"excluded\": %zu", inventory->gpu_count ? "\n  " : "",
		inventory->excluded_count);
	nodes(&sb, "control_nodes", inventory->control, inventory->control_count);
	nodes(&sb, "special_nodes", inventory->special, inventory->special_count);
	nvb_sb_add(&sb, ",\n  \"files\": [");
	for (size_t i = 0; i < inventory->file_count; i++) {
		nvb_sb_add(&sb, i ? ",\n    " : "\n    ");
		file(&sb, &inventory->files[i]);
	}
	nvb_sb_addf(&sb, "%s],\n  \"library_directories\": [", inventory->file_count ? "\n  " : "");
	for (size_t i = 0; inventory->library_directories[i]; i++) {
		nvb_sb_add(&sb, i ? ", " : "");
		nvb_sb_add_json(&sb, inventory->library_directories[i]);
	}
	nvb_sb_add(&sb, "],\n  ");
	text(&sb, "compat_directory", inventory->compat_directory);
	next_bool(&sb, "from_cache", inventory->from_cache);
	nvb_sb_add(&sb, "\n}\n");
	return print(&sb, err);
}

int info_gpus_json(const struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	nvb_sb_addc(&sb, '[');
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *g = &inventory->gpus[i];

		nvb_sb_addf(&sb, "%s\n  {\"id\": \"%u\"", i ? "," : "", g->index);
		next_text(&sb, "name", g->name);
		next_number(&sb, "memory_mb", g->memory >> 20, g->memory != 0);
		compute_capability(&sb, g);
		next_text(&sb, "driver_version", inventory->driver.version);
		next_text(&sb, "uuid", g->uuid);
		nvb_sb_addc(&sb, '}');
	}
	nvb_sb_add(&sb, inventory->gpu_count ? "\n]\n" : "]\n");
	return print(&sb, err);
}
