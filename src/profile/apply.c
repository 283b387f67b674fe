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

/* What a switch of [driver] brings when it is on, and takes away when it is off. */
static const struct {
	const char *part;
	unsigned needs, without;
} parts[] = {
	{"dlss", NVB_CAP_NGX, NVB_WITHOUT_DLSS},
	{"ray-tracing", NVB_CAP_GRAPHICS, NVB_WITHOUT_RAY_TRACING},
	{"vulkan", NVB_CAP_GRAPHICS, NVB_WITHOUT_VULKAN},
	{"egl", NVB_CAP_GRAPHICS, NVB_WITHOUT_EGL},
	{"libraries-32bit", NVB_CAP_COMPAT32, NVB_WITHOUT_COMPAT32},
};

static void switch_part(struct nvb_request *request, const struct nvb_setting *setting)
{
	for (size_t i = 0; setting->kind == NVB_SETTING_PART && i < NVB_ELEMENTS(parts); i++) {
		if (!nvb_streq(parts[i].part, setting->name))
			continue;
		if (setting->amount)
			request->capabilities = (request->capabilities | parts[i].needs) & ~parts[i].without;
		else
			request->capabilities |= parts[i].without;
	}
}

int nvb_request_add_setting(
	struct nvb_request *request, const struct nvb_setting *setting, const char *profile, nvb_error **err)
{
	struct nvb_setting s = *setting;
	bool ok = true;

	s.name = keep(request, s.name, &ok);
	s.value = keep(request, s.value, &ok);
	s.reason = keep(request, s.reason, &ok);
	s.profile = keep(request, profile, &ok);
	s.file = NULL;
	if (!ok || !NVB_GROW(request->settings, request->setting_count, request->setting_capacity))
		return nvb_fail_oom(err);
	request->settings[request->setting_count++] = s;
	switch_part(request, &s);
	return 0;
}

int nvb_profile_apply(const struct nvb_profile *profile, struct nvb_request *request, nvb_error **err)
{
	bool first = request->setting_count == 0 && request->capabilities == NVB_CAP_DEFAULT;
	int rc = 0;

	if (profile->capabilities)
		request->capabilities =
			first ? profile->capabilities : request->capabilities | profile->capabilities;
	for (size_t i = 0; rc == 0 && i < profile->setting_count; i++)
		rc = nvb_request_add_setting(request, &profile->settings[i], profile->name, err);
	return rc;
}

int nvb_profiles_apply(
	char *const *names, const char *installed, struct nvb_request *request, nvb_error **err)
{
	_cleanup_strv_ char **directories = NULL;
	int rc = names ? nvb_profile_directories(installed, &directories, err) : 0;

	if (rc == 0 && names && !request->session.known)
		rc = nvb_session_read(request, err);
	nvb_strv_foreach (name, names) {
		_cleanup_profile_ struct nvb_profile profile = {0};

		if (rc == 0)
			rc = nvb_profile_read(&profile, directories, *name, err);
		if (rc == 0)
			rc = nvb_profile_apply(&profile, request, err);
	}
	return rc;
}
