/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/output.h"
#include "mig_verbs.h"

/* nvbind mig export: mig-parted's format, or the same in TOML. */

enum { AS_YAML, AS_TOML, AS_JSON };
static const struct nvb_choice formats[] = {
	{"yaml", AS_YAML}, {"toml", AS_TOML}, {"json", AS_JSON}, {NULL, 0}};
static int format = AS_YAML;
static const char *name = "current";

const struct nvb_option nvbind_mig_export_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", formats, &format), "yaml (as mig-parted), toml or json"},
	{"name", 0, NVB_OPTION_STRING("NAME", &name), "what the configuration is called (current)"},
	{NULL},
};

/* Devices of one kind on a card. */
struct kind {
	char name[NVB_MIG_NAME];
	uint32_t count;
};

struct kinds {
	struct kind list[NVB_MIG_INSTANCES * NVB_MIG_INSTANCES];
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct kind *)a)->name, ((const struct kind *)b)->name);
}

static void count_kinds(const struct nvb_mig_gpu *gpu, struct kinds *kinds)
{
	kinds->count = 0;
	for (uint32_t i = 0; i < gpu->instance_count; i++) {
		const struct nvb_mig_instance *instance = &gpu->instances[i];
		const struct nvb_mig_profile *profile = nvb_mig_profile_by_id(gpu, instance->profile_id);

		for (uint32_t c = 0; profile && c < instance->compute_count; c++) {
			char device[NVB_MIG_NAME];
			size_t k = 0;

			nvb_mig_device_name(profile, instance->computes[c].place.size, device);
			while (k < kinds->count && !nvb_streq(kinds->list[k].name, device))
				k++;
			if (k == kinds->count) {
				memcpy(kinds->list[k].name, device, sizeof(device));
				kinds->list[kinds->count++].count = 0;
			}
			kinds->list[k].count++;
		}
	}
	qsort(kinds->list, kinds->count, sizeof(*kinds->list), by_name);
}

static bool are_alike(const struct nvb_mig_gpu *a, const struct nvb_mig_gpu *b)
{
	struct kinds x, y;

	if (a->capable != b->capable || a->enabled != b->enabled)
		return false;
	count_kinds(a, &x);
	count_kinds(b, &y);
	if (x.count != y.count)
		return false;
	for (size_t i = 0; i < x.count; i++)
		if (!nvb_streq(x.list[i].name, y.list[i].name) || x.list[i].count != y.list[i].count)
			return false;
	return true;
}

/* "all", or "[0,1]": the cards that are divided as the first of them. */
static void add_devices(const struct nvb_mig *mig, size_t first, struct nvb_strbuf *sb, const char *quote)
{
	size_t capable = 0, alike = 0;

	for (size_t g = 0; g < mig->gpu_count; g++) {
		capable += mig->gpus[g].capable;
		alike += mig->gpus[g].capable && are_alike(&mig->gpus[first], &mig->gpus[g]);
	}
	if (capable == alike) {
		nvb_sb_addf(sb, "%sall%s", quote, quote);
		return;
	}
	alike = 0;
	nvb_sb_addc(sb, '[');
	for (size_t g = first; g < mig->gpu_count; g++)
		if (mig->gpus[g].capable && are_alike(&mig->gpus[first], &mig->gpus[g]))
			nvb_sb_addf(sb, "%s%u", alike++ ? "," : "", mig->gpus[g].index);
	nvb_sb_addc(sb, ']');
}

static void add_rule(const struct nvb_mig *mig, size_t first, bool more, struct nvb_strbuf *sb)
{
	const struct nvb_mig_gpu *gpu = &mig->gpus[first];
	const char *enabled = gpu->enabled ? "true" : "false";
	struct kinds kinds;

	count_kinds(gpu, &kinds);
	switch (format) {
	case AS_YAML:
		nvb_sb_add(sb, "  - devices: ");
		add_devices(mig, first, sb, "");
		nvb_sb_addf(
			sb, "\n    mig-enabled: %s\n    mig-devices:%s\n", enabled, kinds.count ? "" : " {}");
		for (size_t k = 0; k < kinds.count; k++)
			nvb_sb_addf(sb, "      \"%s\": %u\n", kinds.list[k].name, kinds.list[k].count);
		break;
	case AS_TOML:
		nvb_sb_add(sb, "\n[[mig-configs.");
		nvb_sb_add_json(sb, name);
		nvb_sb_add(sb, "]]\ndevices = ");
		add_devices(mig, first, sb, "\"");
		nvb_sb_addf(sb, "\nmig-enabled = %s\nmig-devices = {", enabled);
		for (size_t k = 0; k < kinds.count; k++)
			nvb_sb_addf(
				sb, "%s\"%s\" = %u", k ? ", " : "", kinds.list[k].name, kinds.list[k].count);
		nvb_sb_add(sb, "}\n");
		break;
	case AS_JSON:
		nvb_sb_add(sb, "  {\"devices\": ");
		add_devices(mig, first, sb, "\"");
		nvb_sb_addf(sb, ", \"mig-enabled\": %s, \"mig-devices\": {", enabled);
		for (size_t k = 0; k < kinds.count; k++)
			nvb_sb_addf(
				sb, "%s\"%s\": %u", k ? ", " : "", kinds.list[k].name, kinds.list[k].count);
		nvb_sb_addf(sb, "}}%s\n", more ? "," : "");
		break;
	}
}

/* A card that is the first of its kind stands for all of them. */
static bool is_first(const struct nvb_mig *mig, size_t index)
{
	if (!mig->gpus[index].capable)
		return false;
	for (size_t g = 0; g < index; g++)
		if (mig->gpus[g].capable && are_alike(&mig->gpus[g], &mig->gpus[index]))
			return false;
	return true;
}

static bool has_more(const struct nvb_mig *mig, size_t index)
{
	for (size_t g = index + 1; g < mig->gpu_count; g++)
		if (is_first(mig, g))
			return true;
	return false;
}

static void warn_of_empty(const struct nvb_mig *mig)
{
	for (size_t g = 0; g < mig->gpu_count; g++)
		for (uint32_t i = 0; i < mig->gpus[g].instance_count; i++)
			if (!mig->gpus[g].instances[i].compute_count)
				nvb_report_warning("nvbind",
					"GPU %u has a GPU instance (id %u) without a MIG device, which the "
					"format "
					"cannot say",
					mig->gpus[g].index, mig->gpus[g].instances[i].id);
}

int nvbind_mig_export(int argc, char **argv, nvb_error **err)
{
	_cleanup_mig_host_ struct mig_host host = {NULL, NULL};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	bool any = false;
	int rc = mig_host_open(&host, false, err);

	(void)argc;
	(void)argv;
	if (rc < 0)
		return rc;
	if (host.mig->unfinished)
		nvb_report_warning("nvbind", "a change of MIG is being made, or was cut off");
	nvb_sb_add(&sb, format == AS_YAML   ? "version: v1\nmig-configs:\n  "
			: format == AS_TOML ? "version = \"v1\"\n"
					    : "{\"version\": \"v1\", \"mig-configs\": {");
	if (format != AS_TOML)
		nvb_sb_add_json(&sb, name);
	nvb_sb_add(&sb, format == AS_YAML ? ":\n" : format == AS_JSON ? ": [\n" : "");
	for (size_t g = 0; g < host.mig->gpu_count; g++)
		if (is_first(host.mig, g)) {
			add_rule(host.mig, g, has_more(host.mig, g), &sb);
			any = true;
		}
	nvb_sb_add(&sb, format == AS_JSON ? "]}}\n" : "");
	if (sb.failed)
		return nvb_fail_oom(err);
	if (!any)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "no GPU here can be divided by MIG");
	warn_of_empty(host.mig);
	return nvb_stdout_write(sb.s, sb.len, err);
}
