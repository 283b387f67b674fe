/* SPDX-License-Identifier: Apache-2.0 */
#include "bolt/mode.h"

#include "base/str.h"
#include "profile/profile.h"

/* Knobs of every GPU that was asked for, and of the host; "keep" leaves one alone (src/knob/value.h). */
static const struct {
	const char *power_limit, *gpu_clocks, *persistence, *governor;
} modes[] = {
	{"keep", "keep", "keep", "keep"},
	{"maximum", "keep", "on", "keep"},
	{"maximum", "maximum", "on", "performance"},
	{"70%", "keep", "keep", "keep"},
};

const struct nvb_choice nvb_mode_names[] = {
	{"balanced", 0}, {"high", 1}, {"ultra", 2}, {"efficient", 3}, {NULL, 0}};

int nvb_mode_apply(const char *mode, struct nvb_request *request, nvb_error **err)
{
	int i, rc = nvb_choice_parse(nvb_mode_names, mode, "performance_mode", &i, err);

	if (rc < 0)
		return rc;
	const struct {
		const char *name, *value, *reason;
	} knobs[] = {
		{"power-limit", modes[i].power_limit, "how many watts the card may draw"},
		{"gpu-clocks", modes[i].gpu_clocks, "the GPU does not have to wake up"},
		{"persistence", modes[i].persistence, "the driver stays loaded between programs"},
		{"cpu-governor", modes[i].governor, "the CPUs do not have to wake up"},
	};

	for (size_t k = 0; rc == 0 && k < NVB_ELEMENTS(knobs); k++) {
		const struct nvb_setting setting = {.kind = NVB_SETTING_KNOB,
			.name = knobs[k].name,
			.value = knobs[k].value,
			.reason = knobs[k].reason};

		if (!nvb_streq(setting.value, "keep"))
			rc = nvb_request_add_setting(request, &setting, "performance_mode", err);
	}
	return rc;
}
