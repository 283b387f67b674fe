/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "mig/place.h"

/* From the MIG devices that are wanted to a layout, leaving alone what is there already. */

void nvb_mig_layout_of(const struct nvb_mig_gpu *gpu, struct nvb_mig_layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	layout->enabled = gpu->enabled;
	layout->count = gpu->instance_count;
	memcpy(layout->instances, gpu->instances, sizeof(layout->instances));
}

static uint32_t used_slices(const struct nvb_mig_piece *piece)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < piece->compute_count; i++)
		used += piece->computes[i];
	return used;
}

static void add_compute(struct nvb_mig_piece *piece, uint32_t slices)
{
	uint32_t at = piece->compute_count++;

	while (at && piece->computes[at - 1] < slices) {
		piece->computes[at] = piece->computes[at - 1];
		at--;
	}
	piece->computes[at] = slices;
}

int nvb_mig_pieces_add(
	const struct nvb_mig_gpu *gpu, struct nvb_mig_pieces *pieces, const char *name, nvb_error **err)
{
	const struct nvb_mig_profile *profile;
	uint32_t slices;
	int rc = nvb_mig_parse_profile(gpu, name, &profile, &slices, err);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < pieces->count && slices < profile->slices; i++) {
		struct nvb_mig_piece *piece = &pieces->list[i];

		if (piece->profile == profile && used_slices(piece) + slices <= profile->slices &&
			piece->compute_count < NVB_MIG_INSTANCES) {
			add_compute(piece, slices);
			return 0;
		}
	}
	if (pieces->count == NVB_MIG_INSTANCES)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"GPU %u (%s) cannot have more than %d MIG instances", gpu->index, gpu->name,
			NVB_MIG_INSTANCES);
	pieces->list[pieces->count] = (struct nvb_mig_piece){.profile = profile};
	add_compute(&pieces->list[pieces->count++], slices);
	return 0;
}

static bool has_computes(const struct nvb_mig_instance *instance, const struct nvb_mig_piece *piece)
{
	uint32_t sizes[NVB_MIG_INSTANCES], count = 0;

	if (instance->compute_count != piece->compute_count)
		return false;
	for (uint32_t i = 0; i < instance->compute_count; i++) {
		uint32_t at = count++;

		while (at && sizes[at - 1] < instance->computes[i].place.size) {
			sizes[at] = sizes[at - 1];
			at--;
		}
		sizes[at] = instance->computes[i].place.size;
	}
	return memcmp(sizes, piece->computes, count * sizeof(*sizes)) == 0;
}

/* A present GI serves as a piece of its profile: its CIs stay where they are if they are those wanted. */
static void serve(struct nvb_mig_instance *instance, const struct nvb_mig_piece *piece)
{
	uint32_t start = 0;

	if (has_computes(instance, piece))
		return;
	instance->compute_count = piece->compute_count;
	for (uint32_t i = 0; i < piece->compute_count; i++) {
		instance->computes[i] = (struct nvb_mig_compute){.place = {start, piece->computes[i]}};
		start += piece->computes[i];
	}
}

/* Gives every kept instance its piece, equal ones first; what is left of the pieces stays in *rest. False
 * when one of them has none. */
static bool match(
	struct nvb_mig_layout *kept, const struct nvb_mig_pieces *pieces, struct nvb_mig_pieces *rest)
{
	bool used[NVB_MIG_INSTANCES] = {false}, served[NVB_MIG_INSTANCES] = {false};

	for (int exact = 1; exact >= 0; exact--)
		for (uint32_t i = 0; i < kept->count; i++)
			for (uint32_t p = 0; p < pieces->count && !served[i]; p++) {
				if (used[p] || pieces->list[p].profile->id != kept->instances[i].profile_id ||
					(exact && !has_computes(&kept->instances[i], &pieces->list[p])))
					continue;
				serve(&kept->instances[i], &pieces->list[p]);
				used[p] = served[i] = true;
			}
	rest->count = 0;
	for (uint32_t i = 0; i < kept->count; i++)
		if (!served[i])
			return false;
	for (uint32_t p = 0; p < pieces->count; p++)
		if (!used[p])
			rest->list[rest->count++] = pieces->list[p];
	return true;
}

bool nvb_mig_arrange(const struct nvb_mig_gpu *gpu, const struct nvb_mig_pieces *pieces,
	const uint32_t *weights, struct nvb_mig_layout *layout)
{
	/* Which of the present instances stay: a bit each. Cards have seven at most; of more than a search
	 * can look at, none. */
	enum { KEEP_MAX = 10 };
	uint32_t present = gpu->enabled && gpu->instance_count <= KEEP_MAX ? gpu->instance_count : 0;
	uint64_t best = 0;
	bool found = false;

	for (uint32_t keep = 0; keep < 1u << present; keep++) {
		struct nvb_mig_layout trial = {.enabled = true};
		struct nvb_mig_pieces rest;
		uint64_t weight = 0;

		for (uint32_t i = 0; i < present; i++) {
			if (!(keep >> i & 1))
				continue;
			trial.instances[trial.count++] = gpu->instances[i];
			weight += weights ? weights[i] : 1;
		}
		if ((found && weight <= best) || !match(&trial, pieces, &rest) ||
			!nvb_mig_place(gpu, &trial, &rest))
			continue;
		*layout = trial;
		best = weight;
		found = true;
	}
	return found;
}

void nvb_mig_describe_pieces(const struct nvb_mig_pieces *pieces, struct nvb_strbuf *sb)
{
	for (uint32_t i = 0; i < pieces->count; i++) {
		uint32_t same = 0, before = 0;

		for (uint32_t j = 0; j < pieces->count; j++)
			if (pieces->list[j].profile == pieces->list[i].profile) {
				same++;
				before += j < i;
			}
		if (before)
			continue;
		nvb_sb_add(sb, i ? ", " : "");
		if (same > 1)
			nvb_sb_addf(sb, "%u x ", same);
		nvb_sb_add(sb, pieces->list[i].profile->name);
	}
}

void nvb_mig_describe_room(
	const struct nvb_mig_gpu *gpu, const struct nvb_mig_layout *layout, struct nvb_strbuf *sb)
{
	bool any = false;

	for (uint32_t i = 0; i < gpu->profile_count; i++) {
		uint32_t more = nvb_mig_capacity(gpu, layout, &gpu->profiles[i]);

		if (more)
			nvb_sb_addf(sb, "%s%s (%u more)", any ? ", " : "", gpu->profiles[i].name, more);
		any |= more > 0;
	}
	if (!any)
		nvb_sb_add(sb, "nothing");
}
