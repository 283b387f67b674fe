/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/str.h"
#include "cli/output.h"
#include "lease/lease.h"
#include "mig_verbs.h"

/* nvbind mig list */

static char **gpu_words;
static int format = NVB_FORMAT_TABLE;

const struct nvb_option nvbind_mig_list_options[] = {
	{"gpu", 'i', NVB_OPTION_LIST("GPU", &gpu_words), "of this GPU alone (repeatable)"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};

struct listing {
	struct mig_host host;
	size_t *gpus, count;
	struct nvb_lease_info *leases;
	size_t lease_count;
};

static void release(struct listing *l)
{
	free(l->gpus);
	nvb_lease_list_free(l->leases, l->lease_count);
	mig_host_close(&l->host);
}

/* A MIG device: its number is its place by GI id and CI id, as everywhere else. */
struct device {
	const struct nvb_mig_gpu *gpu;
	const struct nvb_mig_instance *instance;
	const struct nvb_mig_compute *compute; /* NULL: a GI without any */
};

static int by_ids(const void *a, const void *b)
{
	const struct device *x = a, *y = b;

	if (x->instance->id != y->instance->id)
		return x->instance->id > y->instance->id ? 1 : -1;
	if (!x->compute || !y->compute)
		return 0;
	return (x->compute->id > y->compute->id) - (x->compute->id < y->compute->id);
}

static size_t devices_of(
	const struct nvb_mig_gpu *gpu, struct device list[NVB_MIG_INSTANCES * NVB_MIG_INSTANCES])
{
	size_t count = 0;

	for (uint32_t i = 0; i < gpu->instance_count; i++) {
		const struct nvb_mig_instance *instance = &gpu->instances[i];

		for (uint32_t c = 0; c < instance->compute_count; c++)
			list[count++] = (struct device){gpu, instance, &instance->computes[c]};
		if (!instance->compute_count)
			list[count++] = (struct device){gpu, instance, NULL};
	}
	qsort(list, count, sizeof(*list), by_ids);
	return count;
}

static void add_mode(struct nvb_table *table, const struct nvb_mig_gpu *gpu)
{
	if (!gpu->capable)
		nvb_table_cell(table, "cannot");
	else if (gpu->enabled != gpu->pending)
		nvb_table_cell(table, gpu->pending ? "on after a reset" : "off after a reset");
	else
		nvb_table_cell(table, gpu->enabled ? "on" : "off");
}

static void add_span(struct nvb_table *table, struct nvb_mig_span span)
{
	if (span.size == 1)
		nvb_table_cellf(table, "%u", span.start);
	else
		nvb_table_cellf(table, "%u-%u", span.start, span.start + span.size - 1);
}

static void add_device(
	const struct listing *l, struct nvb_table *table, const struct device *device, uint32_t number)
{
	const struct nvb_mig_gpu *gpu = device->gpu;
	const struct nvb_mig_profile *profile = nvb_mig_profile_by_id(gpu, device->instance->profile_id);
	char name[NVB_MIG_NAME] = "?", bytes[32];
	_cleanup_free_ char *user = NULL;
	size_t users;

	if (profile)
		nvb_mig_device_name(
			profile, device->compute ? device->compute->place.size : profile->slices, name);
	if (device->compute)
		nvb_table_cellf(table, "%u:%u", gpu->index, number);
	else
		nvb_table_cell(table, NULL);
	nvb_table_cell(table, name);
	nvb_table_cell(table, profile ? nvb_format_bytes(profile->memory, bytes, sizeof(bytes)) : NULL);
	nvb_table_cellf(table, "%u", device->instance->id);
	if (device->compute)
		nvb_table_cellf(table, "%u", device->compute->id);
	else
		nvb_table_cell(table, NULL);
	add_span(table, device->instance->place);
	nvb_table_cell(table, device->compute ? device->compute->uuid : NULL);
	user = nvb_mig_user(gpu, device->instance->id, device->compute ? device->compute->id : UINT32_MAX,
		l->leases, l->lease_count, &users);
	if (users > 1)
		nvb_table_cellf(table, "%s and %zu more", user ? user : "?", users - 1);
	else
		nvb_table_cell(table, user);
}

static int print_gpus(const struct listing *l, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"GPU", true}, {"MIG", false}, {"PCI ADDRESS", false}, {"MODEL", false}, {NULL, false}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	for (size_t i = 0; i < l->count; i++) {
		const struct nvb_mig_gpu *gpu = &l->host.mig->gpus[l->gpus[i]];

		nvb_table_cellf(&table, "%u", gpu->index);
		add_mode(&table, gpu);
		nvb_table_cell(&table, gpu->pci);
		nvb_table_cell(&table, gpu->name);
	}
	return nvb_table_print(&table, stdout, err);
}

static int print_devices(const struct listing *l, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"DEVICE", false}, {"PROFILE", false}, {"MEMORY", true},
		{"GI", true}, {"CI", true}, {"SLICES", false}, {"UUID", false}, {"USED BY", false},
		{NULL, false}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	struct device list[NVB_MIG_INSTANCES * NVB_MIG_INSTANCES];
	bool any = false;

	for (size_t i = 0; i < l->count; i++) {
		size_t count = devices_of(&l->host.mig->gpus[l->gpus[i]], list);
		uint32_t number = 0;

		for (size_t d = 0; d < count; d++) {
			add_device(l, &table, &list[d], number);
			number += list[d].compute != NULL;
			any = true;
		}
	}
	if (!any)
		return 0;
	putchar('\n');
	return nvb_table_print(&table, stdout, err);
}

static void add_placements(struct nvb_table *table, const struct nvb_mig_profile *profile)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	for (uint32_t i = 0; i < profile->placement_count; i++)
		nvb_sb_addf(&sb, "%s%u", i ? "," : "", profile->placements[i].start);
	if (profile->placement_count)
		nvb_sb_addf(&sb, " (%u)", profile->placements[0].size);
	nvb_table_cell(table, sb.s);
}

/* Cards that offer the same, and have the same room, share a row: a host with eight would fill the screen. */
static bool offers_alike(const struct nvb_mig_gpu *a, const struct nvb_mig_gpu *b, uint32_t i)
{
	struct nvb_mig_layout x, y;

	if (a->enabled != b->enabled || i >= b->profile_count || a->profile_count != b->profile_count ||
		!nvb_streq(a->profiles[i].name, b->profiles[i].name))
		return false;
	nvb_mig_layout_of(a, &x);
	nvb_mig_layout_of(b, &y);
	return nvb_mig_capacity(a, &x, &a->profiles[i]) == nvb_mig_capacity(b, &y, &b->profiles[i]);
}

static void add_numbers(const struct listing *l, size_t first, uint32_t p, struct nvb_table *table)
{
	const struct nvb_mig_gpu *gpus = l->host.mig->gpus, *gpu = &gpus[l->gpus[first]];
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	for (size_t i = first; i < l->count; i++)
		if (i == first || (gpus[l->gpus[i]].capable && offers_alike(gpu, &gpus[l->gpus[i]], p)))
			nvb_sb_addf(&sb, "%s%u", sb.len ? "," : "", gpus[l->gpus[i]].index);
	nvb_table_cell(table, sb.s);
}

static bool is_shown(const struct listing *l, size_t index, uint32_t p)
{
	const struct nvb_mig_gpu *gpus = l->host.mig->gpus;

	for (size_t i = 0; i < index; i++)
		if (gpus[l->gpus[i]].capable && offers_alike(&gpus[l->gpus[i]], &gpus[l->gpus[index]], p))
			return true;
	return false;
}

static int print_profiles(const struct listing *l, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"GPU", false}, {"PROFILE", false}, {"ID", true},
		{"MEMORY", true}, {"COMPUTE", true}, {"SMS", true}, {"FIT", true}, {"MOST", true},
		{"STARTS (SLICES)", false}, {NULL, false}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	bool any = false;

	for (size_t i = 0; i < l->count; i++) {
		const struct nvb_mig_gpu *gpu = &l->host.mig->gpus[l->gpus[i]];
		struct nvb_mig_layout layout;
		char bytes[32];

		nvb_mig_layout_of(gpu, &layout);
		for (uint32_t p = 0; gpu->capable && p < gpu->profile_count; p++) {
			const struct nvb_mig_profile *profile = &gpu->profiles[p];

			if (is_shown(l, i, p))
				continue;
			add_numbers(l, i, p, &table);
			nvb_table_cell(&table, profile->name);
			nvb_table_cellf(&table, "%u", profile->id);
			nvb_table_cell(&table, nvb_format_bytes(profile->memory, bytes, sizeof(bytes)));
			nvb_table_cellf(&table, "%u", profile->slices);
			nvb_table_cellf(&table, "%u", profile->sm_count);
			nvb_table_cellf(&table, "%u", nvb_mig_capacity(gpu, &layout, profile));
			nvb_table_cellf(&table, "%u", profile->instances);
			add_placements(&table, profile);
			any = true;
		}
	}
	if (!any)
		return 0;
	putchar('\n');
	return nvb_table_print(&table, stdout, err);
}

static void string_member(struct nvb_strbuf *sb, const char *name, const char *value)
{
	nvb_sb_addf(sb, ", \"%s\": ", name);
	if (value && *value)
		nvb_sb_add_json(sb, value);
	else
		nvb_sb_add(sb, "null");
}

static void device_json(
	const struct listing *l, struct nvb_strbuf *sb, const struct device *device, uint32_t number)
{
	const struct nvb_mig_profile *profile =
		nvb_mig_profile_by_id(device->gpu, device->instance->profile_id);
	_cleanup_free_ char *user = NULL;
	char name[NVB_MIG_NAME] = "";
	size_t users;

	if (profile)
		nvb_mig_device_name(
			profile, device->compute ? device->compute->place.size : profile->slices, name);
	if (device->compute)
		nvb_sb_addf(sb, "{\"device\": \"%u:%u\"", device->gpu->index, number);
	else
		nvb_sb_add(sb, "{\"device\": null");
	string_member(sb, "profile", name);
	nvb_sb_addf(sb, ", \"memory_bytes\": %" PRIu64 ", \"gpu_instance\": %u, \"start\": %u, \"size\": %u",
		profile ? profile->memory : 0, device->instance->id, device->instance->place.start,
		device->instance->place.size);
	if (device->compute)
		nvb_sb_addf(sb, ", \"compute_instance\": %u, \"compute_slices\": %u", device->compute->id,
			device->compute->place.size);
	string_member(sb, "uuid", device->compute ? device->compute->uuid : NULL);
	user = nvb_mig_user(device->gpu, device->instance->id,
		device->compute ? device->compute->id : UINT32_MAX, l->leases, l->lease_count, &users);
	string_member(sb, "used_by", user);
	nvb_sb_addf(sb, ", \"users\": %zu}", users);
}

static void profile_json(
	struct nvb_strbuf *sb, const struct nvb_mig_gpu *gpu, const struct nvb_mig_profile *profile)
{
	struct nvb_mig_layout layout;

	nvb_mig_layout_of(gpu, &layout);
	nvb_sb_add(sb, "{\"name\": ");
	nvb_sb_add_json(sb, profile->name);
	nvb_sb_addf(sb,
		", \"id\": %u, \"memory_bytes\": %" PRIu64 ", \"compute_slices\": %u, \"multiprocessors\": "
		"%u, \"fit\": %u, \"most\": %u, \"placements\": [",
		profile->id, profile->memory, profile->slices, profile->sm_count,
		nvb_mig_capacity(gpu, &layout, profile), profile->instances);
	for (uint32_t i = 0; i < profile->placement_count; i++)
		nvb_sb_addf(sb, "%s{\"start\": %u, \"size\": %u}", i ? ", " : "",
			profile->placements[i].start, profile->placements[i].size);
	nvb_sb_add(sb, "]}");
}

static int print_json(const struct listing *l, nvb_error **err)
{
	struct device list[NVB_MIG_INSTANCES * NVB_MIG_INSTANCES];
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	nvb_sb_add(&sb, "[");
	for (size_t i = 0; i < l->count; i++) {
		const struct nvb_mig_gpu *gpu = &l->host.mig->gpus[l->gpus[i]];
		size_t count = devices_of(gpu, list);
		uint32_t number = 0;

		nvb_sb_addf(&sb, "%s{\"index\": %u", i ? ",\n " : "", gpu->index);
		string_member(&sb, "uuid", gpu->uuid);
		string_member(&sb, "pci", gpu->pci);
		string_member(&sb, "name", gpu->name);
		nvb_sb_addf(&sb, ", \"capable\": %s, \"enabled\": %s, \"pending\": %s, \"devices\": [",
			gpu->capable ? "true" : "false", gpu->enabled ? "true" : "false",
			gpu->pending ? "true" : "false");
		for (size_t d = 0; d < count; d++) {
			nvb_sb_add(&sb, d ? ", " : "");
			device_json(l, &sb, &list[d], number);
			number += list[d].compute != NULL;
		}
		nvb_sb_add(&sb, "], \"profiles\": [");
		for (uint32_t p = 0; p < gpu->profile_count; p++) {
			nvb_sb_add(&sb, p ? ", " : "");
			profile_json(&sb, gpu, &gpu->profiles[p]);
		}
		nvb_sb_add(&sb, "]}");
	}
	nvb_sb_add(&sb, "]\n");
	return sb.failed ? nvb_fail_oom(err) : nvb_stdout_write(sb.s, sb.len, err);
}

int nvbind_mig_list(int argc, char **argv, nvb_error **err)
{
	_cleanup_(release) struct listing l = {.host = {NULL, NULL}};
	int rc = mig_host_open(&l.host, false, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = mig_chosen_gpus(l.host.mig, gpu_words, &l.gpus, &l.count, err);
	if (rc == 0)
		rc = nvb_lease_list(&l.host.inventory->roots.dev, &l.leases, &l.lease_count, err);
	if (rc < 0)
		return rc;
	if (l.host.mig->unfinished)
		nvb_report_warning("nvbind", "a change of MIG is being made, or was cut off: the next "
					     "command that changes something, "
					     "or 'nvbind mig recover', puts back what was there before");
	if (format == NVB_FORMAT_JSON)
		return print_json(&l, err);
	if (!l.count)
		puts("No GPU");
	rc = l.count ? print_gpus(&l, err) : 0;
	if (rc == 0)
		rc = print_devices(&l, err);
	if (rc == 0)
		rc = print_profiles(&l, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}
