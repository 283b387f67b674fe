/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_LEASE_PLACE_H
#define NVB_LEASE_PLACE_H

#include "base/root.h"
#include "lease/record.h"

/* The directory of leases, open. */
struct nvb_lease_place {
	int directory, records, devices, lock;
	bool absent;   /* nobody has made it yet, and we may not */
	bool writable; /* leases are records; else they are flocks */
	char *path;    /* on the host, for messages */
};
#define NVB_LEASE_PLACE_INIT                                              \
	{                                                                 \
		.directory = -1, .records = -1, .devices = -1, .lock = -1 \
	}

/* Makes it where it is missing and we may. NVB_ERR_PERMISSION when a stranger could write there. */
int nvb_lease_place_open(
	const struct nvb_root *root, bool make, struct nvb_lease_place *place, nvb_error **err);
void nvb_lease_place_close(struct nvb_lease_place *place);

/* The lock under which records are made and removed; only where the place is writable. */
int nvb_lease_place_lock(struct nvb_lease_place *place, nvb_error **err);
void nvb_lease_place_unlock(struct nvb_lease_place *place);

/* "exclusive-<16 hex>" */
enum { NVB_LEASE_NAME = 32 };

/* A record of that name; NVB_ERR_NOT_FOUND when there is none (any more). */
int nvb_lease_place_read(const struct nvb_lease_place *place, const char *name,
	struct nvb_lease_record *record, nvb_error **err);

/* Writes it, whole or not at all. Under the lock. */
int nvb_lease_place_write(const struct nvb_lease_place *place, const char *name,
	const struct nvb_lease_record *record, nvb_error **err);

/* Names of records, NULL-terminated, in *names; as the lock's holder also removes what a killed writer left.
 */
int nvb_lease_place_names(const struct nvb_lease_place *place, bool locked, char ***names, nvb_error **err);

#endif
