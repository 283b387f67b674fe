/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_LEASE_CONFLICT_H
#define NVB_LEASE_CONFLICT_H

#include "lease/place.h"

/* What stands in the way of a lease: records, and flocks of those who may not write records. */

struct nvb_lease_flocks {
	int *fds;
	size_t count, capacity;
};
void nvb_lease_flocks_release(struct nvb_lease_flocks *flocks);

/*
 * NVB_ERR_BUSY when a record that holds is in the way; the message says whose. `locked`: we have the lock, so
 * records of the dead are removed on the way, and those whose container was found are brought up to date.
 */
int nvb_lease_check_records(struct nvb_lease_place *place, const struct nvb_lease_devices *devices,
	enum nvb_lease_mode mode, bool locked, nvb_error **err);

/*
 * Flocks every device. NVB_ERR_BUSY names the process in the way. Files that are missing are made where the
 * place is writable; where not, NVB_ERR_PERMISSION for an exclusive lease, and left out of a shared one.
 */
int nvb_lease_flock(const struct nvb_lease_place *place, const struct nvb_lease_devices *devices,
	enum nvb_lease_mode mode, struct nvb_lease_flocks *flocks, nvb_error **err);

/* A line of /proc/locks (proc(5)) that is a flock: whose, of which file. */
struct nvb_flock_holder {
	pid_t pid; /* 0 when it is in another pid namespace */
	bool exclusive;
	unsigned major, minor;
	unsigned long long inode;
};

/* All of them; malloc'd. NULL with *count 0 when there are none or they cannot be read. */
struct nvb_flock_holder *nvb_flock_holders(size_t *count);

#endif
