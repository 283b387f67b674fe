/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_PLACE_H
#define NVB_MIG_PLACE_H

#include "mig/mig.h"

/*
 * Which profiles fit beside each other, and where. The search is exact: a card has at most eight memory
 * slices and few places for each profile, so all ways are looked at and the one that leaves most is taken.
 */

/* What is on a card, or shall be: GIs with their CIs, by first memory slice. */
struct nvb_mig_layout {
	bool enabled;
	struct nvb_mig_instance instances[NVB_MIG_INSTANCES];
	uint32_t count;
};

/* A GI that is wanted, wherever it may lie, and the sizes of its CIs. */
struct nvb_mig_piece {
	const struct nvb_mig_profile *profile;
	uint32_t computes[NVB_MIG_INSTANCES]; /* compute slices, largest first */
	uint32_t compute_count;
};

struct nvb_mig_pieces {
	struct nvb_mig_piece list[NVB_MIG_INSTANCES];
	uint32_t count;
};

/* Another MIG device ("1c.3g.40gb"): one that is a part of a GI joins the latest of its kind where it fits,
 * as mig-parted does. NVB_ERR_UNSUPPORTED when that is more than any card holds. */
int nvb_mig_pieces_add(
	const struct nvb_mig_gpu *gpu, struct nvb_mig_pieces *pieces, const char *name, nvb_error **err);

void nvb_mig_layout_of(const struct nvb_mig_gpu *gpu, struct nvb_mig_layout *layout);

/* Adds the pieces to what the layout has already, if they fit: true. */
bool nvb_mig_place(
	const struct nvb_mig_gpu *gpu, struct nvb_mig_layout *layout, const struct nvb_mig_pieces *pieces);

/* How many more of a profile fit beside that. */
uint32_t nvb_mig_capacity(const struct nvb_mig_gpu *gpu, const struct nvb_mig_layout *layout,
	const struct nvb_mig_profile *profile);

/*
 * The layout that has these pieces and nothing else, with as much of what is there left alone as can be;
 * `weights` says how much each present instance is worth (NULL: all the same). False: they do not fit
 * together on an empty card either.
 */
bool nvb_mig_arrange(const struct nvb_mig_gpu *gpu, const struct nvb_mig_pieces *pieces,
	const uint32_t *weights, struct nvb_mig_layout *layout);

/* "2 x 3g.40gb, 1g.10gb"; false without memory. */
struct nvb_strbuf;
void nvb_mig_describe_pieces(const struct nvb_mig_pieces *pieces, struct nvb_strbuf *sb);
/* "1g.10gb (2 more), 2g.20gb (1 more)", or "nothing". */
void nvb_mig_describe_room(
	const struct nvb_mig_gpu *gpu, const struct nvb_mig_layout *layout, struct nvb_strbuf *sb);

#endif
