/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/knobs.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/userns.h"
#include "lease/lease.h"

int nvb_start_turn_knobs(struct nvb_start *start, nvb_error **err)
{
	_cleanup_free_ char *state = NULL;
	struct nvb_knob_user user = {.engine = "bolt", .container = start->entry.id};
	bool exclusive;

	if (!start->gpu.plan)
		return 0;
	exclusive = nvb_isolation_lease_mode(nvb_grant_request(start->gpu.grant, start->request)) == NVB_LEASE_EXCLUSIVE;
	if (asprintf(&state, "%s/%s", start->entry.runtime_root, start->entry.id) < 0)
		return nvb_fail_oom(err);
	user.runtime_state = state;
	return nvb_knobs_take(start->gpu.inventory, start->gpu.plan, exclusive, &user, start->host->log,
		&start->knobs, err);
}

void nvb_capsule_settle_knobs(const struct nvb_run_host *host)
{
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_roots roots = {
		.driver = NVB_ROOT_INIT, .dev = NVB_ROOT_INIT, .proc = NVB_ROOT_INIT, .sys = NVB_ROOT_INIT};
	nvb_inventory *inventory = NULL;
	bool owed;

	if (nvb_roots_open(&roots, host->inventory, NULL) < 0)
		return;
	owed = nvb_knobs_are_owed(&roots.dev);
	nvb_roots_close(&roots);
	/* An ordinary user's bolt sees root's records, and can do nothing about them. */
	if (!owed || geteuid() != 0 || nvb_in_user_namespace() ||
		nvb_inventory_load(host->inventory, &inventory, NULL) < 0)
		return;
	if (nvb_knobs_restore(inventory, false, host->log, NULL, &why) < 0)
		nvb_warning(host->log, "a knob that an ended capsule has turned could not be put back: %s",
			nvb_error_message(why));
	nvb_inventory_free(inventory);
}
