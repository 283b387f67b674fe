/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "lease/lease.h"
#include "mig/change.h"
#include "mig/mode.h"
#include "mig/state.h"

/*
 * A MIG device for a wish: of what is there and free, else a new one. What the cards offer is put in the
 * order in which it serves the wish; of the best that any has free one is taken or, where none is free, made,
 * before the next best is looked at: a small wish does not take the large device that happens to be free.
 */

/* A kind of device that a card offers, and how well it serves: less is better. */
struct kind {
	size_t gpu; /* index in mig->gpus */
	const struct nvb_mig_profile *profile;
	uint64_t distance;
	bool serves;
};

struct chooser {
	struct nvb_mig *mig;
	const struct nvb_mig_wish *wish;
	struct nvb_lease_info *leases;
	size_t lease_count;
};

static uint32_t card_slices(const struct nvb_mig_gpu *gpu)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < gpu->profile_count; i++)
		if (gpu->profiles[i].slices > most)
			most = gpu->profiles[i].slices;
	return most;
}

/* The size in a profile's name, "1g.10gb": what people ask for, and a little more than an instance really
 * has.
 */
static uint64_t named_memory(const struct nvb_mig_profile *profile)
{
	const char *at = strstr(profile->name, "g.");
	uint32_t gigabytes = 0;
	char number[8];
	size_t digits;

	at = at ? at + 2 : profile->name;
	digits = strspn(at, "0123456789");
	if (!digits || digits >= sizeof(number))
		return profile->memory;
	memcpy(number, at, digits);
	number[digits] = '\0';
	nvb_parse_u32(number, &gigabytes);
	return (uint64_t)gigabytes * 1000000000;
}

/* Compute slices that a share takes, rounded up. */
static uint32_t wanted_slices(const struct nvb_mig_gpu *gpu, const struct nvb_mig_wish *wish)
{
	return (wish->compute_percent * card_slices(gpu) + 99) / 100;
}

/* Attributes (+me, +gfx) are for who asks for them. */
static bool is_plain(const struct nvb_mig_profile *profile)
{
	return !strpbrk(profile->name, "+-");
}

/* What is asked as 16 GiB is served by "20gb", as 10 GB by "10gb", whose instance has 9.5 GiB = 10.2 GB. */
static struct kind rate(
	const struct nvb_mig_gpu *gpu, const struct nvb_mig_profile *profile, const struct nvb_mig_wish *wish)
{
	uint64_t named = named_memory(profile), has = profile->memory;
	uint64_t size = has > named ? has : named;
	uint32_t slices = wanted_slices(gpu, wish);
	bool memory_fits = !wish->memory || size >= wish->memory;
	bool compute_fits = profile->slices >= slices;
	/* The smallest by memory, of these the smallest by compute. */
	uint64_t rank = size / 1000000 * 100 + profile->slices;
	struct kind kind = {.profile = profile};

	if (!is_plain(profile))
		return kind;
	if (wish->fit == NVB_MIG_STRICT) {
		kind.serves = (!wish->memory || named == wish->memory || has == wish->memory) &&
			      (!wish->compute_percent || profile->slices == slices);
		kind.distance = rank;
	} else if (memory_fits && compute_fits) {
		kind.serves = true;
		kind.distance = rank;
	} else if (wish->fit == NVB_MIG_DOWN) {
		kind.serves = true;
		kind.distance = UINT64_MAX - rank; /* behind all that fit, the largest first */
	}
	return kind;
}

static int by_distance(const void *a, const void *b)
{
	const struct kind *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance > y->distance ? 1 : -1;
	return (x->gpu > y->gpu) - (x->gpu < y->gpu);
}

static bool is_wanted(const struct nvb_mig_wish *wish, const struct nvb_mig_gpu *gpu)
{
	for (size_t i = 0; i < wish->gpu_count; i++)
		if (wish->gpus[i] == gpu->index)
			return true;
	return !wish->gpus;
}

static bool is_used(const struct chooser *c, const struct nvb_mig_gpu *gpu, uint32_t gi, uint32_t ci)
{
	size_t users;

	free(nvb_mig_user(gpu, gi, ci, c->leases, c->lease_count, &users));
	return users > 0;
}

/* Whoever holds the whole card exclusively holds its parts. */
static bool card_is_taken(const struct chooser *c, const struct nvb_mig_gpu *gpu)
{
	for (size_t i = 0; i < c->lease_count; i++)
		for (size_t d = 0; d < c->leases[i].devices.count; d++)
			if (c->leases[i].mode == NVB_LEASE_EXCLUSIVE &&
				nvb_streq(c->leases[i].devices.list[d].key, gpu->pci))
				return true;
	return false;
}

static void fill(const struct nvb_mig_gpu *gpu, const struct nvb_mig_profile *profile,
	const struct nvb_mig_instance *instance, const struct nvb_mig_compute *compute,
	struct nvb_mig_grant *grant)
{
	*grant = (struct nvb_mig_grant){.gpu = gpu->index,
		.gi = instance->id,
		.ci = compute->id,
		.memory = profile->memory,
		.slices = compute->place.size,
		.of = card_slices(gpu)};
	memcpy(grant->pci, gpu->pci, sizeof(grant->pci));
	memcpy(grant->uuid, compute->uuid, sizeof(grant->uuid));
	nvb_mig_device_name(profile, compute->place.size, grant->profile);
}

/* A GI of that profile with one CI that is all of it, which nobody uses. */
static bool find_free(const struct chooser *c, const struct nvb_mig_gpu *gpu,
	const struct nvb_mig_profile *profile, struct nvb_mig_grant *grant)
{
	for (uint32_t i = 0; i < gpu->instance_count; i++) {
		const struct nvb_mig_instance *instance = &gpu->instances[i];

		if (instance->profile_id != profile->id || instance->compute_count != 1 ||
			instance->computes[0].place.size != profile->slices ||
			is_used(c, gpu, instance->id, UINT32_MAX))
			continue;
		fill(gpu, profile, instance, &instance->computes[0], grant);
		return true;
	}
	return false;
}

/* What we made before and nobody uses need not stay when the place is wanted: as little of it as will do. */
static bool make_room(const struct chooser *c, const struct nvb_mig_gpu *gpu,
	const struct nvb_mig_pieces *pieces, struct nvb_mig_layout *layout)
{
	nvb_mig_layout_of(gpu, layout);
	if (nvb_mig_place(gpu, layout, pieces))
		return true;
	for (uint32_t i = layout->count; i-- > 0;) {
		struct nvb_mig_instance *instance = &layout->instances[i];

		if (!nvb_mig_is_marked(c->mig->state, gpu->pci, instance) ||
			is_used(c, gpu, instance->id, UINT32_MAX))
			continue;
		memmove(instance, instance + 1, (--layout->count - i) * sizeof(*instance));
		if (nvb_mig_place(gpu, layout, pieces))
			return true;
	}
	return false;
}

static const struct nvb_mig_instance *new_instance(
	const struct nvb_mig_gpu *gpu, const struct nvb_mig_layout *before, uint32_t profile_id)
{
	for (uint32_t i = 0; i < gpu->instance_count; i++) {
		bool old = false;

		for (uint32_t j = 0; j < before->count; j++)
			old |= before->instances[j].place.start == gpu->instances[i].place.start &&
			       before->instances[j].profile_id == gpu->instances[i].profile_id;
		if (!old && gpu->instances[i].profile_id == profile_id && gpu->instances[i].compute_count)
			return &gpu->instances[i];
	}
	return NULL;
}

/* Before it is there: whoever finds us killed behind the change knows that it was made on demand. */
static int mark_planned(const struct nvb_mig *mig, const struct nvb_mig_gpu *gpu,
	const struct nvb_mig_layout *before, const struct nvb_mig_layout *layout, nvb_error **err)
{
	for (uint32_t i = 0; i < layout->count; i++) {
		bool old = false;

		for (uint32_t j = 0; j < before->count; j++)
			old |= before->instances[j].place.start == layout->instances[i].place.start &&
			       before->instances[j].profile_id == layout->instances[i].profile_id;
		if (!old)
			return nvb_mig_mark(mig->state, gpu->pci, &layout->instances[i], err);
	}
	return 0;
}

static int create(const struct chooser *c, size_t index, const struct nvb_mig_profile *profile,
	const struct nvb_mig_layout *layout, struct nvb_mig_grant *grant, nvb_error **err)
{
	_cleanup_mig_change_ struct nvb_mig_change change = {0};
	struct nvb_mig_gpu *gpu = &c->mig->gpus[index];
	const struct nvb_mig_instance *instance;
	struct nvb_mig_layout before;
	struct nvb_mig_profile kept = *profile; /* the card is read anew */
	int rc = nvb_mig_change_to(c->mig, index, layout, &change, err);

	nvb_mig_layout_of(gpu, &before);
	if (rc == 0)
		rc = mark_planned(c->mig, gpu, &before, layout, err);
	if (rc == 0)
		rc = nvb_mig_change_run(c->mig, &change, NULL, err);
	if (rc < 0)
		return rc;
	instance = new_instance(gpu, &before, kept.id);
	if (!instance)
		return nvb_fail(err, NVB_ERR_SYSTEM, "GPU %u: the new MIG instance %s is not there",
			gpu->index, kept.name);
	fill(gpu, &kept, instance, &instance->computes[0], grant);
	grant->created = true;
	return nvb_mig_mark(c->mig->state, gpu->pci, instance, err);
}

/* What serves the wish on the cards that may be used, best first; malloc'd. */
static int list_kinds(
	const struct chooser *c, struct kind **out, size_t *count, bool *enabled, nvb_error **err)
{
	struct kind *kinds = calloc(c->mig->gpu_count * NVB_MIG_PROFILES + 1, sizeof(*kinds));

	if (!kinds)
		return nvb_fail_oom(err);
	*count = 0;
	for (size_t g = 0; g < c->mig->gpu_count; g++) {
		const struct nvb_mig_gpu *gpu = &c->mig->gpus[g];

		if (!gpu->enabled || !is_wanted(c->wish, gpu))
			continue;
		*enabled = true;
		for (uint32_t i = 0; i < gpu->profile_count; i++) {
			struct kind kind = rate(gpu, &gpu->profiles[i], c->wish);

			if (c->wish->profile)
				kind = (struct kind){.profile = &gpu->profiles[i],
					.serves = nvb_streq(gpu->profiles[i].name, c->wish->profile)};
			kind.gpu = g;
			if (kind.serves)
				kinds[(*count)++] = kind;
		}
	}
	qsort(kinds, *count, sizeof(*kinds), by_distance);
	*out = kinds;
	return 0;
}

/* One kind on one card: a free one, or (`make`) a new one. 1: granted. */
static int try_kind(const struct chooser *c, const struct kind *kind, bool make, struct nvb_mig_grant *grant,
	nvb_error **err)
{
	const struct nvb_mig_gpu *gpu = &c->mig->gpus[kind->gpu];
	struct nvb_mig_pieces pieces = {.count = 1};
	struct nvb_mig_layout layout;
	int rc;

	if (card_is_taken(c, gpu))
		return 0;
	if (!make)
		return find_free(c, gpu, kind->profile, grant);
	pieces.list[0] = (struct nvb_mig_piece){
		.profile = kind->profile, .computes = {kind->profile->slices}, .compute_count = 1};
	if (!make_room(c, gpu, &pieces, &layout))
		return 0;
	rc = create(c, kind->gpu, kind->profile, &layout, grant, err);
	return rc < 0 ? rc : 1;
}

static void describe_wish(const struct nvb_mig_wish *wish, struct nvb_strbuf *sb)
{
	if (wish->profile)
		nvb_sb_addf(sb, "%s", wish->profile);
	else if (wish->memory)
		nvb_sb_addf(sb, "%.1f GB", (double)wish->memory / 1e9);
	if (wish->compute_percent)
		nvb_sb_addf(sb, "%s%u%% of the compute units", sb->len ? " and " : "", wish->compute_percent);
	if (!sb->len)
		nvb_sb_add(sb, "any size");
}

static void describe_offers(const struct chooser *c, bool room, struct nvb_strbuf *sb)
{
	for (size_t g = 0; g < c->mig->gpu_count; g++) {
		const struct nvb_mig_gpu *gpu = &c->mig->gpus[g];
		struct nvb_mig_layout layout;

		if (!gpu->enabled || !is_wanted(c->wish, gpu))
			continue;
		nvb_sb_addf(sb, "%sGPU %u: ", sb->len ? "; " : "", gpu->index);
		nvb_mig_layout_of(gpu, &layout);
		if (room)
			nvb_mig_describe_room(gpu, &layout, sb);
		for (uint32_t i = 0; !room && i < gpu->profile_count; i++)
			nvb_sb_addf(sb, "%s%s", i ? ", " : "", gpu->profiles[i].name);
	}
}

static int refuse(const struct chooser *c, bool enabled, bool offered, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf wish = {0}, offers = {0};

	describe_wish(c->wish, &wish);
	describe_offers(c, offered, &offers);
	if (wish.failed || offers.failed)
		return nvb_fail_oom(err);
	if (!enabled)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED, "no GPU that was asked for is divided by MIG"),
			"'nvbind mig list' shows which can be; 'nvbind mig apply' switches it on");
	if (!offered)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED, "no MIG profile here has %s%s", wish.s,
				c->wish->fit == NVB_MIG_STRICT ? " exactly" : ""),
			"%s", offers.s);
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_BUSY, "no MIG device for %s is free%s", wish.s,
			c->wish->may_create ? ", and there is no room for one" : ""),
		"room is left for: %s", offers.s);
}

static int choose(const struct chooser *c, struct nvb_mig_grant *grant, nvb_error **err)
{
	_cleanup_free_ struct kind *kinds = NULL;
	bool enabled = false;
	size_t count = 0, end;
	int rc = list_kinds(c, &kinds, &count, &enabled, err);

	if (rc < 0)
		return rc;
	for (size_t first = 0; first < count; first = end) {
		for (end = first; end < count && kinds[end].distance == kinds[first].distance;)
			end++;
		for (int make = 0; make <= (c->wish->may_create ? 1 : 0); make++)
			for (size_t i = first; i < end; i++) {
				rc = try_kind(c, &kinds[i], make, grant, err);
				if (rc)
					return rc < 0 ? rc : 0;
			}
	}
	return refuse(c, enabled, count > 0, err);
}

/* One card on which MIG is switched on for it. 1: granted; 0: it does not serve, and is as it was. */
static int switch_and_choose(const struct chooser *c, size_t index, struct nvb_mig_grant *grant)
{
	_cleanup_error_ nvb_error *error = NULL;
	const struct nvb_mig_gpu *gpu = &c->mig->gpus[index];
	const uint32_t only = gpu->index;
	struct nvb_mig_wish wish = *c->wish;
	struct chooser here = *c;
	size_t users;

	free(nvb_mig_user(gpu, UINT32_MAX, UINT32_MAX, c->leases, c->lease_count, &users));
	if (users || nvb_mig_mode_on(c->mig, index, &error) < 0) {
		nvb_debug(c->mig->log, "MIG is not switched on on GPU %u: %s", only,
			error ? nvb_error_message(error) : "it is in use");
		return 0;
	}
	wish.gpus = &only;
	wish.gpu_count = 1;
	here.wish = &wish;
	if (choose(&here, grant, &error) == 0) {
		grant->switched = true;
		return 1;
	}
	nvb_mig_mode_settle(c->mig, index);
	return 0;
}

/* What is switched on already serves nobody. 1: granted. */
static int switch_one(const struct chooser *c, struct nvb_mig_grant *grant)
{
	for (size_t g = 0; g < c->mig->gpu_count; g++) {
		const struct nvb_mig_gpu *gpu = &c->mig->gpus[g];

		if (gpu->capable && !gpu->enabled && !gpu->pending && is_wanted(c->wish, gpu) &&
			switch_and_choose(c, g, grant))
			return 1;
	}
	return 0;
}

int nvb_mig_find_or_create(
	struct nvb_mig *mig, const struct nvb_mig_wish *wish, struct nvb_mig_grant *grant, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	struct chooser c = {.mig = mig, .wish = wish};
	int rc;

	if (mig->lock < 0)
		return nvb_fail(err, NVB_ERR_INVALID, "MIG was opened for reading only");
	rc = nvb_lease_list(&mig->inventory->roots.dev, &c.leases, &c.lease_count, err);
	if (rc == 0)
		rc = choose(&c, grant, &why);
	if ((rc == -NVB_ERR_UNSUPPORTED || rc == -NVB_ERR_BUSY) && wish->may_create && wish->may_switch &&
		switch_one(&c, grant))
		rc = 0;
	else if (rc < 0 && why)
		nvb_error_move(err, NVB_TAKE_PTR(why));
	nvb_lease_list_free(c.leases, c.lease_count);
	return rc;
}

int nvb_mig_give_back(struct nvb_mig *mig, const char *pci, uint32_t gi, uint32_t ci, nvb_error **err)
{
	_cleanup_mig_change_ struct nvb_mig_change change = {0};
	struct nvb_mig_layout layout;
	size_t index;
	int rc = nvb_mig_find_gpu(mig, pci, &index, err);

	if (rc < 0)
		return rc;
	nvb_mig_layout_of(&mig->gpus[index], &layout);
	for (uint32_t i = 0; i < layout.count; i++) {
		struct nvb_mig_instance *instance = &layout.instances[i];

		if (instance->id != gi || instance->compute_count != 1 || instance->computes[0].id != ci ||
			!nvb_mig_is_marked(mig->state, mig->gpus[index].pci, instance))
			continue;
		memmove(instance, instance + 1, (--layout.count - i) * sizeof(*instance));
		rc = nvb_mig_change_to(mig, index, &layout, &change, err);
		if (rc == 0)
			rc = nvb_mig_change_run(mig, &change, NULL, err);
		break;
	}
	if (rc == 0)
		nvb_mig_mode_settle(mig, index);
	return rc;
}
