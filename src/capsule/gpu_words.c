/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/gpu_words.h"

#include <stdlib.h>
#include <string.h>

#include "base/choice.h"
#include "base/log.h"
#include "base/str.h"
#include "bolt/mode.h"
#include "mig/mig.h"
#include "profile/profile.h"

enum kind { TEXT, SWITCH, CHOICE, NICE };

static const struct nvb_choice switches[] = {{"true", NVB_ON}, {"false", NVB_OFF}, {NULL, 0}};
static const struct nvb_choice drivers[] = {{"auto", NVB_DRIVER_NONE},
	{"nvidia-proprietary", NVB_DRIVER_PROPRIETARY}, {"proprietary", NVB_DRIVER_PROPRIETARY},
	{"nvidia-open", NVB_DRIVER_OPEN}, {"nouveau", NVB_DRIVER_NOUVEAU}, {NULL, 0}};

#define AT(field) offsetof(struct nvb_gpu_words, field)

static const struct word {
	const char *name;
	enum kind kind;
	size_t offset;
	const struct nvb_choice *choices;
} known[] = {
	{"driver", CHOICE, AT(driver), drivers},
	{"driver-cache", SWITCH, AT(driver_cache), NULL},
	{"gaming.profile", TEXT, AT(gaming.performance_profile), NULL},
	{"gaming.dlss_enabled", SWITCH, AT(gaming.dlss_enabled), NULL},
	{"gaming.rt_cores_enabled", SWITCH, AT(gaming.rt_cores_enabled), NULL},
	{"gaming.wine_optimizations", SWITCH, AT(gaming.wine_optimizations), NULL},
	{"gaming.power_profile", TEXT, AT(gaming.power_profile), NULL},
	{"aiml.profile", TEXT, AT(aiml.profile), NULL},
	{"aiml.mig_enabled", SWITCH, AT(aiml.mig_enabled), NULL},
	{"aiml.tensor_cores_enabled", SWITCH, AT(aiml.tensor_cores_enabled), NULL},
	{"aiml.memory_pool_enabled", SWITCH, AT(aiml.memory_pool_enabled), NULL},
	{"performance_mode", CHOICE, AT(performance_mode), nvb_mode_names},
	{"display", SWITCH, AT(display), NULL},
	{"audio", SWITCH, AT(audio), NULL},
	{"nice", NICE, AT(nice), NULL},
};

static bool is_nice(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	return *text && !*end && strlen(text) <= 3 && value >= -20 && value <= 19;
}

static int read_value(const struct word *word, const char *value, struct nvb_gpu_words *out, nvb_error **err)
{
	void *field = (char *)out + word->offset;
	int choice, rc;

	if (word->kind == SWITCH) {
		rc = nvb_choice_parse(switches, value, word->name, &choice, err);
		if (rc == 0)
			*(enum nvb_switch *)field = (enum nvb_switch)choice;
		return rc;
	}
	if (word->kind == NICE && !is_nice(value))
		return nvb_fail(err, NVB_ERR_INVALID, "nice '%s': not between -20 and 19", value);
	if (word->kind == CHOICE) {
		rc = nvb_choice_parse(word->choices, value, word->name, &choice, err);
		if (rc < 0)
			return rc;
	}
	*(const char **)field = value;
	return 0;
}

static int read_word(const char *text, struct nvb_gpu_words *out, nvb_error **err)
{
	size_t n = strcspn(text, "=");

	for (size_t i = 0; text[n] && i < NVB_ELEMENTS(known); i++) {
		const char *name = known[i].name;

		if (strncmp(name, text, n) != 0 || name[n])
			continue;
		out->is_game = out->is_game || nvb_after(name, "gaming.");
		out->is_aiml = out->is_aiml || nvb_after(name, "aiml.");
		return read_value(&known[i], text + n + 1, out, err);
	}
	return nvb_fail(err, NVB_ERR_INVALID, "GPU setting '%s': there is none of that name", text);
}

int nvb_gpu_words_read(char *const *words, struct nvb_gpu_words *out, nvb_error **err)
{
	struct nvb_gpu_words found = {
		.gaming.size = sizeof(found.gaming),
		.aiml.size = sizeof(found.aiml),
	};

	nvb_strv_foreach (word, words) {
		int rc = read_word(*word, &found, err);

		if (rc < 0)
			return rc;
	}
	*out = found;
	return 0;
}

static int add(struct nvb_request *request, struct nvb_setting setting, const char *whose, nvb_error **err)
{
	return nvb_request_add_setting(request, &setting, whose, err);
}

static int apply_session(struct nvb_request *request, const char *name, enum nvb_switch said, nvb_error **err)
{
	if (said == NVB_AS_PROFILE)
		return 0;
	return add(request,
		(struct nvb_setting){.kind = NVB_SETTING_SESSION,
			.name = name,
			.amount = said == NVB_ON,
			.reason = "said beside the profile"},
		name, err);
}

int nvb_gpu_words_apply(const struct nvb_gpu_words *words, struct nvb_request *request, nvb_error **err)
{
	bool session = words->display == NVB_ON || words->audio == NVB_ON;
	int rc = session && !request->session.known ? nvb_session_read(request, err) : 0;

	if (rc == 0 && words->performance_mode)
		rc = nvb_mode_apply(words->performance_mode, request, err);
	if (rc == 0)
		rc = apply_session(request, "display", words->display, err);
	if (rc == 0)
		rc = apply_session(request, "audio", words->audio, err);
	if (rc == 0 && words->nice)
		rc = add(request,
			(struct nvb_setting){.kind = NVB_SETTING_NICE,
				.name = "nice",
				.amount = (uint64_t)strtol(words->nice, NULL, 10),
				.reason = "how the kernel's scheduler weighs its programs"},
			"nice_level", err);
	return rc;
}

static int check_driver(const char *wanted, const struct nvb_inventory *inventory, nvb_error **err)
{
	static const char *const kinds[] = {[NVB_DRIVER_NONE] = "no NVIDIA driver",
		[NVB_DRIVER_PROPRIETARY] = "nvidia-proprietary",
		[NVB_DRIVER_OPEN] = "nvidia-open",
		[NVB_DRIVER_NOUVEAU] = "nouveau",
		[NVB_DRIVER_DXG] = "WSL2's paravirtual driver"};
	int kind, rc = nvb_choice_parse(drivers, wanted, "driver", &kind, err);

	if (rc < 0 || nvb_streq(wanted, "auto") || inventory->driver.kind == (enum nvb_driver_kind)kind)
		return rc;
	/* Windows has no other one of NVIDIA's. */
	if (kind == NVB_DRIVER_PROPRIETARY && inventory->driver.kind == NVB_DRIVER_DXG)
		return 0;
	rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "driver '%s': this host has %s", wanted,
		kinds[inventory->driver.kind]);
	return nvb_hint(err, rc, "driver = \"auto\" takes what there is");
}

static bool is_capable(const struct nvb_mig *mig, uint32_t gpu)
{
	for (size_t i = 0; i < mig->gpu_count; i++)
		if (mig->gpus[i].index == gpu)
			return mig->gpus[i].capable;
	return false;
}

/* Something else than a MIG device was granted. A card that has no MIG will never give one; one that is not
 * divided now gives what it can: its number goes into `off`. */
static int judge_whole(
	const struct nvb_gpu *gpu, const struct nvb_mig *mig, struct nvb_strbuf *off, nvb_error **err)
{
	int rc;

	if (is_capable(mig, gpu->index)) {
		nvb_sb_addf(off, "%s%u", off->len ? ", " : "", gpu->index);
		return 0;
	}
	rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "mig_enabled: GPU %u (%s) has no MIG", gpu->index,
		gpu->name ? gpu->name : "unknown model");
	return nvb_hint(err, rc,
		"leave mig_enabled out to have the limits kept by MPS, or name a card that 'nvbind mig list' "
		"shows");
}

static int check_mig(const struct nvb_inventory *inventory, const struct nvb_request *granted,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_free_ struct nvb_device *devices = NULL;
	_cleanup_strbuf_ struct nvb_strbuf off = {0};
	_cleanup_mig_ struct nvb_mig *mig = NULL;
	size_t count = 0;
	int rc = nvb_request_resolve(granted, inventory, &devices, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (devices[i].mig || !devices[i].gpu)
			continue;
		if (!mig)
			rc = nvb_wrap(err, nvb_mig_open(inventory, false, log, &mig, err), "mig_enabled");
		if (rc == 0)
			rc = judge_whole(devices[i].gpu, mig, &off, err);
	}
	if (rc == 0 && off.s)
		nvb_warning(log,
			"mig_enabled: MIG is switched off on GPU %s, so its limits are kept by other means "
			"('nvbind mig' switches it on; with [isolation] mig-mode in the configuration a "
			"capsule may)",
			off.s);
	return rc;
}

int nvb_gpu_words_check(const struct nvb_gpu_words *words, const struct nvb_inventory *inventory,
	const struct nvb_request *granted, const struct nvb_log *log, nvb_error **err)
{
	int rc = words->driver ? check_driver(words->driver, inventory, err) : 0;

	if (rc == 0 && words->aiml.mig_enabled == NVB_ON)
		rc = check_mig(inventory, granted, log, err);
	return rc;
}
