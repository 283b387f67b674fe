/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/grants.h"

#include "isolation/isolation.h"

/* What was granted under the leases of capsules, for who has no inventory at hand. */

static int open_dev(const struct nvb_run_host *host, struct nvb_root *dev)
{
	const struct nvb_inventory_options *options = host->inventory;

	return nvb_root_open(dev,
		options->dev_root ? options->dev_root
		: options->root	  ? options->root
				  : "/",
		NULL);
}

void nvb_capsule_settle_grants(const struct nvb_run_host *host)
{
	_cleanup_root_ struct nvb_root dev = NVB_ROOT_INIT;

	if (open_dev(host, &dev) == 0)
		nvb_isolation_sweep(&dev, host->inventory, host->log);
}

int nvb_capsule_watch_grant(const struct nvb_run_host *host, const char *id)
{
	_cleanup_root_ struct nvb_root dev = NVB_ROOT_INIT;

	return open_dev(host, &dev) == 0 ? nvb_isolation_watch(&dev, id) : -1;
}
