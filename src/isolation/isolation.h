/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ISOLATION_ISOLATION_H
#define NVB_ISOLATION_ISOLATION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"
#include "inventory/inventory.h"
#include "isolation/rules.h"
#include "lease/lease.h"
#include "nvbind/log.h"
#include "plan/plan.h"
#include "request/request.h"

/*
 * From the isolation and the limits that were asked for to what this host grants of them, and who keeps it:
 *
 *	virtual		a MIG device of that size that is free, else one that is made, else MPS with the
 *limits, else a refusal that says what would work
 *	limits		a MIG device that was named has its own; else MPS; else they are recorded and nobody
 *			keeps them, which is warned about
 *
 * What is granted beyond nodes and mounts (an MPS daemon, a MIG device that was made) goes with the lease:
 *
 *	/run/nvbind/grants/<token>/record	what it is; the token is the lease's
 *	/run/nvbind/grants/<token>/{pipe,log,shm}	of an MPS daemon
 *
 * It is given back when its capsule ends. When nobody was left to do that, the next who asks for GPUs here
 * does: a grant whose lease does not hold any more counts for nothing.
 *
 *	rc = nvb_isolation_decide(request, &inventory, &options, &grant, err);
 *	rc = nvb_plan_make(nvb_grant_request(grant, request), inventory, ..., &plan, err);
 *	rc = nvb_isolation_take(grant, request, inventory, plan, &holder, &lease, err);
 *	... mounts, the container
 *	nvb_isolation_end(grant, inventory, lease, log);
 */
struct nvb_isolation_options {
	const struct nvb_inventory_options *inventory; /* to load it again when a MIG device was made */
	bool preview;				       /* say what would be done, make nothing */
	struct nvb_isolation_rules rules;
	const struct nvb_log *log;
};

struct nvb_grant;

/*
 * Decides. *grant is NULL when nothing but a lease was asked for. *inventory is replaced when what it holds
 * has changed. Errors: NVB_ERR_UNSUPPORTED, with the alternatives, when virtual cannot be had; NVB_ERR_BUSY
 * when it could and all of it is taken.
 */
int nvb_isolation_decide(const struct nvb_request *request, struct nvb_inventory **inventory,
	const struct nvb_isolation_options *options, struct nvb_grant **grant, nvb_error **err);

/* What to plan with; `request` where there is no grant. */
const struct nvb_request *nvb_grant_request(const struct nvb_grant *grant, const struct nvb_request *request);

/*
 * Leases the plan's devices and starts what the grant needs. *lease is NULL when there was nothing to lease.
 * Nothing is left behind when it fails.
 */
int nvb_isolation_take(struct nvb_grant *grant, const struct nvb_request *request,
	const struct nvb_inventory *inventory, const struct nvb_plan *plan,
	const struct nvb_lease_holder *holder, struct nvb_lease **lease, nvb_error **err);

/* Gives all of it back: the daemon ends, the lease is released, a MIG device that was made goes. grant and
 * lease may be NULL; the lease's handle is freed. */
void nvb_isolation_end(struct nvb_grant *grant, const struct nvb_inventory *inventory,
	struct nvb_lease *lease, const struct nvb_log *log);

/* Frees the handle alone: what was granted stays with its lease, for whoever adopts the capsule. */
void nvb_grant_free(struct nvb_grant *grant);

/*
 * Gives back what was granted to capsules whose lease does not hold any more. Costs one look into a directory
 * where there are none. Only root can; for others it does nothing.
 */
void nvb_isolation_sweep(
	const struct nvb_root *dev, const struct nvb_inventory_options *options, const struct nvb_log *log);

/* A descriptor (pidfd) that becomes readable when the MPS daemon dies that keeps the limits of a container;
 * -1: it has none, or it is dead already. */
int nvb_isolation_watch(const struct nvb_root *dev, const char *container);

/*
 * What a container was granted, as a JSON object appended to `out`: mode, devices, limits with who keeps
 * them, and of an MPS daemon whether it answers now. "null" when it holds nothing. `container`: its name in
 * the lease.
 */
int nvb_isolation_inspect(
	const struct nvb_root *dev, const char *container, struct nvb_strbuf *out, nvb_error **err);

/* Whether what keeps the limits of a container is there: 0, or NVB_ERR_NOT_FOUND with the reason (its MPS
 * daemon has died: programs that it starts from now on run without the limits). For a look from time to time.
 */
int nvb_isolation_health(const struct nvb_root *dev, const char *container, nvb_error **err);

#endif
