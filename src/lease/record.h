/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_LEASE_RECORD_H
#define NVB_LEASE_RECORD_H

#include "lease/lease.h"

/*
 * One lease on disk: lines of a key and its value. Readable by everybody, since whoever is refused a GPU
 * wants to know by whom.
 *
 *	mode exclusive
 *	engine docker
 *	container 4f3c...
 *	process 1234 567890		number and start time
 *	runtime-state /run/runc/4f3c...
 *	pid-file /run/.../pid
 *	since 1764000000
 *	device 0000:3b:00.0-gi1-ci0 0000:3b:00.0 MIG-...	key, GPU or "-", UUID or "-"
 */
struct nvb_lease_record {
	enum nvb_lease_mode mode;
	char *engine, *container, *runtime_state, *pid_file;
	pid_t pid;
	uint64_t started;
	int64_t since;
	struct nvb_lease_devices devices;
};

void nvb_lease_record_release(struct nvb_lease_record *record);
#define _cleanup_lease_record_ _cleanup_(nvb_lease_record_release)

/* malloc'd; NULL without memory. */
char *nvb_lease_record_format(const struct nvb_lease_record *record);

/* NVB_ERR_CORRUPT when it is none. Keys that are not known are a later version's and skipped. */
int nvb_lease_record_parse(const char *text, struct nvb_lease_record *record, nvb_error **err);

enum { NVB_LEASE_RECORD_MAX = 1 << 18 };

/*
 * Whether its holder still runs. When that is no longer the process it names, but a container's first process
 * that was found by it, pid, started are changed to those and *moved is set: worth writing down.
 */
bool nvb_lease_record_lives(struct nvb_lease_record *record, bool *moved);

#endif
