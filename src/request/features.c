/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "request/request.h"

/* What can be asked for beside GPUs: features by their bits, IMEX channels by their numbers. */

/* NVIDIA's toolkit names its modes so ('nvidia-ctk cdi generate --mode'); the two of MIG are ours. */
const struct nvb_choice nvb_feature_names[] = {
	{"gds", NVB_FEATURE_GDS},
	{"mofed", NVB_FEATURE_MOFED},
	{"gdrcopy", NVB_FEATURE_GDRCOPY},
	{"nvswitch", NVB_FEATURE_NVSWITCH},
	{"mig-config", NVB_FEATURE_MIG_CONFIG},
	{"mig-monitor", NVB_FEATURE_MIG_MONITOR},
	{"management", NVB_FEATURE_MANAGEMENT},
	{NULL, 0},
};

int nvb_request_add_features(nvb_request *request, unsigned features, bool required, nvb_error **err)
{
	if (features & ~NVB_FEATURE_ALL)
		return nvb_fail(
			err, NVB_ERR_INVALID, "there is no feature 0x%x", features & ~NVB_FEATURE_ALL);
	request->features |= features;
	if (required)
		request->required_features |= features;
	return 0;
}

/* A channel is the minor number of its node, and those have 20 bits. */
enum { CHANNEL_MAX = (1 << 20) - 1 };

static int bad_channel(const char *list, nvb_error **err)
{
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "'%s' names no IMEX channels", list),
		"use numbers up to %d joined by commas, or all", CHANNEL_MAX);
}

static int add_channel(struct nvb_request *request, uint32_t channel, nvb_error **err)
{
	for (size_t i = 0; i < request->channel_count; i++)
		if (request->channels[i] == channel)
			return 0;
	if (!NVB_GROW(request->channels, request->channel_count, request->channel_capacity))
		return nvb_fail_oom(err);
	request->channels[request->channel_count++] = channel;
	return 0;
}

static int add_channels(struct nvb_request *request, const char *list, nvb_error **err)
{
	_cleanup_strv_ char **words = nvb_strv_split(list, ",");
	bool all = false;
	int rc = 0;

	if (!words)
		return nvb_fail_oom(err);
	/* An empty word is a variable that was not set ("0,$MORE"). */
	if (!words[0] || *list == ',' || strstr(list, ",,") || nvb_ends_with(list, ","))
		return bad_channel(list, err);
	nvb_strv_foreach (word, words) {
		const char *digits = nvb_after(*word, "channel");
		uint32_t channel;

		if (nvb_streq(*word, "all")) {
			all = true;
			continue;
		}
		if (!nvb_parse_u32(digits ? digits : *word, &channel) || channel > CHANNEL_MAX)
			return bad_channel(list, err);
		rc = add_channel(request, channel, err);
		if (rc < 0)
			return rc;
	}
	request->all_channels |= all;
	return 0;
}

int nvb_request_add_imex_channels(nvb_request *request, const char *list, nvb_error **err)
{
	const struct nvb_request before = *request;

	return nvb_request_take_back(request, &before, add_channels(request, list, err));
}

int nvb_request_take_rest(struct nvb_request *request, const struct nvb_request *from, nvb_error **err)
{
	request->capabilities = from->capabilities;
	request->session = from->session;
	request->none = from->none;
	request->driver = from->driver;
	request->features = from->features;
	request->required_features = from->required_features;
	request->all_channels = from->all_channels;
	request->isolation = from->isolation;
	request->mig_match = from->mig_match;
	request->memory_limit = from->memory_limit;
	request->compute_limit = from->compute_limit;
	request->mps = from->mps;
	request->decided = from->decided;
	for (size_t i = 0; i < from->limit_count; i++) {
		int rc = nvb_request_add_limit(request, &from->limits[i], err);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < from->setting_count; i++) {
		if (!NVB_GROW(request->settings, request->setting_count, request->setting_capacity))
			return nvb_fail_oom(err);
		request->settings[request->setting_count++] = from->settings[i];
	}
	for (size_t i = 0; i < from->channel_count; i++) {
		int rc = add_channel(request, from->channels[i], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}
