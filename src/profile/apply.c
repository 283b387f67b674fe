/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "profile/profile.h"

/* From a profile to the request that it is a part of. */

static const char *keep(struct nvb_request *request, const char *text, bool *ok)
{
	const char *copy = text ? nvb_arena_strdup(&request->arena, text) : NULL;

	*ok = *ok && (!text || copy);
	return copy;
}

int nvb_profile_apply(const struct nvb_profile *profile, struct nvb_request *request, nvb_error **err)
{
	bool first = request->setting_count == 0 && request->capabilities == NVB_CAP_DEFAULT;

	for (size_t i = 0; i < profile->setting_count; i++) {
		struct nvb_setting s = profile->settings[i];
		bool ok = true;

		s.name = keep(request, s.name, &ok);
		s.value = keep(request, s.value, &ok);
		s.reason = keep(request, s.reason, &ok);
		s.profile = keep(request, profile->name, &ok);
		if (!ok || !NVB_GROW(request->settings, request->setting_count, request->setting_capacity))
			return nvb_fail_oom(err);
		request->settings[request->setting_count++] = s;
	}
	if (profile->capabilities)
		request->capabilities =
			first ? profile->capabilities : request->capabilities | profile->capabilities;
	return 0;
}

int nvb_profiles_apply(
	char *const *names, const char *installed, struct nvb_request *request, nvb_error **err)
{
	_cleanup_strv_ char **directories = NULL;
	int rc = names ? nvb_profile_directories(installed, &directories, err) : 0;

	nvb_strv_foreach (name, names) {
		_cleanup_profile_ struct nvb_profile profile = {0};

		if (rc == 0)
			rc = nvb_profile_read(&profile, directories, *name, err);
		if (rc == 0)
			rc = nvb_profile_apply(&profile, request, err);
	}
	return rc;
}
