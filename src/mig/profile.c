/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "mig/mig.h"

/* Names of MIG devices: "<C>c.<G>g.<N>gb<attributes>", the first part only where a device has fewer compute
 * slices than its GPU instance. */

const struct nvb_mig_profile *nvb_mig_profile_by_id(const struct nvb_mig_gpu *gpu, uint32_t id)
{
	for (uint32_t i = 0; i < gpu->profile_count; i++)
		if (gpu->profiles[i].id == id)
			return &gpu->profiles[i];
	return NULL;
}

void nvb_mig_device_name(const struct nvb_mig_profile *profile, uint32_t slices, char name[NVB_MIG_NAME])
{
	if (slices == profile->slices)
		snprintf(name, NVB_MIG_NAME, "%s", profile->name);
	else
		snprintf(name, NVB_MIG_NAME, "%uc.%.40s", slices, profile->name);
}

/* Digits that `letter` follows: the place behind them, or NULL. */
static const char *number(const char *s, const char *letter, uint32_t *out)
{
	size_t digits = strspn(s, "0123456789");
	char text[8];

	if (!digits || digits >= sizeof(text))
		return NULL;
	memcpy(text, s, digits);
	text[digits] = '\0';
	return nvb_parse_u32(text, out) ? nvb_after(s + digits, letter) : NULL;
}

/* Whether it has the shape of a name at all; *slices is 0 without a "<C>c." part, *rest the part behind it.
 */
static bool take_apart(const char *name, uint32_t *slices, const char **rest)
{
	const char *behind = number(name, "c.", slices);
	uint32_t g, gb;
	const char *at;

	*rest = behind ? behind : name;
	if (behind && !*slices)
		return false;
	if (!behind)
		*slices = 0;
	at = number(*rest, "g.", &g);
	at = at ? number(at, "gb", &gb) : NULL;
	return at && (!*at || ((*at == '+' || *at == '-') && at[1]));
}

static int not_offered(const struct nvb_mig_gpu *gpu, const char *name, nvb_error **err)
{
	const char *names[NVB_MIG_PROFILES], *nearest;
	_cleanup_strbuf_ struct nvb_strbuf list = {0};
	int rc;

	for (uint32_t i = 0; i < gpu->profile_count; i++) {
		names[i] = gpu->profiles[i].name;
		nvb_sb_addf(&list, "%s%s", i ? ", " : "", names[i]);
	}
	if (list.failed)
		return nvb_fail_oom(err);
	rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "GPU %u (%s) has no MIG profile '%s'; it has %s", gpu->index,
		gpu->name, name, list.s ? list.s : "none");
	nearest = nvb_nearest(name, names, gpu->profile_count);
	return nearest ? nvb_hint(err, rc, "did you mean %s?", nearest) : rc;
}

int nvb_mig_parse_profile(const struct nvb_mig_gpu *gpu, const char *name,
	const struct nvb_mig_profile **profile, uint32_t *compute_slices, nvb_error **err)
{
	const char *rest;
	uint32_t slices;

	if (!take_apart(name, &slices, &rest))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "'%s' is no name of a MIG profile", name),
			"it looks like 1g.10gb, 1g.10gb+me or, for a part of an instance, 1c.3g.40gb");
	if (!gpu->capable)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED, "GPU %u (%s) cannot be divided by MIG", gpu->index,
				gpu->name),
			"cards that can: A30, A100, H100, H200, B200 and their relatives");
	for (uint32_t i = 0; i < gpu->profile_count; i++) {
		const struct nvb_mig_profile *p = &gpu->profiles[i];

		if (!nvb_streq(p->name, rest))
			continue;
		if (slices > p->slices)
			return nvb_fail(err, NVB_ERR_INVALID, "'%s': %s has %u compute slices", name, p->name,
				p->slices);
		*profile = p;
		*compute_slices = slices ? slices : p->slices;
		return 0;
	}
	return not_offered(gpu, name, err);
}
