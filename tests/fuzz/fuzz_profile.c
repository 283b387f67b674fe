/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "profile/profile.h"

/* What a profile says is whole: names without "=", values, amounts; laid over itself it stays the same; and a
 * request takes it. */
static void check(const struct nvb_profile *profile)
{
	for (size_t i = 0; i < profile->setting_count; i++) {
		const struct nvb_setting *s = &profile->settings[i];

		FUZZ_CHECK(s->kind == NVB_SETTING_SHM || (s->name && *s->name && !strchr(s->name, '=')));
		FUZZ_CHECK(s->kind != NVB_SETTING_ENV || s->value);
		FUZZ_CHECK(s->kind != NVB_SETTING_SHM || s->amount > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_profile_ struct nvb_profile profile = {0};
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_strv_ char **warnings = NULL;
	const char *extends = NULL;
	nvb_request *request = NULL;
	size_t count;

	if (nvb_profile_parse(&profile, (const char *)data, size, "input", &extends, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		return 0;
	}
	check(&profile);
	count = profile.setting_count;
	FUZZ_CHECK(nvb_profile_parse(&profile, (const char *)data, size, "input", &extends, NULL) == 0);
	FUZZ_CHECK(profile.setting_count == count);
	profile.name = "fuzz";
	if (nvb_request_new(&request, NULL) == 0) {
		FUZZ_CHECK(nvb_profile_apply(&profile, request, NULL) == 0);
		FUZZ_CHECK(request->setting_count == count && request->capabilities);
		nvb_strv_free(warnings);
		warnings = NULL;
		FUZZ_CHECK(nvb_profile_check(&profile, &warnings, NULL) == 0);
		nvb_request_free(request);
	}
	return 0;
}
