/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "cli/output.h"
#include "mig_verbs.h"

/* nvbind mig create, nvbind mig destroy */

static char **create_gpus, **destroy_gpus;

const struct nvb_option nvbind_mig_create_options[] = {
	{"gpu", 'i', NVB_OPTION_LIST("GPU", &create_gpus),
		"of this GPU: number, UUID, PCI address, or all (repeatable, or separated by commas)"},
	{NULL},
};

const struct nvb_option nvbind_mig_destroy_options[] = {
	{"gpu", 'i', NVB_OPTION_LIST("GPU", &destroy_gpus), "all MIG devices of this GPU (repeatable)"},
	{NULL},
};

static int no_room(const struct nvb_mig_gpu *gpu, const struct nvb_mig_pieces *pieces,
	const struct nvb_mig_layout *layout, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf asked = {0}, room = {0};

	nvb_mig_describe_pieces(pieces, &asked);
	nvb_mig_describe_room(gpu, layout, &room);
	if (asked.failed || room.failed)
		return nvb_fail_oom(err);
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED, "GPU %u (%s) has no room for %s", gpu->index, gpu->name,
			asked.s),
		"there is room for %s", room.s);
}

/* Parts of an instance go into GIs of their own: those that are there belong to somebody. */
static int plan_create(const struct nvb_mig *mig, size_t index, char *const *profiles,
	struct nvb_mig_change *change, nvb_error **err)
{
	const struct nvb_mig_gpu *gpu = &mig->gpus[index];
	struct nvb_mig_pieces pieces = {.count = 0};
	struct nvb_mig_layout layout;
	int rc = 0;

	for (; rc == 0 && *profiles; profiles++)
		rc = nvb_mig_pieces_add(gpu, &pieces, *profiles, err);
	if (rc < 0)
		return rc;
	nvb_mig_layout_of(gpu, &layout);
	if (!nvb_mig_place(gpu, &layout, &pieces))
		return no_room(gpu, &pieces, &layout, err);
	return nvb_mig_change_to(mig, index, &layout, change, err);
}

int nvbind_mig_create(int argc, char **argv, nvb_error **err)
{
	_cleanup_mig_host_ struct mig_host host = {NULL, NULL};
	_cleanup_mig_change_ struct nvb_mig_change change = {0};
	_cleanup_free_ size_t *gpus = NULL;
	size_t count = 0;
	int rc;

	(void)argc;
	if (!create_gpus)
		return nvb_usage(err, "--gpu says of which GPU (--gpu all: of every one)");
	rc = mig_host_open(&host, !mig_is_dry_run(), err);
	if (rc == 0)
		rc = mig_chosen_gpus(host.mig, create_gpus, &gpus, &count, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = plan_create(host.mig, gpus[i], argv, &change, err);
	return rc < 0 ? rc : mig_make(&host, &change, false, err);
}

/* Which CIs go, by GPU, GI and CI. */
struct victims {
	const struct nvb_mig *mig;
	bool (*gone)[NVB_MIG_INSTANCES][NVB_MIG_INSTANCES]; /* [gpu][instance][compute] */
};

/* MIG devices are numbered by GI and CI id, as the inventory does it. */
static bool nth_device(const struct nvb_mig_gpu *gpu, uint32_t n, uint32_t *gi, uint32_t *ci)
{
	for (uint32_t g = 0; g < gpu->instance_count; g++)
		for (uint32_t c = 0; c < gpu->instances[g].compute_count; c++) {
			const struct nvb_mig_instance *a = &gpu->instances[g];
			uint32_t before = 0;

			for (uint32_t h = 0; h < gpu->instance_count; h++)
				for (uint32_t d = 0; d < gpu->instances[h].compute_count; d++)
					before +=
						gpu->instances[h].id < a->id ||
						(gpu->instances[h].id == a->id &&
							gpu->instances[h].computes[d].id < a->computes[c].id);
			if (before != n)
				continue;
			*gi = g;
			*ci = c;
			return true;
		}
	return false;
}

static int mark_by_number(const struct victims *v, const char *word, nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(word);
	char *colon = copy ? strchr(copy, ':') : NULL;
	uint32_t number, gi, ci;
	size_t gpu;
	int rc;

	if (!copy)
		return nvb_fail_oom(err);
	if (!colon || (*colon = '\0', !nvb_parse_u32(colon + 1, &number)))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "'%s' is no MIG device", word),
			"0:1 is the second of GPU 0; a UUID begins with MIG-");
	rc = nvb_mig_find_gpu(v->mig, copy, &gpu, err);
	if (rc < 0)
		return rc;
	if (!nth_device(&v->mig->gpus[gpu], number, &gi, &ci))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no MIG device %s", word),
			"'nvbind mig list' shows those there are");
	v->gone[gpu][gi][ci] = true;
	return 0;
}

static int mark(const struct victims *v, const char *word, nvb_error **err)
{
	bool found = false;

	if (!nvb_after(word, "MIG-"))
		return mark_by_number(v, word, err);
	for (size_t g = 0; g < v->mig->gpu_count; g++)
		for (uint32_t i = 0; i < v->mig->gpus[g].instance_count; i++)
			for (uint32_t c = 0; c < v->mig->gpus[g].instances[i].compute_count; c++)
				if (strcasecmp(v->mig->gpus[g].instances[i].computes[c].uuid, word) == 0)
					found = v->gone[g][i][c] = true;
	return found ? 0
		     : nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no MIG device %s", word),
			       "'nvbind mig list' shows those there are");
}

/* A GI whose last CI goes, goes too, so that its place is free again. */
static int plan_destroy(const struct victims *v, size_t index, struct nvb_mig_change *change, nvb_error **err)
{
	const struct nvb_mig_gpu *gpu = &v->mig->gpus[index];
	struct nvb_mig_layout layout;
	bool any = false;

	nvb_mig_layout_of(gpu, &layout);
	layout.count = 0;
	for (uint32_t i = 0; i < gpu->instance_count; i++) {
		struct nvb_mig_instance kept = gpu->instances[i];
		bool touched = false;

		kept.compute_count = 0;
		for (uint32_t c = 0; c < gpu->instances[i].compute_count; c++)
			if (v->gone[index][i][c])
				touched = true;
			else
				kept.computes[kept.compute_count++] = gpu->instances[i].computes[c];
		any |= touched;
		if (!touched || kept.compute_count)
			layout.instances[layout.count++] = kept;
	}
	return any ? nvb_mig_change_to(v->mig, index, &layout, change, err) : 0;
}

static int plan_clear(const struct nvb_mig *mig, size_t index, struct nvb_mig_change *change, nvb_error **err)
{
	struct nvb_mig_layout layout;

	nvb_mig_layout_of(&mig->gpus[index], &layout);
	layout.count = 0;
	return layout.enabled ? nvb_mig_change_to(mig, index, &layout, change, err) : 0;
}

static int plan_all(
	const struct nvb_mig *mig, char *const *devices, struct nvb_mig_change *change, nvb_error **err)
{
	struct victims v = {.mig = mig, .gone = calloc(mig->gpu_count + 1, sizeof(*v.gone))};
	int rc = v.gone ? 0 : nvb_fail_oom(err);

	for (; rc == 0 && *devices; devices++)
		rc = mark(&v, *devices, err);
	for (size_t g = 0; rc == 0 && g < mig->gpu_count; g++)
		rc = plan_destroy(&v, g, change, err);
	free(v.gone);
	return rc;
}

int nvbind_mig_destroy(int argc, char **argv, nvb_error **err)
{
	_cleanup_mig_host_ struct mig_host host = {NULL, NULL};
	_cleanup_mig_change_ struct nvb_mig_change change = {0};
	_cleanup_free_ size_t *gpus = NULL;
	size_t count = 0;
	int rc;

	if (!destroy_gpus == !argc)
		return nvb_usage(err, "either MIG devices (0:1, MIG-...) or --gpu, for all of a GPU's");
	rc = mig_host_open(&host, !mig_is_dry_run(), err);
	if (rc == 0 && destroy_gpus)
		rc = mig_chosen_gpus(host.mig, destroy_gpus, &gpus, &count, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = plan_clear(host.mig, gpus[i], &change, err);
	if (rc == 0 && argc)
		rc = plan_all(host.mig, argv, &change, err);
	return rc < 0 ? rc : mig_make(&host, &change, false, err);
}
