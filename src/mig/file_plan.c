/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "lease/lease.h"
#include "mig/file.h"

/* From a configuration to the steps that make it so. */

static bool names(const struct nvb_mig_rule *rule, const struct nvb_mig_gpu *gpu)
{
	for (size_t i = 0; i < rule->device_count; i++)
		if (rule->devices[i] == gpu->index)
			return true;
	return false;
}

static bool passes(const struct nvb_mig_rule *rule, const struct nvb_mig_gpu *gpu)
{
	for (size_t i = 0; i < rule->filter_count; i++)
		if (rule->filters[i] == gpu->device_id)
			return true;
	return !rule->filter_count;
}

static const struct nvb_mig_rule *rule_for(const struct nvb_mig_config *config, const struct nvb_mig_gpu *gpu)
{
	const struct nvb_mig_rule *last = NULL;

	for (size_t i = 0; i < config->rule_count; i++) {
		const struct nvb_mig_rule *rule = &config->rules[i];

		if (passes(rule, gpu) && (rule->all ? gpu->capable : names(rule, gpu)))
			last = rule;
	}
	return last;
}

static void warn_of_absent(
	const struct nvb_mig *mig, const struct nvb_mig_file *file, const struct nvb_mig_config *config)
{
	for (size_t i = 0; i < config->rule_count; i++)
		for (size_t d = 0; d < config->rules[i].device_count; d++) {
			bool there = false;

			for (size_t g = 0; g < mig->gpu_count; g++)
				there |= mig->gpus[g].index == config->rules[i].devices[d];
			if (!there)
				nvb_warning(mig->log, "%s:%u: this host has no GPU %u", file->name,
					config->rules[i].line, config->rules[i].devices[d]);
		}
}

static int do_not_fit(const struct nvb_mig_gpu *gpu, const struct nvb_mig_pieces *pieces, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf asked = {0}, fits = {0}, room = {0};
	struct nvb_mig_layout layout = {.enabled = true};
	struct nvb_mig_pieces some = {.count = 0};

	/* As many of them as do, in the order of the file. */
	for (uint32_t i = 0; i < pieces->count; i++) {
		struct nvb_mig_layout trial = {.enabled = true};

		some.list[some.count++] = pieces->list[i];
		if (nvb_mig_place(gpu, &trial, &some))
			layout = trial;
		else
			some.count--;
	}
	nvb_mig_describe_pieces(pieces, &asked);
	nvb_mig_describe_pieces(&some, &fits);
	nvb_mig_describe_room(gpu, &layout, &room);
	if (asked.failed || fits.failed || room.failed)
		return nvb_fail_oom(err);
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED, "GPU %u (%s): %s do not fit together", gpu->index,
			gpu->name, asked.s),
		"%s would, and beside these %s", fits.s ? fits.s : "nothing", room.s);
}

/* Leaving alone what is used is worth more than leaving alone what is not. */
static void weigh(
	const struct nvb_mig *mig, const struct nvb_mig_gpu *gpu, uint32_t weights[NVB_MIG_INSTANCES])
{
	struct nvb_lease_info *leases = NULL;
	size_t count = 0, users;

	nvb_lease_list(&mig->inventory->roots.dev, &leases, &count, NULL);
	for (uint32_t i = 0; i < gpu->instance_count; i++) {
		free(nvb_mig_user(gpu, gpu->instances[i].id, UINT32_MAX, leases, count, &users));
		weights[i] = users ? 1000 : 1;
	}
	nvb_lease_list_free(leases, count);
}

static int lay_out(const struct nvb_mig *mig, const struct nvb_mig_gpu *gpu, const struct nvb_mig_rule *rule,
	struct nvb_mig_layout *layout, nvb_error **err)
{
	struct nvb_mig_pieces pieces = {.count = 0};
	uint32_t weights[NVB_MIG_INSTANCES];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < rule->wanted_count; i++)
		for (uint32_t n = 0; rc == 0 && n < rule->wanted[i].count; n++)
			rc = nvb_mig_pieces_add(gpu, &pieces, rule->wanted[i].name, err);
	if (rc < 0)
		return rc;
	weigh(mig, gpu, weights);
	return nvb_mig_arrange(gpu, &pieces, weights, layout) ? 0 : do_not_fit(gpu, &pieces, err);
}

static int plan_gpu(const struct nvb_mig *mig, size_t index, const struct nvb_mig_rule *rule, bool mode_only,
	struct nvb_mig_change *change, nvb_error **err)
{
	const struct nvb_mig_gpu *gpu = &mig->gpus[index];
	struct nvb_mig_layout layout;
	int rc = 0;

	if (!gpu->capable && !rule->enabled)
		return 0;
	if (!gpu->capable)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED, "GPU %u (%s) cannot be divided by MIG", gpu->index,
				gpu->name),
			"'devices: all' means those that can");
	nvb_mig_layout_of(gpu, &layout);
	if (!rule->enabled)
		layout = (struct nvb_mig_layout){.enabled = false};
	else if (mode_only)
		layout.enabled = true;
	else
		rc = lay_out(mig, gpu, rule, &layout, err);
	return rc < 0 ? rc : nvb_mig_change_to(mig, index, &layout, change, err);
}

int nvb_mig_file_plan(const struct nvb_mig *mig, const struct nvb_mig_file *file,
	const struct nvb_mig_config *config, bool mode_only, struct nvb_mig_change *change, nvb_error **err)
{
	int rc = 0;

	warn_of_absent(mig, file, config);
	for (size_t g = 0; rc == 0 && g < mig->gpu_count; g++) {
		const struct nvb_mig_rule *rule = rule_for(config, &mig->gpus[g]);

		if (rule)
			rc = plan_gpu(mig, g, rule, mode_only, change, err);
		if (rc < 0)
			nvb_wrap(err, rc, "%s:%u", file->name, rule->line);
	}
	return rc;
}
