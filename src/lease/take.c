/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "lease/conflict.h"
#include "lease/keeper.h"
#include "lease/place.h"

/*
 * Taking and giving back. A record is written while all its devices are flock'ed and under the one lock: two
 * who write see each other's records, and one who only flocks does so before it looks at records, so either
 * its flock is in the writer's way or the record in its own.
 */

struct nvb_lease {
	struct nvb_lease_place place;
	struct nvb_lease_record record;
	char name[NVB_LEASE_NAME]; /* of the record; empty for one by flock */
	struct nvb_lease_flocks flocks;
	pid_t keeper; /* of the flocks, once the lease was adopted */
};

int nvb_lease_parse_mode(const char *text, enum nvb_lease_mode *mode, nvb_error **err)
{
	int value, rc;

	if (nvb_streq(text, "virtual"))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"isolation virtual: only bolt chooses parts of GPUs, which takes more than a "
				"lease"),
			"name a MIG device (NVIDIA_VISIBLE_DEVICES=0:1; 'nvbind mig create' makes some), or "
			"use exclusive");
	rc = nvb_choice_parse(nvb_lease_modes, text, "isolation", &value, err);
	if (rc == 0)
		*mode = (enum nvb_lease_mode)value;
	return rc;
}

void nvb_lease_free(struct nvb_lease *lease)
{
	if (!lease)
		return;
	nvb_lease_flocks_release(&lease->flocks);
	nvb_lease_record_release(&lease->record);
	nvb_lease_place_close(&lease->place);
	free(lease);
}

void nvb_lease_release(struct nvb_lease *lease)
{
	if (lease && *lease->name)
		unlinkat(lease->place.records, lease->name, 0);
	if (lease)
		nvb_lease_keeper_stop(lease->keeper);
	nvb_lease_free(lease);
}

static void free_lease(struct nvb_lease **lease)
{
	nvb_lease_free(*lease);
}

/* A line of a record ends where the value does. */
static int set_word(char **to, const char *value, const char *what, nvb_error **err)
{
	if (!value)
		return 0;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return nvb_fail(err, NVB_ERR_INVALID, "%s has a control character", what);
	*to = strdup(value);
	return *to ? 0 : nvb_fail_oom(err);
}

static bool copy_word(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

static int copy_devices(const struct nvb_lease_devices *from, struct nvb_lease_devices *to, nvb_error **err)
{
	to->list = calloc(from->count, sizeof(*to->list));
	if (!to->list)
		return nvb_fail_oom(err);
	to->capacity = from->count;
	for (; to->count < from->count; to->count++) {
		const struct nvb_lease_device *a = &from->list[to->count];
		struct nvb_lease_device *b = &to->list[to->count];

		if (!copy_word(&b->key, a->key) || !copy_word(&b->parent, a->parent) ||
			!copy_word(&b->name, a->name) || !copy_word(&b->uuid, a->uuid) ||
			!copy_word(&b->node, a->node)) {
			to->count++; /* so that its parts are freed */
			return nvb_fail_oom(err);
		}
	}
	return 0;
}

static int describe_holder(
	struct nvb_lease_record *record, const struct nvb_lease_holder *holder, nvb_error **err)
{
	int rc = set_word(&record->engine, holder->engine, "engine", err);

	if (rc == 0)
		rc = set_word(&record->container, holder->container, "container id", err);
	if (rc == 0)
		rc = set_word(&record->runtime_state, holder->runtime_state, "runtime's directory", err);
	if (rc == 0)
		rc = set_word(&record->pid_file, holder->pid_file, "pid file", err);
	if (rc < 0)
		return rc;
	record->pid = holder->pid ? holder->pid : getpid();
	record->since = (int64_t)time(NULL);
	record->started = nvb_proc_start_time(record->pid);
	if (!record->started && errno != 0 && errno != ENOENT && errno != ESRCH)
		return nvb_fail_errno(
			err, errno, "when process %d began, which is to hold a lease", record->pid);
	return record->started ? 0
			       : nvb_fail(err, NVB_ERR_NOT_FOUND,
					 "process %d, which is to hold a lease, is gone", record->pid);
}

static int describe(struct nvb_lease_record *record, const struct nvb_lease_devices *devices,
	enum nvb_lease_mode mode, const struct nvb_lease_holder *holder, nvb_error **err)
{
	int rc = describe_holder(record, holder, err);

	record->mode = mode;
	return rc < 0 ? rc : copy_devices(devices, &record->devices, err);
}

int nvb_lease_make_token(char token[static NVB_LEASE_TOKEN], nvb_error **err)
{
	unsigned long long number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return nvb_fail_errno(err, errno, "random numbers");
	snprintf(token, NVB_LEASE_TOKEN, "%016llx", number);
	return 0;
}

static void make_name(struct nvb_lease *lease, const char *token)
{
	snprintf(lease->name, sizeof(lease->name), "%s-%s",
		nvb_choice_name(nvb_lease_modes, (int)lease->record.mode), token);
}

static int take_by_record(struct nvb_lease *lease, const char *token, nvb_error **err)
{
	const struct nvb_lease_record *record = &lease->record;
	int rc = nvb_lease_place_lock(&lease->place, err);

	if (rc < 0)
		return rc;
	rc = nvb_lease_check_records(&lease->place, &record->devices, record->mode, true, err);
	if (rc == 0)
		rc = nvb_lease_flock(&lease->place, &record->devices, record->mode, &lease->flocks, err);
	if (rc == 0)
		make_name(lease, token);
	if (rc == 0)
		rc = nvb_lease_place_write(&lease->place, lease->name, record, err);
	if (rc < 0)
		*lease->name = '\0';
	nvb_lease_flocks_release(&lease->flocks);
	nvb_lease_place_unlock(&lease->place);
	return rc;
}

static int take_by_flock(struct nvb_lease *lease, nvb_error **err)
{
	const struct nvb_lease_record *record = &lease->record;
	int rc = nvb_lease_flock(&lease->place, &record->devices, record->mode, &lease->flocks, err);

	return rc < 0 ? rc
		      : nvb_lease_check_records(&lease->place, &record->devices, record->mode, false, err);
}

static int nobody_made_it(const struct nvb_lease_place *place, enum nvb_lease_mode mode, nvb_error **err)
{
	if (mode == NVB_LEASE_SHARED)
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_PERMISSION, "a GPU cannot be had exclusively: %s is not there yet",
			place->path),
		"root makes it with the first container that gets a GPU");
}

static int choose_token(
	char token[static NVB_LEASE_TOKEN], const struct nvb_lease_holder *holder, nvb_error **err)
{
	if (!holder->token)
		return nvb_lease_make_token(token, err);
	if (strlen(holder->token) != NVB_LEASE_TOKEN - 1)
		return nvb_fail(err, NVB_ERR_INVALID, "'%s' is no token of a lease", holder->token);
	strcpy(token, holder->token);
	return 0;
}

bool nvb_lease_is_recorded(const struct nvb_lease *lease)
{
	return lease && *lease->name;
}

bool nvb_lease_token_lives(const struct nvb_root *root, const char *token)
{
	_cleanup_(nvb_lease_place_close) struct nvb_lease_place place = NVB_LEASE_PLACE_INIT;
	bool lives = false, moved;

	if (nvb_lease_place_open(root, false, &place, NULL) < 0 || place.absent)
		return false;
	for (const struct nvb_choice *mode = nvb_lease_modes; mode->name && !lives; mode++) {
		_cleanup_lease_record_ struct nvb_lease_record record = {0};
		char name[NVB_LEASE_NAME];

		snprintf(name, sizeof(name), "%s-%s", mode->name, token);
		lives = nvb_lease_place_read(&place, name, &record, NULL) == 0 &&
			nvb_lease_record_lives(&record, &moved);
	}
	return lives;
}

int nvb_lease_take(const struct nvb_root *root, const struct nvb_lease_devices *devices,
	enum nvb_lease_mode mode, const struct nvb_lease_holder *holder, struct nvb_lease **out,
	nvb_error **err)
{
	_cleanup_(free_lease) struct nvb_lease *lease = NULL;
	char token[NVB_LEASE_TOKEN];
	int rc;

	if (!devices->count) {
		*out = NULL;
		return 0;
	}
	lease = calloc(1, sizeof(*lease));
	if (!lease)
		return nvb_fail_oom(err);
	lease->place = (struct nvb_lease_place)NVB_LEASE_PLACE_INIT;
	rc = nvb_lease_place_open(root, true, &lease->place, err);
	if (rc == 0)
		rc = describe(&lease->record, devices, mode, holder, err);
	if (rc == 0)
		rc = choose_token(token, holder, err);
	if (rc < 0)
		return rc;
	if (lease->place.absent)
		rc = nobody_made_it(&lease->place, mode, err);
	else
		rc = lease->place.writable ? take_by_record(lease, token, err) : take_by_flock(lease, err);
	if (rc == 0)
		*out = NVB_TAKE_PTR(lease);
	return rc;
}

int nvb_lease_take_plan(const struct nvb_inventory *inventory, const struct nvb_plan *plan,
	enum nvb_lease_mode mode, const struct nvb_lease_holder *holder, struct nvb_lease **lease,
	nvb_error **err)
{
	_cleanup_(nvb_lease_devices_release) struct nvb_lease_devices devices = {0};
	int rc = nvb_lease_devices_of(inventory, plan, &devices, err);

	return rc < 0 ? rc : nvb_lease_take(&inventory->roots.dev, &devices, mode, holder, lease, err);
}

int nvb_lease_hand_over(struct nvb_lease *lease, const struct nvb_lease_holder *holder, nvb_error **err)
{
	struct nvb_lease_record fresh = {0}, *record;
	int rc;

	if (!nvb_lease_is_recorded(lease))
		return 0;
	record = &lease->record;
	rc = describe_holder(&fresh, holder, err);
	if (rc == 0)
		rc = nvb_lease_place_lock(&lease->place, err);
	if (rc < 0) {
		nvb_lease_record_release(&fresh);
		return rc;
	}
	fresh.mode = record->mode;
	fresh.devices = record->devices;
	record->devices = (struct nvb_lease_devices){0};
	nvb_lease_record_release(record);
	*record = fresh;
	rc = nvb_lease_place_write(&lease->place, lease->name, record, err);
	nvb_lease_place_unlock(&lease->place);
	return rc;
}

int nvb_lease_adopt(struct nvb_lease *lease, pid_t pid, nvb_error **err)
{
	uint64_t started = nvb_proc_start_time(pid);
	int rc;

	if (lease && !started && errno != 0 && errno != ENOENT && errno != ESRCH)
		return nvb_fail_errno(err, errno, "when process %d began, which is to hold a lease", pid);
	/* It may have ended already: then so has the lease, whoever looks. */
	if (!lease || !started)
		return 0;
	if (!*lease->name) {
		rc = lease->flocks.count && !lease->keeper ? nvb_lease_keeper_start(&lease->flocks, pid, err)
							   : 0;
		if (rc > 0)
			lease->keeper = rc;
		return rc < 0 ? rc : 0;
	}
	rc = nvb_lease_place_lock(&lease->place, err);
	if (rc < 0)
		return rc;
	lease->record.pid = pid;
	lease->record.started = started;
	rc = nvb_lease_place_write(&lease->place, lease->name, &lease->record, err);
	nvb_lease_place_unlock(&lease->place);
	return rc;
}

int nvb_lease_keep_over_exec(struct nvb_lease *lease, nvb_error **err)
{
	for (size_t i = 0; lease && i < lease->flocks.count; i++)
		if (fcntl(lease->flocks.fds[i], F_SETFD, 0) < 0)
			return nvb_fail_errno(err, errno, "lease");
	return 0;
}
