/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "isolation/grant.h"

/* Parts of GPUs by MIG: devices that were named, or one that is found or made. */

int nvb_grant_select(struct nvb_grant *grant, const char *selector, nvb_error **err)
{
	grant->request->selector_count = 0;
	return nvb_request_add_gpus(grant->request, selector, err);
}

static int explain(nvb_error *error, char **why, nvb_error **err)
{
	*why = strdup(nvb_error_message(error));
	return *why ? 0 : nvb_fail_oom(err);
}

/* Tenths of a percent of a card's compute slices. */
static uint64_t share(uint32_t slices, uint32_t of)
{
	return of ? UINT64_C(1000) * slices / of : 0;
}

static int add_limits(struct nvb_decision *decision, const char *device, const char *profile, uint64_t memory,
	uint64_t tenths, const char *reason)
{
	const struct nvb_request *asked = decision->asked;
	_cleanup_free_ char *by = NULL;
	struct nvb_limit limit = {.enforcement = NVB_ENFORCED_HARDWARE, .device = device, .reason = reason};
	int rc;

	if (asprintf(&by, "MIG %s", profile ? profile : "device") < 0) {
		by = NULL;
		return nvb_fail_oom(decision->err);
	}
	limit.by = by;
	limit.kind = NVB_LIMIT_MEMORY;
	limit.asked = asked->memory_limit;
	limit.granted = memory;
	rc = nvb_request_add_limit(decision->grant->request, &limit, decision->err);
	limit.kind = NVB_LIMIT_COMPUTE;
	limit.asked = UINT64_C(10) * asked->compute_limit;
	limit.granted = tenths;
	return rc < 0 ? rc : nvb_request_add_limit(decision->grant->request, &limit, decision->err);
}

static bool all_are_mig(const struct nvb_decision *decision)
{
	for (size_t i = 0; i < decision->count; i++)
		if (!decision->devices[i].mig)
			return false;
	return decision->count > 0;
}

/* Whether MIG devices were named one by one, not the GPU that they are parts of. */
static bool names_mig(const struct nvb_request *request)
{
	for (size_t i = 0; i < request->selector_count; i++)
		if (request->selectors[i].kind != NVB_SELECT_MIG_INDEX &&
			request->selectors[i].kind != NVB_SELECT_MIG_UUID)
			return false;
	return request->selector_count > 0;
}

/* They have the size they have. */
static int grant_named(struct nvb_decision *decision)
{
	const struct nvb_request *asked = decision->asked;
	int rc = nvb_inventory_ask_nvml(*decision->inventory, decision->options->log, decision->err);

	for (size_t i = 0; rc == 0 && i < decision->count; i++) {
		const struct nvb_mig_device *mig = decision->devices[i].mig;
		bool small = asked->memory_limit && mig->memory && mig->memory < asked->memory_limit;
		char name[32];

		snprintf(name, sizeof(name), "%u:%u", decision->devices[i].gpu->index, mig->index);
		if (asked->isolation == NVB_ISOLATION_VIRTUAL && small &&
			asked->mig_match != NVB_MIG_MATCH_DOWN)
			return nvb_hint(decision->err,
				nvb_fail(decision->err, NVB_ERR_UNSUPPORTED,
					"isolation virtual: MIG device %s (%s) is smaller than the memory "
					"that was asked for",
					name, mig->profile ? mig->profile : "?"),
				"name the GPU instead, or use --mig-match down");
		rc = add_limits(
			decision, name, mig->profile, mig->memory, 0, "a MIG device has the size it has");
	}
	return rc < 0 ? rc : 1;
}

static enum nvb_mig_fit fit_of(enum nvb_mig_match match)
{
	return match == NVB_MIG_MATCH_STRICT ? NVB_MIG_STRICT
	       : match == NVB_MIG_MATCH_DOWN ? NVB_MIG_DOWN
					     : NVB_MIG_UP;
}

/* At once, so that the lock can go: what follows may take as long as an image takes to come here. */
static int lease_device(struct nvb_decision *decision, const struct nvb_gpu *gpu, const char *name)
{
	struct nvb_grant *grant = decision->grant;
	_cleanup_free_ char *key = NULL, *node = NULL;
	struct nvb_lease_device device = {
		.name = (char *)(uintptr_t)name, .parent = (char *)(uintptr_t)gpu->pci};
	const struct nvb_lease_devices devices = {.list = &device, .count = 1};
	const struct nvb_lease_holder holder = {.engine = "bolt", .token = grant->token};
	const struct nvb_root *dev = &(*decision->inventory)->roots.dev;

	if (asprintf(&key, "%s-gi%u-ci%u", gpu->pci, grant->device.gi, grant->device.ci) < 0) {
		key = NULL;
		return nvb_fail_oom(decision->err);
	}
	node = nvb_root_host_path(dev, gpu->node.path);
	device.key = key;
	device.uuid = *grant->device.uuid ? grant->device.uuid : NULL;
	device.node = node;
	return node ? nvb_lease_take(
			      dev, &devices, NVB_LEASE_EXCLUSIVE, &holder, &grant->lease, decision->err)
		    : nvb_fail_oom(decision->err);
}

static int grant_device(struct nvb_decision *decision)
{
	const struct nvb_mig_grant *device = &decision->grant->device;
	const struct nvb_inventory *inventory = *decision->inventory;
	const struct nvb_gpu *gpu = nvb_inventory_gpu_by_index(inventory, device->gpu);
	char reason[128], name[32];
	int rc;

	for (size_t m = 0; gpu && m < gpu->mig_count; m++) {
		if (gpu->migs[m].gi != device->gi || gpu->migs[m].ci != device->ci)
			continue;
		snprintf(name, sizeof(name), "%u:%u", gpu->index, gpu->migs[m].index);
		snprintf(reason, sizeof(reason),
			"%u of %u compute slices, in the profiles that the card has; %s", device->slices,
			device->of,
			device->switched  ? "made for this, MIG switched on for it"
			: device->created ? "made for this"
					  : "it was free");
		rc = nvb_grant_select(decision->grant, name, decision->err);
		if (rc == 0)
			rc = lease_device(decision, gpu, name);
		if (rc == 0)
			rc = add_limits(decision, name, device->profile, device->memory,
				share(device->slices, device->of), reason);
		return rc < 0 ? rc : 1;
	}
	return nvb_fail(decision->err, NVB_ERR_STALE, "MIG device %s of GPU %u has no capability nodes",
		device->profile, device->gpu);
}

static int reload(struct nvb_decision *decision)
{
	struct nvb_inventory *fresh = NULL;
	int rc = nvb_inventory_load(decision->options->inventory, &fresh, decision->err);

	if (rc < 0)
		return rc;
	/* The devices are the old one's. */
	decision->count = 0;
	nvb_inventory_free(*decision->inventory);
	*decision->inventory = fresh;
	return 0;
}

/* What would be given, by the profiles of the cards that are divided. */
static int preview(struct nvb_decision *decision, const struct nvb_mig *mig, const uint32_t *gpus,
	size_t count, char **why)
{
	const struct nvb_request *asked = decision->asked;
	const struct nvb_mig_profile *best = NULL;
	uint32_t of = 0;
	int rc;

	for (size_t g = 0; g < mig->gpu_count; g++) {
		const struct nvb_mig_gpu *gpu = &mig->gpus[g];
		bool wanted = gpu->enabled || (!decision->divided && gpu->capable);
		bool named = false;

		for (size_t i = 0; i < count; i++)
			named |= gpus[i] == gpu->index;
		for (uint32_t i = 0; wanted && named && i < gpu->profile_count; i++) {
			const struct nvb_mig_profile *p = &gpu->profiles[i];
			uint32_t whole = 0;

			for (uint32_t j = 0; j < gpu->profile_count; j++)
				whole = gpu->profiles[j].slices > whole ? gpu->profiles[j].slices : whole;
			if (p->memory < asked->memory_limit ||
				p->slices * 100 < asked->compute_limit * whole || strchr(p->name, '+') ||
				(best && p->memory >= best->memory))
				continue;
			best = p;
			of = whole;
		}
	}
	if (!best) {
		*why = strdup("no MIG profile is large enough");
		return *why ? 0 : nvb_fail_oom(decision->err);
	}
	rc = add_limits(decision, NULL, best->name, best->memory, share(best->slices, of),
		decision->divided
			? "the MIG device that would be given, or made, when a container starts"
			: "the MIG device that would be made when a container starts, MIG switched on for "
			  "it where nobody uses the GPU");
	return rc < 0 ? rc : 1;
}

/* One of these that MIG divides now, or (`could`) that could be divided. */
static bool has_card(const struct nvb_mig *mig, const uint32_t *gpus, size_t count, bool could)
{
	for (size_t g = 0; g < mig->gpu_count; g++)
		for (size_t i = 0; i < count; i++)
			if ((could ? mig->gpus[g].capable : mig->gpus[g].enabled) &&
				mig->gpus[g].index == gpus[i])
				return true;
	return false;
}

static bool may_divide(const struct nvb_decision *decision, const uint32_t *gpus, size_t count)
{
	const struct nvb_isolation_rules *rules = &decision->options->rules;

	return rules->mig_mode && !rules->no_mig_create &&
	       has_card(decision->grant->session, gpus, count, true);
}

static int undivided(struct nvb_decision *decision, const uint32_t *gpus, size_t count, char **why)
{
	*why = strdup(has_card(decision->grant->session, gpus, count, true)
			      ? "MIG is switched off on the GPUs that were asked for, and the configuration "
				"does not "
				"let it be switched on for this ([isolation] mig-mode)"
			      : "no GPU that was asked for can be divided by MIG");
	return *why ? 0 : nvb_fail_oom(decision->err);
}

static int open_mig(struct nvb_decision *decision, struct nvb_mig **mig, char **why)
{
	_cleanup_error_ nvb_error *error = NULL;
	int rc = nvb_mig_open(
		*decision->inventory, !decision->options->preview, decision->options->log, mig, &error);

	if (rc == 0)
		return 1;
	if (rc == -NVB_ERR_UNSUPPORTED || rc == -NVB_ERR_NOT_FOUND || rc == -NVB_ERR_PERMISSION)
		return explain(error, why, decision->err);
	nvb_error_move(decision->err, NVB_TAKE_PTR(error));
	return rc;
}

static int find_or_create(struct nvb_decision *decision, const uint32_t *gpus, size_t count, char **why)
{
	const struct nvb_request *asked = decision->asked;
	struct nvb_grant *grant = decision->grant;
	const struct nvb_mig_wish wish = {
		.gpus = gpus,
		.gpu_count = count,
		.memory = asked->memory_limit,
		.compute_percent = asked->compute_limit,
		.fit = fit_of(asked->mig_match),
		.may_create = !decision->options->rules.no_mig_create,
		.may_switch = decision->options->rules.mig_mode,
	};
	_cleanup_error_ nvb_error *error = NULL;
	int rc = nvb_mig_find_or_create(grant->session, &wish, &grant->device, &error);

	if (rc == -NVB_ERR_UNSUPPORTED)
		return explain(error, why, decision->err);
	if (rc < 0) {
		nvb_error_move(decision->err, NVB_TAKE_PTR(error));
		rc = nvb_wrap(decision->err, rc, "isolation virtual");
		return wish.may_create ? rc
				       : nvb_hint(decision->err, rc,
						 "the configuration lets no MIG device be made for it "
						 "([isolation] mig-create)");
	}
	grant->mig = true;
	return 1;
}

/* Says first that one may be made, for whoever finds us killed. */
static int announce(struct nvb_decision *decision)
{
	const struct nvb_grant_record record = {.container = (char *)(uintptr_t) "-", .making = true};

	return nvb_grant_write(decision->grant, &record, decision->err);
}

/* Until it is leased, under MIG's lock and ours. */
static int choose(struct nvb_decision *decision, const uint32_t *gpus, size_t count, char **why)
{
	_cleanup_close_ int lock = -1;
	int rc = announce(decision);

	if (rc < 0)
		return rc;
	lock = nvb_grant_lock(decision->grant);
	rc = find_or_create(decision, gpus, count, why);
	if (rc > 0 && decision->grant->device.created) {
		rc = reload(decision);
		rc = rc < 0 ? rc : 1;
	}
	return rc > 0 ? grant_device(decision) : rc;
}

static int by_size(struct nvb_decision *decision, const uint32_t *gpus, size_t count, char **why)
{
	struct nvb_grant *grant = decision->grant;
	int rc = open_mig(decision, &grant->session, why);

	if (rc <= 0)
		return rc;
	decision->divided = has_card(grant->session, gpus, count, false);
	/* Where that fails nothing has changed, and other means are tried. */
	if (!decision->divided && !may_divide(decision, gpus, count))
		rc = undivided(decision, gpus, count, why);
	else if (decision->options->preview)
		rc = preview(decision, grant->session, gpus, count, why);
	else
		rc = choose(decision, gpus, count, why);
	nvb_mig_close(grant->session);
	grant->session = NULL;
	return rc;
}

int nvb_grant_by_mig(struct nvb_decision *decision, char **why)
{
	_cleanup_free_ uint32_t *gpus = calloc(decision->count + 1, sizeof(*gpus));
	size_t count = 0;

	if (!gpus)
		return nvb_fail_oom(decision->err);
	if (names_mig(decision->asked) ||
		(decision->asked->isolation != NVB_ISOLATION_VIRTUAL && all_are_mig(decision)))
		return grant_named(decision);
	if (decision->asked->isolation != NVB_ISOLATION_VIRTUAL)
		return 0;
	for (size_t i = 0; i < decision->count; i++)
		if (decision->devices[i].gpu &&
			(!count || gpus[count - 1] != decision->devices[i].gpu->index))
			gpus[count++] = decision->devices[i].gpu->index;
	return count ? by_size(decision, gpus, count, why) : 0;
}
