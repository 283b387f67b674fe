/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/conflict.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

/*
 * Records in the way of a lease. The name of a record says its mode, so that the usual case, shared beside
 * shared, opens none of them but a few for upkeep: each who takes a lease looks at some, so the dead never
 * pile up and nobody pays for all.
 */
enum { UPKEEP = 4 };

/* One device of ours held, and by how many more. */
struct found {
	struct nvb_lease_record record;
	const struct nvb_lease_device *device;
	size_t more;
};

/* A MIG device, whatever its mode, holds its GPU shared. */
static bool collides(const struct nvb_lease_device *a, bool a_exclusive, const struct nvb_lease_device *b,
	bool b_exclusive)
{
	if (nvb_streq(a->key, b->key))
		return a_exclusive || b_exclusive;
	return (a_exclusive && b->parent && nvb_streq(a->key, b->parent)) ||
	       (b_exclusive && a->parent && nvb_streq(b->key, a->parent));
}

static const struct nvb_lease_device *first_collision(
	const struct nvb_lease_devices *wanted, enum nvb_lease_mode mode, const struct nvb_lease_record *held)
{
	for (size_t i = 0; i < wanted->count; i++)
		for (size_t j = 0; j < held->devices.count; j++)
			if (collides(&wanted->list[i], mode == NVB_LEASE_EXCLUSIVE, &held->devices.list[j],
				    held->mode == NVB_LEASE_EXCLUSIVE))
				return &wanted->list[i];
	return NULL;
}

/* As engines show ids. */
static int shown_length(const char *container)
{
	enum { SHOWN = 12, WHOLE_ID = 32 };
	size_t n = strlen(container);

	return n >= WHOLE_ID && strspn(container, "0123456789abcdef") == n ? SHOWN : (int)n;
}

static int refuse(const struct found *found, enum nvb_lease_mode mode, nvb_error **err)
{
	const struct nvb_lease_record *record = &found->record;
	const struct nvb_lease_device *device = found->device;
	const char *container = record->container ? record->container : "";
	char more[64] = "";
	int rc;

	if (found->more)
		snprintf(more, sizeof(more), " and %zu more", found->more);
	rc = nvb_fail(err, NVB_ERR_BUSY, "%s %s (%s) %s by %s %s%.*s (process %d)%s",
		device->parent ? "MIG device" : "GPU", device->name ? device->name : device->key,
		device->uuid ? device->uuid : device->key,
		record->mode == NVB_LEASE_EXCLUSIVE ? "is held exclusively" : "is in use",
		record->engine ? record->engine : "an unnamed engine", *container ? "container " : "process",
		shown_length(container), container, record->pid, more);
	return nvb_hint(err, rc,
		"stop it or ask for another GPU%s; 'nvbind info --leases' shows who holds what",
		mode == NVB_LEASE_EXCLUSIVE ? ", or for a shared one" : "");
}

/* Reads one record; 1 when it holds, 0 when it counts for nothing. */
static int look_at(struct nvb_lease_place *place, const char *name, bool locked,
	struct nvb_lease_record *record, nvb_error **err)
{
	bool moved = false;
	int rc = nvb_lease_place_read(place, name, record, NULL);

	if (rc == -NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	if (rc < 0 && rc != -NVB_ERR_CORRUPT)
		return rc == -NVB_ERR_NOT_FOUND ? 0 : nvb_lease_place_read(place, name, record, err);
	if (rc < 0 || !nvb_lease_record_lives(record, &moved)) {
		/* Renamed into place whole, so one that cannot be read was never written by us. */
		if (locked)
			unlinkat(place->records, name, 0);
		nvb_lease_record_release(record);
		return 0;
	}
	/* Not written, it is found again by the next who looks. */
	if (moved && locked)
		nvb_lease_place_write(place, name, record, NULL);
	return 1;
}

int nvb_lease_check_records(struct nvb_lease_place *place, const struct nvb_lease_devices *devices,
	enum nvb_lease_mode mode, bool locked, nvb_error **err)
{
	_cleanup_strv_ char **names = NULL;
	struct found found = {0};
	int rc = nvb_lease_place_names(place, locked, &names, err);
	size_t count = nvb_strv_length(names), first = count ? (size_t)getpid() % count : 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		_cleanup_lease_record_ struct nvb_lease_record record = {0};
		const struct nvb_lease_device *device;
		bool upkeep = locked && (i + count - first) % count < UPKEEP;

		if (mode == NVB_LEASE_SHARED && !nvb_after(names[i], "exclusive-") && !upkeep)
			continue;
		rc = look_at(place, names[i], locked, &record, err);
		if (rc <= 0)
			continue;
		rc = 0;
		device = first_collision(devices, mode, &record);
		if (device && found.device) {
			found.more++;
		} else if (device) {
			found.device = device;
			found.record = record;
			record = (struct nvb_lease_record){0};
		}
	}
	if (rc == 0 && found.device)
		rc = refuse(&found, mode, err);
	nvb_lease_record_release(&found.record);
	return rc;
}
