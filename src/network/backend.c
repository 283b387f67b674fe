/* SPDX-License-Identifier: Apache-2.0 */
#include "network/backend.h"

#include "base/mem.h"

/* The plugins take a third of netavark's time, and no rules but ours. */
static const struct nvb_backend *const backends[] = {&nvb_backend_cni, &nvb_backend_netavark};

int nvb_backend_choose(const struct nvb_backend **out, char **program, nvb_error **err)
{
	for (size_t i = 0; i < NVB_ELEMENTS(backends); i++) {
		char *found = backends[i]->find();

		if (!found)
			continue;
		*out = backends[i];
		*program = found;
		return 0;
	}
	return nvb_hint(err, nvb_fail(err, NVB_ERR_UNSUPPORTED, "the host has nothing that makes bridges"),
		"install containernetworking-plugins or netavark, or use --network host or none");
}
