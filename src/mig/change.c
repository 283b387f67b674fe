/* SPDX-License-Identifier: Apache-2.0 */
#include "mig/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

void nvb_mig_change_release(struct nvb_mig_change *change)
{
	free(change->steps);
	*change = (struct nvb_mig_change){0};
}

static int add(struct nvb_mig_change *change, const struct nvb_mig_step *step, nvb_error **err)
{
	if (!NVB_GROW(change->steps, change->count, change->capacity))
		return nvb_fail_oom(err);
	change->steps[change->count++] = *step;
	return 0;
}

static bool same_span(struct nvb_mig_span a, struct nvb_mig_span b)
{
	return a.start == b.start && a.size == b.size;
}

static const struct nvb_mig_instance *find_instance(
	const struct nvb_mig_instance *list, uint32_t count, const struct nvb_mig_instance *like)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i].profile_id == like->profile_id && same_span(list[i].place, like->place))
			return &list[i];
	return NULL;
}

static bool has_compute(const struct nvb_mig_instance *instance, struct nvb_mig_span place)
{
	for (uint32_t i = 0; instance && i < instance->compute_count; i++)
		if (same_span(instance->computes[i].place, place))
			return true;
	return false;
}

/* Takes away what of a present GI is not wanted: CIs first, then, if there is no such GI, itself. */
static int add_removal(struct nvb_mig_change *change, size_t gpu, const struct nvb_mig_instance *present,
	const struct nvb_mig_instance *wanted, nvb_error **err)
{
	struct nvb_mig_step step = {
		.gpu = gpu, .start = present->place.start, .profile_id = present->profile_id};
	int rc = 0;

	step.kind = NVB_MIG_STEP_DESTROY_CI;
	for (uint32_t i = 0; rc == 0 && i < present->compute_count; i++) {
		const struct nvb_mig_compute *compute = &present->computes[i];

		if (has_compute(wanted, compute->place))
			continue;
		step.place = compute->place;
		memcpy(step.uuid, compute->uuid, sizeof(step.uuid));
		rc = add(change, &step, err);
	}
	if (rc < 0 || wanted)
		return rc;
	step.kind = NVB_MIG_STEP_DESTROY_GI;
	step.place = present->place;
	*step.uuid = '\0';
	return add(change, &step, err);
}

static int add_making(struct nvb_mig_change *change, size_t gpu, const struct nvb_mig_instance *wanted,
	const struct nvb_mig_instance *present, nvb_error **err)
{
	struct nvb_mig_step step = {
		.gpu = gpu, .start = wanted->place.start, .profile_id = wanted->profile_id};
	int rc = 0;

	if (!present) {
		step.kind = NVB_MIG_STEP_CREATE_GI;
		step.place = wanted->place;
		rc = add(change, &step, err);
	}
	step.kind = NVB_MIG_STEP_CREATE_CI;
	for (uint32_t i = 0; rc == 0 && i < wanted->compute_count; i++) {
		if (has_compute(present, wanted->computes[i].place))
			continue;
		step.place = wanted->computes[i].place;
		rc = add(change, &step, err);
	}
	return rc;
}

int nvb_mig_change_to(const struct nvb_mig *mig, size_t index, const struct nvb_mig_layout *layout,
	struct nvb_mig_change *change, nvb_error **err)
{
	const struct nvb_mig_gpu *gpu = &mig->gpus[index];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && gpu->enabled && i < gpu->instance_count; i++) {
		const struct nvb_mig_instance *present = &gpu->instances[i];

		rc = add_removal(change, index, present,
			layout->enabled ? find_instance(layout->instances, layout->count, present) : NULL,
			err);
	}
	if (rc == 0 && (gpu->enabled != layout->enabled || gpu->pending != layout->enabled))
		rc = add(change,
			&(struct nvb_mig_step){
				.kind = NVB_MIG_STEP_MODE, .gpu = index, .on = layout->enabled},
			err);
	for (uint32_t i = 0; rc == 0 && layout->enabled && i < layout->count; i++) {
		const struct nvb_mig_instance *wanted = &layout->instances[i];

		rc = add_making(change, index, wanted,
			gpu->enabled ? find_instance(gpu->instances, gpu->instance_count, wanted) : NULL,
			err);
	}
	return rc;
}

static void add_slices(struct nvb_strbuf *sb, const char *what, struct nvb_mig_span place)
{
	if (place.size == 1)
		nvb_sb_addf(sb, "%s slice %u", what, place.start);
	else
		nvb_sb_addf(sb, "%s slices %u-%u", what, place.start, place.start + place.size - 1);
}

bool nvb_mig_step_describe(const struct nvb_mig *mig, const struct nvb_mig_step *step, struct nvb_strbuf *sb)
{
	const struct nvb_mig_gpu *gpu = &mig->gpus[step->gpu];
	const struct nvb_mig_profile *profile = nvb_mig_profile_by_id(gpu, step->profile_id);
	char device[NVB_MIG_NAME];

	nvb_sb_addf(sb, "GPU %u: ", gpu->index);
	if (profile)
		nvb_mig_device_name(profile, step->place.size, device);
	switch (step->kind) {
	case NVB_MIG_STEP_MODE:
		nvb_sb_addf(sb, "switch MIG %s", step->on ? "on" : "off");
		break;
	case NVB_MIG_STEP_RESET:
		nvb_sb_add(sb, "reset it");
		break;
	case NVB_MIG_STEP_CREATE_GI:
	case NVB_MIG_STEP_DESTROY_GI:
		nvb_sb_addf(sb, "%s GPU instance %s at ",
			step->kind == NVB_MIG_STEP_CREATE_GI ? "make" : "remove",
			profile ? profile->name : "?");
		add_slices(sb, "memory", step->place);
		break;
	case NVB_MIG_STEP_CREATE_CI:
	case NVB_MIG_STEP_DESTROY_CI:
		nvb_sb_addf(sb, "%s MIG device %s ", step->kind == NVB_MIG_STEP_CREATE_CI ? "make" : "remove",
			profile ? device : "?");
		if (*step->uuid)
			nvb_sb_addf(sb, "(%s)", step->uuid);
		else
			add_slices(sb, "at compute", step->place);
		break;
	}
	return !sb->failed;
}
