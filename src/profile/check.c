/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "profile/fields.h"
#include "profile/profile.h"

/* What in a profile is allowed and still not what its writer wanted. */

static const struct nvb_setting *find(
	const struct nvb_profile *profile, enum nvb_setting_kind kind, const char *name)
{
	for (size_t i = 0; i < profile->setting_count; i++)
		if (profile->settings[i].kind == kind &&
			(!name || nvb_streq0(profile->settings[i].name, name)))
			return &profile->settings[i];
	return NULL;
}

static bool say(char ***warnings, const struct nvb_setting *at, const char *text)
{
	return nvb_strv_addf(warnings, "%s:%u: %s", at->file ? at->file : "?", at->line, text);
}

static bool check_variable(const struct nvb_setting *s, char ***warnings)
{
	const char *why = nvb_variable_invented(s->name), *nearest;
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	if (nvb_variable_find(s->name))
		return true;
	nearest = why ? NULL : nvb_variable_nearest(s->name);
	if (why)
		nvb_sb_addf(&text, "%s: %s", s->name, why);
	else
		nvb_sb_addf(&text, "%s: no program that is known here reads it%s%s%s", s->name,
			nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	return !text.failed && say(warnings, s, text.s);
}

/* A size without its cache, a priority without a policy that has one. */
static bool check_pairs(const struct nvb_profile *profile, char ***warnings)
{
	static const char *const caches[][2] = {{"shaders", "shaders-size"}, {"kernels", "kernels-size"}};
	const struct nvb_setting *priority = find(profile, NVB_SETTING_PRIORITY, NULL);
	const struct nvb_setting *policy = find(profile, NVB_SETTING_SCHEDULER, NULL);
	bool real_time =
		policy && (nvb_streq(policy->value, "fifo") || nvb_streq(policy->value, "round-robin"));
	bool ok = true;

	for (size_t i = 0; ok && i < NVB_ELEMENTS(caches); i++) {
		const struct nvb_setting *cache = find(profile, NVB_SETTING_CACHE, caches[i][0]);
		const struct nvb_setting *size = find(profile, NVB_SETTING_CACHE, caches[i][1]);

		if (size && (!cache || !cache->amount))
			ok = say(warnings, size, "a size without its cache has no effect");
	}
	if (ok && priority && !real_time)
		ok = say(
			warnings, priority, "a priority has no effect without scheduler fifo or round-robin");
	if (ok && real_time && !priority)
		ok = say(warnings, policy, "a real-time policy without a priority gets the lowest, 1");
	return ok;
}

int nvb_profile_check(const struct nvb_profile *profile, char ***warnings, nvb_error **err)
{
	bool ok = check_pairs(profile, warnings);

	for (size_t i = 0; ok && i < profile->setting_count; i++)
		if (profile->settings[i].kind == NVB_SETTING_ENV)
			ok = check_variable(&profile->settings[i], warnings);
	return ok ? 0 : nvb_fail_oom(err);
}
