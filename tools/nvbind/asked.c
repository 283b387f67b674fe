/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cli/sibling.h"
#include "config.h"
#include "nvbind.h"
#include "plan/plan.h"
#include "profile/profile.h"

/* What is asked for, on the command lines of the verbs that make a plan. */

static char **gpus, **docker_gpus, **cdi_devices, **profiles, **channels;
static const char *capabilities;
static unsigned features;

static int add_features(const struct nvb_option *option, const char *value, nvb_error **err)
{
	_cleanup_strv_ char **words = nvb_strv_split(value, ",");
	int bit, rc;

	(void)option;
	if (!words)
		return nvb_fail_oom(err);
	if (!words[0])
		return nvb_fail(err, NVB_ERR_INVALID, "option '--feature' is empty");
	nvb_strv_foreach (word, words) {
		rc = nvb_choice_parse(nvb_feature_names, *word, "option '--feature'", &bit, err);
		if (rc < 0)
			return rc;
		features |= (unsigned)bit;
	}
	return 0;
}

const struct nvb_option request_options[] = {
	{"gpu", 0, NVB_OPTION_LIST("GPU", &gpus),
		"index, UUID, MIG device (0:1), PCI address, all or none (repeatable; without it: all)"},
	{"gpus", 0, NVB_OPTION_LIST("GPUS", &docker_gpus),
		"as docker's --gpus: all, a count, or \"device=0,1\""},
	{"device", 0, NVB_OPTION_LIST("NAME", &cdi_devices),
		"a CDI device, such as nvidia.com/gpu=0 (repeatable)"},
	{"capabilities", 0, NVB_OPTION_STRING("LIST", &capabilities),
		"compute, utility, graphics, video, display, ngx, compat32 or all (compute,utility)"},
	{"feature", 0, NVB_OPTION_CALLBACK("NAME", add_features, NULL),
		"besides: gds, mofed, gdrcopy, nvswitch, mig-config, mig-monitor, management (repeatable)"},
	{"imex-channel", 0, NVB_OPTION_LIST("NUMBER", &channels), "an IMEX channel, or all (repeatable)"},
	{NULL},
};

const struct nvb_option profile_options[] = {
	{"profile", 0, NVB_OPTION_LIST("NAME", &profiles),
		"what the work wants besides: balanced, gaming, ultra, development, ai, or one of your own "
		"(repeatable)"},
	{NULL},
};

static const char *isolation, *memory_limit, *compute_limit, *mig_match;

const struct nvb_option isolation_options[] = {
	{"isolation", 0, NVB_OPTION_STRING("MODE", &isolation),
		"shared: others may use its GPUs too; exclusive: nobody else gets them from nvbind; virtual: "
		"a part "
		"of a GPU, by MIG or MPS (shared)"},
	{"gpu-memory-limit", 0, NVB_OPTION_STRING("SIZE", &memory_limit),
		"at most that much of each GPU's memory: 8GB, 8GiB"},
	{"gpu-compute-limit", 0, NVB_OPTION_STRING("SHARE", &compute_limit),
		"at most that share of each GPU's multiprocessors: 80%"},
	{"mig-match", 0, NVB_OPTION_STRING("HOW", &mig_match),
		"up: the smallest MIG device of at least that size; strict: of that size; down: else a "
		"smaller one (up)"},
	{NULL},
};

static int apply_isolation(struct nvb_request *request, nvb_error **err)
{
	int rc = isolation ? nvb_request_set_isolation(request, isolation, err) : 0;

	if (rc == 0 && memory_limit)
		rc = nvb_request_set_memory_limit(request, memory_limit, err);
	if (rc == 0 && compute_limit)
		rc = nvb_request_set_compute_limit(request, compute_limit, err);
	return rc == 0 && mig_match ? nvb_request_set_mig_match(request, mig_match, err) : rc;
}

static int add_profiles(struct nvb_request *request, nvb_error **err)
{
	_cleanup_free_ char *installed = profiles ? nvb_sibling_data("profiles.d", NVB_DATADIR) : NULL;

	if (!profiles)
		return 0;
	return installed ? nvb_profiles_apply(profiles, installed, request, err) : nvb_fail_oom(err);
}

int make_request(struct nvb_request **out, nvb_error **err)
{
	_cleanup_(nvb_request_freep) struct nvb_request *request = NULL;
	int rc = nvb_request_new(&request, err);

	if (rc == 0)
		rc = add_profiles(request, err);
	if (rc == 0 && capabilities)
		rc = nvb_request_set_capabilities(request, capabilities, err);
	nvb_strv_foreach (gpu, gpus)
		if (rc == 0)
			rc = nvb_request_add_gpus(request, *gpu, err);
	nvb_strv_foreach (value, docker_gpus)
		if (rc == 0)
			rc = nvb_request_add_docker_gpus(request, *value, err);
	nvb_strv_foreach (name, cdi_devices)
		if (rc == 0)
			rc = nvb_request_add_cdi_device(request, *name, err);
	nvb_strv_foreach (channel, channels)
		if (rc == 0)
			rc = nvb_request_add_imex_channels(request, *channel, err);
	/* A flag that could have no effect is refused. */
	if (rc == 0)
		rc = nvb_request_add_features(request, features, true, err);
	if (rc == 0)
		rc = apply_isolation(request, err);
	if (rc == 0 && !gpus && !docker_gpus && !cdi_devices)
		rc = nvb_request_add_gpus(request, "all", err);
	if (rc == 0)
		*out = NVB_TAKE_PTR(request);
	return rc;
}

int request_profile_first(const char *name, nvb_error **err)
{
	_cleanup_strv_ char **list = NULL;
	bool ok = nvb_strv_add(&list, name);

	nvb_strv_foreach (profile, profiles)
		ok = ok && nvb_strv_add(&list, *profile);
	if (!ok)
		return nvb_fail_oom(err);
	nvb_strv_free(profiles);
	profiles = NVB_TAKE_PTR(list);
	return 0;
}

bool request_arguments(char ***words)
{
	const struct {
		const char *option;
		char *const *list;
	} lists[] = {{"--gpu", gpus}, {"--gpus", docker_gpus}, {"--cdi-device", cdi_devices},
		{"--profile", profiles}};
	const struct {
		const char *option, *value;
	} options[] = {{"--isolation", isolation}, {"--gpu-memory-limit", memory_limit},
		{"--gpu-compute-limit", compute_limit}, {"--mig-match", mig_match},
		{"--capabilities", capabilities}};
	bool ok = true;

	for (size_t i = 0; i < NVB_ELEMENTS(lists); i++)
		nvb_strv_foreach (value, lists[i].list)
			ok = ok && nvb_strv_add(words, lists[i].option) && nvb_strv_add(words, *value);
	if (!gpus && !docker_gpus && !cdi_devices)
		ok = ok && nvb_strv_add(words, "--gpu") && nvb_strv_add(words, "all");
	for (size_t i = 0; i < NVB_ELEMENTS(options); i++)
		if (options[i].value)
			ok = ok && nvb_strv_add(words, options[i].option) &&
			     nvb_strv_add(words, options[i].value);
	return ok;
}
