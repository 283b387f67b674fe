/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/private.h"

bool nvb_restart_wanted(const struct nvb_capsule_definition *definition, int status, uint64_t restarts)
{
	switch (definition->restart) {
	case NVB_RESTART_NO:
		return false;
	case NVB_RESTART_ON_FAILURE:
		return status != 0 &&
		       (!definition->restart_retries || restarts < definition->restart_retries);
	case NVB_RESTART_ALWAYS:
	case NVB_RESTART_UNLESS_STOPPED:
		break;
	}
	return true;
}

uint64_t nvb_restart_delay(uint64_t last, uint64_t ran)
{
	const uint64_t shortest = 100 * UINT64_C(1000000), longest = 60 * UINT64_C(1000000000),
		       healthy = 10 * UINT64_C(1000000000);

	if (!last || ran >= healthy)
		return shortest;
	return last > longest / 2 ? longest : last * 2;
}
