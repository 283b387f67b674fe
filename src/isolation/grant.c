/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/grant.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

/* What a grant is beyond its plan: made under the lease, given back with it, swept when nobody did that. */

int nvb_grant_lock(const struct nvb_grant *grant)
{
	int fd = open(grant->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
}

int nvb_grant_write(struct nvb_grant *grant, const struct nvb_grant_record *record, nvb_error **err)
{
	_cleanup_free_ char *text = nvb_grant_record_format(record);
	_cleanup_close_ int directory = -1;
	int rc;

	if (!text)
		return nvb_fail_oom(err);
	rc = nvb_file_mkdirs(AT_FDCWD, grant->directory, 0711, err);
	if (rc < 0)
		return rc;
	grant->recorded = true;
	directory = open(grant->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* The server, which is the client's user, goes through; nobody finds the way who does not know the
	 * token.
	 */
	if (directory < 0 || fchmod(directory, 0711) < 0)
		return nvb_fail_errno(err, errno, "%s", grant->directory);
	/* Not flushed: it means nothing after a reboot. */
	return nvb_file_write_unflushed(directory, "record", text, strlen(text), 0600, err);
}

static int write_record(struct nvb_grant *grant, const struct nvb_request *request,
	const struct nvb_lease_holder *holder, nvb_error **err)
{
	_cleanup_free_ char *limits = nvb_grant_limits_json(grant->request);
	const struct nvb_grant_record record = {
		.container = (char *)(uintptr_t)(holder->container ? holder->container : "-"),
		.mode = (char *)(uintptr_t)nvb_choice_name(nvb_isolation_names, (int)request->isolation),
		.program = grant->mps ? grant->program : NULL,
		.library_path = grant->library_path,
		.daemon = grant->daemon,
		.mig_pci = grant->mig ? grant->device.pci : NULL,
		.mig_gi = grant->device.gi,
		.mig_ci = grant->device.ci,
		.limits = limits,
	};

	return limits ? nvb_grant_write(grant, &record, err) : nvb_fail_oom(err);
}

static int start_mps(struct nvb_grant *grant, const struct nvb_request *request, const struct nvb_plan *plan,
	nvb_error **err)
{
	struct nvb_mps mps = {
		.program = grant->program,
		.library_path = grant->library_path,
		.directory = grant->directory,
		.uuids = (const char *const *)grant->uuids,
		.memory_limit = request->memory_limit,
		.compute_limit = request->compute_limit,
	};

	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_SHM)
			mps.shm_size = plan->edits[i].shm;
	return nvb_mps_start(&mps, &grant->daemon, err);
}

int nvb_isolation_take(struct nvb_grant *grant, const struct nvb_request *request,
	const struct nvb_inventory *inventory, const struct nvb_plan *plan,
	const struct nvb_lease_holder *holder, struct nvb_lease **out, nvb_error **err)
{
	const struct nvb_request *granted = nvb_grant_request(grant, request);
	struct nvb_lease_holder with_token = *holder;
	struct nvb_lease *lease = NULL;
	int rc;

	if (grant)
		with_token.token = grant->token;
	if (grant && grant->lease) {
		lease = NVB_TAKE_PTR(grant->lease);
		rc = nvb_lease_hand_over(lease, holder, err);
	} else {
		rc = nvb_lease_take_plan(
			inventory, plan, nvb_isolation_lease_mode(granted), &with_token, &lease, err);
	}
	/* Who cannot record a lease has no daemon either. */
	if (rc == 0 && grant && nvb_lease_is_recorded(lease))
		rc = write_record(grant, request, holder, err);
	if (rc == 0 && grant && grant->mps)
		rc = start_mps(grant, request, plan, err);
	/* Which process it is, where the container cannot say otherwise. */
	if (rc == 0 && grant && grant->mps)
		rc = write_record(grant, request, holder, err);
	if (rc < 0) {
		nvb_isolation_end(grant, inventory, lease, NULL);
		return rc;
	}
	*out = lease;
	return 0;
}

static int give_back_mig(const struct nvb_inventory *inventory, const char *pci, uint32_t gi, uint32_t ci,
	const struct nvb_log *log)
{
	_cleanup_mig_ struct nvb_mig *mig = NULL;
	_cleanup_error_ nvb_error *error = NULL;
	int rc = nvb_mig_open(inventory, true, log, &mig, &error);

	if (rc == 0)
		rc = nvb_mig_give_back(mig, pci, gi, ci, &error);
	/* Somebody else has it by now, and it goes with him. */
	if (rc == -NVB_ERR_BUSY)
		nvb_debug(log, "%s", nvb_error_message(error));
	else if (rc < 0)
		nvb_warning(log, "a MIG device that was made on demand stays for now: %s",
			nvb_error_message(error));
	return rc;
}

/* The order matters: what a lease protects ends before it, and what others may take again comes after.
 * Whoever sweeps meanwhile leaves it to us. */
void nvb_isolation_end(struct nvb_grant *grant, const struct nvb_inventory *inventory,
	struct nvb_lease *lease, const struct nvb_log *log)
{
	_cleanup_close_ _unused_ int directory = grant && grant->recorded ? nvb_grant_lock(grant) : -1;

	if (grant && grant->lease)
		nvb_lease_release(NVB_TAKE_PTR(grant->lease));
	if (grant && grant->mps && grant->recorded)
		nvb_mps_stop(grant->program, grant->library_path, grant->directory, &grant->daemon);
	nvb_lease_release(lease);
	/* Still used by somebody, it is for the next sweep. */
	if (grant && grant->mig &&
		give_back_mig(inventory, grant->device.pci, grant->device.gi, grant->device.ci, log) < 0)
		return;
	if (grant && grant->recorded)
		nvb_file_remove_tree(AT_FDCWD, grant->directory, NULL);
	if (grant)
		grant->recorded = grant->mig = false;
}

struct sweep {
	const struct nvb_root *dev;
	const struct nvb_inventory_options *options;
	struct nvb_inventory *inventory; /* loaded when a MIG device is to go */
	const struct nvb_log *log;
};

/* All that were made on demand and that nobody uses; who is about to lease one has the lock. */
static void give_back_unused(const struct nvb_inventory *inventory, const struct nvb_log *log)
{
	_cleanup_mig_ struct nvb_mig *mig = NULL;

	if (nvb_mig_open(inventory, true, log, &mig, NULL) < 0)
		return;
	for (size_t g = 0; g < mig->gpu_count; g++) {
		const struct nvb_mig_gpu *gpu = &mig->gpus[g];

		/* From behind: one that goes closes the gap. */
		for (uint32_t i = gpu->instance_count; i-- > 0;)
			if (i < gpu->instance_count && gpu->instances[i].compute_count == 1)
				nvb_mig_give_back(mig, gpu->pci, gpu->instances[i].id,
					gpu->instances[i].computes[0].id, NULL);
	}
}

static int sweep_mig(struct sweep *sweep, const struct nvb_grant_record *record)
{
	_cleanup_error_ nvb_error *error = NULL;
	int rc = sweep->inventory ? 0 : nvb_inventory_load(sweep->options, &sweep->inventory, &error);

	if (rc < 0)
		nvb_warning(sweep->log, "a MIG device that was made on demand stays for now: %s",
			nvb_error_message(error));
	else if (record->mig_pci)
		rc = give_back_mig(
			sweep->inventory, record->mig_pci, record->mig_gi, record->mig_ci, sweep->log);
	else
		give_back_unused(sweep->inventory, sweep->log);
	return rc;
}

/* One grant whose lease is gone. */
static void undo(struct sweep *sweep, int grants, const char *token)
{
	_cleanup_free_ char *path = nvb_grant_path(sweep->dev, token), *text = NULL;
	_cleanup_close_ int directory =
		openat(grants, token, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_grant_record_ struct nvb_grant_record record = {0};

	/* Somebody else is at it. */
	if (!path || directory < 0 || flock(directory, LOCK_EX | LOCK_NB) < 0)
		return;
	if (nvb_file_read(directory, "record", NVB_GRANT_RECORD_MAX, &text, NULL, NULL) == 0 &&
		nvb_grant_record_parse(text, &record, NULL) < 0)
		nvb_warning(
			sweep->log, "%s/record is damaged: what was granted by it is ended by force", path);
	nvb_mps_stop(record.program, record.library_path, path, &record.daemon);
	/* One that is used after all (a container whose start outlived who began it) is for the next sweep.
	 */
	if ((record.mig_pci || record.making) && sweep_mig(sweep, &record) < 0)
		return;
	nvb_file_remove_tree(AT_FDCWD, path, NULL);
}

static bool is_token(const char *name)
{
	return strlen(name) == NVB_LEASE_TOKEN - 1 && strspn(name, "0123456789abcdef") == NVB_LEASE_TOKEN - 1;
}

void nvb_isolation_sweep(
	const struct nvb_root *dev, const struct nvb_inventory_options *options, const struct nvb_log *log)
{
	struct sweep sweep = {.dev = dev, .options = options, .log = log};
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	int fd = nvb_root_openat(dev, NVB_GRANTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd < 0)
		return;
	if (geteuid() != 0 || !(dir = fdopendir(fd))) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (is_token(entry->d_name) && !nvb_lease_token_lives(dev, entry->d_name))
			undo(&sweep, dirfd(dir), entry->d_name);
	nvb_inventory_free(sweep.inventory);
}
