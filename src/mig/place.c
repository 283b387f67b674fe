/* SPDX-License-Identifier: Apache-2.0 */
#include "mig/place.h"

#include <string.h>

static uint32_t mask_of(const struct nvb_mig_span *span)
{
	uint32_t ones = span->size >= 32 ? UINT32_MAX : (1u << span->size) - 1;

	return span->start < 32 ? ones << span->start : 0;
}

static uint32_t taken_by(const struct nvb_mig_layout *layout)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < layout->count; i++)
		taken |= mask_of(&layout->instances[i].place);
	return taken;
}

/* Compute slices of the whole card: those of its largest profile. */
static uint32_t slices_of_card(const struct nvb_mig_gpu *gpu)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < gpu->profile_count; i++)
		if (gpu->profiles[i].slices > most)
			most = gpu->profiles[i].slices;
	return most;
}

/* What places do not say: so many compute slices in all, and so many of one profile. */
static bool counts_fit(const struct nvb_mig_gpu *gpu, const struct nvb_mig_layout *layout,
	const struct nvb_mig_pieces *pieces)
{
	uint32_t slices = 0;

	for (uint32_t p = 0; p < gpu->profile_count; p++) {
		const struct nvb_mig_profile *profile = &gpu->profiles[p];
		uint32_t same = 0;

		for (uint32_t i = 0; i < layout->count; i++)
			same += layout->instances[i].profile_id == profile->id;
		for (uint32_t i = 0; i < pieces->count; i++)
			same += pieces->list[i].profile == profile;
		if (same > profile->instances)
			return false;
		slices += same * profile->slices;
	}
	return slices <= slices_of_card(gpu) && layout->count + pieces->count <= NVB_MIG_INSTANCES;
}

/* What a way leaves: every place that is still free, counted by how much could lie there. */
static uint32_t worth_of(const struct nvb_mig_gpu *gpu, uint32_t taken)
{
	uint32_t worth = 0;

	for (uint32_t p = 0; p < gpu->profile_count; p++)
		for (uint32_t i = 0; i < gpu->profiles[p].placement_count; i++)
			if (!(mask_of(&gpu->profiles[p].placements[i]) & taken))
				worth += gpu->profiles[p].slices;
	return worth;
}

struct search {
	const struct nvb_mig_gpu *gpu;
	const struct nvb_mig_pieces *pieces;
	uint32_t order[NVB_MIG_INSTANCES];  /* of the pieces: those with the fewest places first */
	uint32_t chosen[NVB_MIG_INSTANCES]; /* place of each piece, by its index */
	uint32_t best[NVB_MIG_INSTANCES];
	uint32_t best_worth;
	bool found;
	uint32_t tries;
};

/* More than any card needs: seven of seven places, all different, are 5040 ways. */
enum { TRIES_MAX = 200000 };

static void search(struct search *s, uint32_t depth, uint32_t taken)
{
	const struct nvb_mig_profile *profile;
	uint32_t piece, first = 0;

	if (depth == s->pieces->count) {
		uint32_t worth = worth_of(s->gpu, taken);

		if (!s->found || worth > s->best_worth) {
			memcpy(s->best, s->chosen, sizeof(s->best));
			s->best_worth = worth;
			s->found = true;
		}
		return;
	}
	piece = s->order[depth];
	profile = s->pieces->list[piece].profile;
	/* Two of a kind can change places: only one of these ways is looked at. */
	if (depth && s->pieces->list[s->order[depth - 1]].profile == profile)
		first = s->chosen[s->order[depth - 1]] + 1;
	for (uint32_t i = first; i < profile->placement_count && s->tries < TRIES_MAX; i++) {
		uint32_t mask = mask_of(&profile->placements[i]);

		if (mask & taken)
			continue;
		s->tries++;
		s->chosen[piece] = i;
		search(s, depth + 1, taken | mask);
	}
}

static void order_pieces(struct search *s)
{
	const struct nvb_mig_piece *list = s->pieces->list;

	for (uint32_t i = 0; i < s->pieces->count; i++) {
		uint32_t at = i;

		while (at &&
			(list[s->order[at - 1]].profile->placement_count > list[i].profile->placement_count ||
				(list[s->order[at - 1]].profile->placement_count ==
						list[i].profile->placement_count &&
					list[s->order[at - 1]].profile > list[i].profile))) {
			s->order[at] = s->order[at - 1];
			at--;
		}
		s->order[at] = i;
	}
}

static void insert(
	struct nvb_mig_layout *layout, const struct nvb_mig_piece *piece, struct nvb_mig_span place)
{
	struct nvb_mig_instance instance = {
		.profile_id = piece->profile->id, .place = place, .compute_count = piece->compute_count};
	uint32_t at = layout->count++, start = 0;

	for (uint32_t i = 0; i < piece->compute_count; i++) {
		instance.computes[i].place = (struct nvb_mig_span){start, piece->computes[i]};
		start += piece->computes[i];
	}
	while (at && layout->instances[at - 1].place.start > place.start) {
		layout->instances[at] = layout->instances[at - 1];
		at--;
	}
	layout->instances[at] = instance;
}

bool nvb_mig_place(
	const struct nvb_mig_gpu *gpu, struct nvb_mig_layout *layout, const struct nvb_mig_pieces *pieces)
{
	struct search s = {.gpu = gpu, .pieces = pieces};

	if (!counts_fit(gpu, layout, pieces))
		return false;
	order_pieces(&s);
	search(&s, 0, taken_by(layout));
	if (!s.found)
		return false;
	for (uint32_t i = 0; i < pieces->count; i++)
		insert(layout, &pieces->list[i], pieces->list[i].profile->placements[s.best[i]]);
	layout->enabled = true;
	return true;
}

uint32_t nvb_mig_capacity(const struct nvb_mig_gpu *gpu, const struct nvb_mig_layout *layout,
	const struct nvb_mig_profile *profile)
{
	struct nvb_mig_pieces pieces = {.count = 0};

	for (uint32_t count = 1; count <= NVB_MIG_INSTANCES; count++) {
		struct nvb_mig_layout trial = *layout;

		pieces.list[count - 1] = (struct nvb_mig_piece){.profile = profile};
		pieces.count = count;
		if (!nvb_mig_place(gpu, &trial, &pieces))
			return count - 1;
	}
	return NVB_MIG_INSTANCES;
}
