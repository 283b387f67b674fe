/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/str.h"
#include "cli/output.h"
#include "info.h"
#include "lease/lease.h"

/* `nvbind info --leases`: who holds which GPU. */

/* The number users know a device by: "2", "0:1"; its key when it is no more. */
static void device_name(const struct nvb_inventory *inventory, const struct nvb_lease_device *device,
	char *buffer, size_t size)
{
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *gpu = &inventory->gpus[i];

		if (gpu->pci && nvb_streq(gpu->pci, device->key)) {
			snprintf(buffer, size, "%u", gpu->index);
			return;
		}
		for (size_t m = 0; m < gpu->mig_count; m++) {
			char key[64];

			snprintf(
				key, sizeof(key), "%s-gi%u-ci%u", gpu->pci, gpu->migs[m].gi, gpu->migs[m].ci);
			if (nvb_streq(key, device->key)) {
				snprintf(buffer, size, "%u:%u", gpu->index, gpu->migs[m].index);
				return;
			}
		}
	}
	snprintf(buffer, size, "%s", device->key);
}

static const char *mode_name(const struct nvb_lease_info *info)
{
	return nvb_choice_name(nvb_lease_modes, (int)info->mode);
}

static int print_table(const struct nvb_inventory *inventory, const struct nvb_lease_info *list, size_t count,
	nvb_error **err)
{
	static const struct nvb_column columns[] = {{"INDEX", true}, {"UUID", false}, {"MODE", false},
		{"HELD BY", false}, {"CONTAINER", false}, {"PROCESS", true}, {NULL, false}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	char name[64];

	if (!count) {
		puts("Nobody holds a GPU");
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t d = 0; d < list[i].devices.count; d++) {
			device_name(inventory, &list[i].devices.list[d], name, sizeof(name));
			nvb_table_cell(&table, name);
			nvb_table_cell(&table, list[i].devices.list[d].uuid);
			nvb_table_cell(&table, mode_name(&list[i]));
			nvb_table_cell(&table, list[i].engine ? list[i].engine : "a process, by flock");
			nvb_table_cell(&table, list[i].container);
			if (list[i].pid)
				nvb_table_cellf(&table, "%d", list[i].pid);
			else
				nvb_table_cell(&table, NULL);
		}
	return nvb_table_print(&table, stdout, err);
}

static void member(struct nvb_strbuf *sb, const char *name, const char *value)
{
	nvb_sb_addf(sb, ", \"%s\": ", name);
	if (value)
		nvb_sb_add_json(sb, value);
	else
		nvb_sb_add(sb, "null");
}

static void lease_json(
	struct nvb_strbuf *sb, const struct nvb_inventory *inventory, const struct nvb_lease_info *info)
{
	char name[64];

	nvb_sb_addf(sb, "{\"mode\": \"%s\"", mode_name(info));
	member(sb, "engine", info->engine);
	member(sb, "container", info->container);
	if (info->pid)
		nvb_sb_addf(sb, ", \"process\": %d", info->pid);
	else
		nvb_sb_add(sb, ", \"process\": null");
	if (info->since)
		nvb_sb_addf(sb, ", \"since\": %" PRId64, info->since);
	else
		nvb_sb_add(sb, ", \"since\": null");
	nvb_sb_add(sb, ", \"devices\": [");
	for (size_t d = 0; d < info->devices.count; d++) {
		device_name(inventory, &info->devices.list[d], name, sizeof(name));
		nvb_sb_addf(sb, "%s{\"id\": ", d ? ", " : "");
		nvb_sb_add_json(sb, name);
		member(sb, "uuid", info->devices.list[d].uuid);
		nvb_sb_addc(sb, '}');
	}
	nvb_sb_add(sb, "]}");
}

static int print_json(const struct nvb_inventory *inventory, const struct nvb_lease_info *list, size_t count,
	nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	nvb_sb_addc(&sb, '[');
	for (size_t i = 0; i < count; i++) {
		nvb_sb_add(&sb, i ? ",\n " : "");
		lease_json(&sb, inventory, &list[i]);
	}
	nvb_sb_add(&sb, "]\n");
	if (sb.failed)
		return nvb_fail_oom(err);
	fputs(sb.s, stdout);
	return 0;
}

int info_leases(const struct nvb_inventory *inventory, bool json, nvb_error **err)
{
	struct nvb_lease_info *list = NULL;
	size_t count = 0;
	int rc = nvb_lease_list(&inventory->roots.dev, &list, &count, err);

	if (rc == 0)
		rc = json ? print_json(inventory, list, count, err)
			  : print_table(inventory, list, count, err);
	nvb_lease_list_free(list, count);
	return rc;
}
