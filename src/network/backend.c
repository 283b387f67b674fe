/* SPDX-License-Identifier: Apache-2.0 */
#include "network/backend.h"

#include "base/str.h"

/* The plugins take a third of netavark's time, and no rules but ours. */
static const struct nvb_backend *const backends[] = {&nvb_backend_cni, &nvb_backend_netavark};

int nvb_backend_choose(const char *name, const struct nvb_backend **out, char **program, nvb_error **err)
{
	for (size_t i = 0; i < NVB_ELEMENTS(backends); i++) {
		char *found;

		if (name && !nvb_streq(name, backends[i]->name))
			continue;
		found = backends[i]->find();
		if (found) {
			*out = backends[i];
			*program = found;
			return 0;
		}
		if (name)
			return nvb_fail(
				err, NVB_ERR_NOT_FOUND, "the network backend '%s' is not installed", name);
	}
	if (name)
		return nvb_fail(err, NVB_ERR_INVALID, "network backend '%s': cni or netavark", name);
	return nvb_hint(err, nvb_fail(err, NVB_ERR_UNSUPPORTED, "the host has nothing that makes bridges"),
		"install containernetworking-plugins or netavark, or use --network host or none");
}
