/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_LEASE_LEASE_H
#define NVB_LEASE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/root.h"
#include "inventory/inventory.h"
#include "plan/plan.h"

/*
 * Who holds which GPU, across users, engines and programs. Many may hold a GPU shared; one who holds it
 * exclusively holds it alone. For this host:
 *
 *	/run/nvbind/leases/lock			taken while leases are given (root's alone)
 *	/run/nvbind/leases/devices/<key>	one a device, empty: what is flock'ed
 *	/run/nvbind/leases/records/<mode>-<id>	one a lease: whose it is, and of which devices
 *
 * Whoever may write there (root) holds a GPU by a record. It names the process whose life the lease has, by
 * number and start time, so it outlives whoever wrote it and not the container; a record whose process is
 * gone counts for nothing and is removed by whoever finds it. Everybody else can open the files for reading
 * only: they hold a GPU by a flock (LOCK_SH, LOCK_EX) on its file for as long as they, or those whom they
 * leave the descriptor, run. Each sort respects the other's. Who may open a device's file is who may open the
 * GPU's node: root gives it the node's group and its bits for reading, each time it takes a lease. So nobody
 * can keep a GPU from others who could not use it anyway.
 *
 * Devices are told apart by PCI address, MIG devices by that and their instances: both stand in /proc, while
 * a UUID is only known once the driver has initialised the GPU, and a MIG device's only to NVML. Holding a
 * MIG device, in whatever mode, holds its GPU shared.
 *
 * A shim that becomes the runtime takes one thus:
 *
 *	struct nvb_lease_holder holder = {
 *		.engine = "docker", .container = id,
 *		.runtime_state = "/run/docker/runtime-runc/moby/<id>", .pid_file = pid_file,
 *	};
 *	rc = nvb_lease_take_plan(inventory, plan, NVB_LEASE_SHARED, &holder, &lease, err);
 *	if (rc < 0)
 *		return rc;		// one line that says who holds it; NVB_ERR_BUSY
 *	nvb_lease_free(lease);		// the record stays: this process lives on as the runtime
 *	execv(...);
 *	nvb_lease_release(...)		// instead of free, if exec failed
 */

enum nvb_lease_mode {
	NVB_LEASE_SHARED,
	NVB_LEASE_EXCLUSIVE,
};

/* "shared", "exclusive" */
extern const struct nvb_choice nvb_lease_modes[];

/* The value of --isolation and its like. "virtual", a part of a GPU, is NVB_ERR_UNSUPPORTED: it takes more
 * than a lease. */
int nvb_lease_parse_mode(const char *text, enum nvb_lease_mode *mode, nvb_error **err);

/* The lease that an isolation takes on the devices that it gives. A MIG device of virtual isolation is nobody
 * else's; under MPS several share a GPU. */
static inline enum nvb_lease_mode nvb_isolation_lease_mode(const struct nvb_request *request)
{
	return request->isolation == NVB_ISOLATION_EXCLUSIVE ||
			       (request->isolation == NVB_ISOLATION_VIRTUAL && !request->mps)
		       ? NVB_LEASE_EXCLUSIVE
		       : NVB_LEASE_SHARED;
}

struct nvb_lease_device {
	char *key;    /* "0000:3b:00.0", "0000:3b:00.0-gi1-ci0", "dxg" */
	char *parent; /* a MIG device's GPU, "0000:3b:00.0"; else NULL */
	char *name;   /* "2", "0:1", as users call it; NULL in what was read from a record */
	char *uuid;   /* NULL unknown */
	char *node;   /* its GPU's device node on this host; NULL unknown, or read from a record */
};

struct nvb_lease_devices {
	struct nvb_lease_device *list;
	size_t count, capacity;
};

/* The GPUs and MIG devices whose nodes the plan gives, whoever named them: a foreign CDI spec, too. */
int nvb_lease_devices_of(const struct nvb_inventory *inventory, const struct nvb_plan *plan,
	struct nvb_lease_devices *devices, nvb_error **err);
void nvb_lease_devices_release(struct nvb_lease_devices *devices);

/*
 * Whose life a lease has. First that of the process `pid`; once that is gone, that of a container's first
 * process, when it can be found: in the OCI runtime's own state of the container, which has its number and
 * start time (runc's state.json, crun's status), else in the file into which the runtime writes its number.
 * All strings are absolute paths or words without control characters; NULL: none.
 */
struct nvb_lease_holder {
	const char *engine;	   /* who asks: "docker", "podman", "bolt", "nvbind run" */
	const char *container;	   /* its name there */
	pid_t pid;		   /* 0: this process, also once it has become another program */
	const char *runtime_state; /* directory, "<root>/<container id>"; when given, it alone counts */
	const char *pid_file;
	const char *token; /* 16 hex digits by which nvb_lease_token_lives knows the lease; NULL: none is
			      needed */
};

struct nvb_lease;

/*
 * Takes all of the devices or none, without waiting for a holder. `root` is the host whose devices they are,
 * the inventory's dev root. NVB_ERR_BUSY names who holds one and what
 * to do. Who may not write the directory gets leases by flock, which `holder` has no part in; exclusive ones
 * then need root to have made the files before (NVB_ERR_PERMISSION), shared ones are granted without a trace
 * where there are none. No devices: *lease is NULL. Thread-safe, as all below.
 */
int nvb_lease_take(const struct nvb_root *root, const struct nvb_lease_devices *devices,
	enum nvb_lease_mode mode, const struct nvb_lease_holder *holder, struct nvb_lease **lease,
	nvb_error **err);

/* Both in one: the devices of the plan, and their lease. */
int nvb_lease_take_plan(const struct nvb_inventory *inventory, const struct nvb_plan *plan,
	enum nvb_lease_mode mode, const struct nvb_lease_holder *holder, struct nvb_lease **lease,
	nvb_error **err);

/*
 * From here on the lease has the life of that process, a container's first. One by flock is kept by a child
 * of the caller for that long; a caller that ends first leaves it.
 */
int nvb_lease_adopt(struct nvb_lease *lease, pid_t pid, nvb_error **err);

/* Gives a recorded lease another holder, whose token is of no account: what was taken before it was known for
 * whom. One by flock has no holder to change. */
int nvb_lease_hand_over(struct nvb_lease *lease, const struct nvb_lease_holder *holder, nvb_error **err);

/* Leaves the descriptors of a lease by flock open in the program that this process becomes. */
int nvb_lease_keep_over_exec(struct nvb_lease *lease, nvb_error **err);

/* Whether a recorded lease that was taken with that token holds. What goes with a lease outside its record (a
 * daemon, a MIG device) is named by the token. */
bool nvb_lease_token_lives(const struct nvb_root *root, const char *token);

/* A token that nobody else has: 16 hex digits. */
enum { NVB_LEASE_TOKEN = 17 };
int nvb_lease_make_token(char token[static NVB_LEASE_TOKEN], nvb_error **err);

/* True for a lease by record, which outlives who took it. */
bool nvb_lease_is_recorded(const struct nvb_lease *lease);

/* Gives the devices back and frees the handle. */
void nvb_lease_release(struct nvb_lease *lease);

/* Frees the handle alone: a recorded lease lives on with its holder, one by flock ends. */
void nvb_lease_free(struct nvb_lease *lease);

/* A lease that holds, as lists show it. */
struct nvb_lease_info {
	enum nvb_lease_mode mode;
	char *engine, *container; /* NULL: by flock, where only the process is known */
	pid_t pid;		  /* whose life it has; 0: cannot be told */
	int64_t since;		  /* seconds of real time; 0: by flock */
	struct nvb_lease_devices devices;
};

/* Every lease that holds, records first. Changes nothing. None: *list is NULL. */
int nvb_lease_list(const struct nvb_root *root, struct nvb_lease_info **list, size_t *count, nvb_error **err);
void nvb_lease_list_free(struct nvb_lease_info *list, size_t count);

#endif
