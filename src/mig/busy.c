/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "lease/lease.h"
#include "mig/change.h"

/* Who uses a part of a card: by a lease, or by having it open. */

static void add_process(struct nvb_strbuf *sb, pid_t pid)
{
	_cleanup_free_ char *name = NULL;
	char path[64];
	size_t size = 0;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (nvb_file_read(AT_FDCWD, path, 64, &name, &size, NULL) < 0 || !size) {
		nvb_sb_addf(sb, "process %d", pid);
		return;
	}
	name[strcspn(name, "\n")] = '\0';
	nvb_sb_addf(sb, "process %d (%s)", pid, name);
}

static void add_lease(struct nvb_strbuf *sb, const struct nvb_lease_info *lease)
{
	nvb_sb_addf(sb, "%s %s %s", lease->engine ? lease->engine : "a process, by flock,",
		lease->container ? "container" : "process", lease->container ? lease->container : "");
	if (lease->pid)
		nvb_sb_addf(sb, lease->container ? " (process %d)" : "%d", lease->pid);
}

/* "<pci>" is the card as a whole, "<pci>-gi1-ci0" a MIG device. */
static bool lease_is_about(
	const struct nvb_lease_device *device, const struct nvb_mig_gpu *gpu, uint32_t gi, uint32_t ci)
{
	const char *part = nvb_after(device->key, gpu->pci);
	char wanted[64];
	size_t length;

	if (!part || (*part && *part != '-'))
		return false;
	if (!*part || gi == UINT32_MAX)
		return true;
	length = (size_t)snprintf(wanted, sizeof(wanted), "-gi%u-ci", gi);
	if (strncmp(part, wanted, length) != 0)
		return false;
	if (ci == UINT32_MAX)
		return true;
	snprintf(wanted, sizeof(wanted), "%u", ci);
	return nvb_streq(part + length, wanted);
}

static bool has_device(
	const struct nvb_lease_info *lease, const struct nvb_mig_gpu *gpu, uint32_t gi, uint32_t ci)
{
	for (size_t i = 0; i < lease->devices.count; i++)
		if (lease_is_about(&lease->devices.list[i], gpu, gi, ci))
			return true;
	return false;
}

static bool client_is_about(const struct nvb_mig_client *client, uint32_t gi, uint32_t ci)
{
	return gi == UINT32_MAX || client->gi == UINT32_MAX ||
	       (client->gi == gi && (ci == UINT32_MAX || client->ci == UINT32_MAX || client->ci == ci));
}

char *nvb_mig_user(const struct nvb_mig_gpu *gpu, uint32_t gi, uint32_t ci,
	const struct nvb_lease_info *leases, size_t lease_count, size_t *users)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	*users = 0;
	for (size_t i = 0; i < lease_count; i++)
		if (has_device(&leases[i], gpu, gi, ci) && !(*users)++)
			add_lease(&sb, &leases[i]);
	for (uint32_t i = 0; i < gpu->client_count; i++)
		if (client_is_about(&gpu->clients[i], gi, ci) && !(*users)++)
			add_process(&sb, gpu->clients[i].pid);
	return *users ? nvb_sb_finish(&sb) : NULL;
}

static const struct nvb_mig_compute *find_compute(const struct nvb_mig_gpu *gpu,
	const struct nvb_mig_step *step, const struct nvb_mig_instance **instance)
{
	for (uint32_t i = 0; i < gpu->instance_count; i++) {
		*instance = &gpu->instances[i];
		if ((*instance)->place.start != step->start)
			continue;
		for (uint32_t c = 0; c < (*instance)->compute_count; c++)
			if ((*instance)->computes[c].place.start == step->place.start)
				return &(*instance)->computes[c];
	}
	return NULL;
}

static int refuse(const struct nvb_mig *mig, const struct nvb_mig_step *step, const char *user, size_t users,
	nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf what = {0};
	char more[48] = "";
	int rc;

	if (!user || !nvb_mig_step_describe(mig, step, &what))
		return nvb_fail_oom(err);
	if (users > 1)
		snprintf(more, sizeof(more), " and %zu more", users - 1);
	rc = nvb_fail(err, NVB_ERR_BUSY, "%s: it is used by %s%s", what.s, user, more);
	return nvb_hint(err, rc, "stop it first; 'nvbind info --leases' shows who holds what");
}

int nvb_mig_change_is_free(const struct nvb_mig *mig, const struct nvb_mig_change *change, nvb_error **err)
{
	struct nvb_lease_info *leases = NULL;
	size_t lease_count = 0, users;
	int rc = change->count ? nvb_lease_list(&mig->inventory->roots.dev, &leases, &lease_count, err) : 0;

	for (size_t i = 0; rc == 0 && i < change->count; i++) {
		const struct nvb_mig_step *step = &change->steps[i];
		const struct nvb_mig_gpu *gpu = &mig->gpus[step->gpu];
		const struct nvb_mig_instance *instance = NULL;
		const struct nvb_mig_compute *compute = NULL;
		_cleanup_free_ char *user = NULL;

		if (step->kind == NVB_MIG_STEP_DESTROY_CI)
			compute = find_compute(gpu, step, &instance);
		else if (step->kind != NVB_MIG_STEP_MODE && step->kind != NVB_MIG_STEP_RESET)
			continue;
		user = nvb_mig_user(gpu, compute ? instance->id : UINT32_MAX,
			compute ? compute->id : UINT32_MAX, leases, lease_count, &users);
		if (users)
			rc = refuse(mig, step, user, users, err);
	}
	nvb_lease_list_free(leases, lease_count);
	return rc;
}
