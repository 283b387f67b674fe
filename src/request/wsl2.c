/* SPDX-License-Identifier: Apache-2.0 */
#include "request/wsl2.h"

#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

/* What keys say that are about WSL2, there and elsewhere. A value of NULL: any. */
static const struct {
	const char *key, *value;
	const char *there, *elsewhere;
} keys[] = {
	{"enabled", "false", "GPUs of this host come through /dev/dxg all the same: it is WSL2", NULL},
	{"enabled", NULL, NULL, "has no effect: this host is not WSL2"},
	{"wsl2_optimized", "false", NULL, NULL},
	{"wsl2_optimized", NULL, NULL, "has no effect: this host is not WSL2"},
	{"gpu_acceleration", "dxcore", NULL, "has no effect: this host is not WSL2"},
	{"gpu_acceleration", NULL, "WSL2 has no other way to a GPU than dxcore",
		"has no effect: this host is not WSL2"},
	{"low_latency_mode", "false", NULL, NULL},
	{"low_latency_mode", NULL, NULL, "has no effect: this host is not WSL2"},
	{"power_profile", NULL, "reaches the CPUs alone: Windows owns the power and the clocks of the GPUs",
		NULL},
	{"dlss_enabled", "true", "has no effect: Windows' driver brings no DLSS to WSL2", NULL},
	{"rt_cores_enabled", "true", "has no effect: Windows' driver brings no ray tracing to WSL2", NULL},
};

const char *nvb_wsl2_key_note(const char *key, const char *value, bool host_is_wsl2)
{
	for (size_t i = 0; i < NVB_ELEMENTS(keys); i++)
		if (nvb_streq(keys[i].key, key) && (!keys[i].value || nvb_streq0(keys[i].value, value)))
			return host_is_wsl2 ? keys[i].there : keys[i].elsewhere;
	return NULL;
}
