/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/overrides.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "profile/fields.h"
#include "profile/profile.h"

/* What a Boltfile says beside a profile. */

enum { LONGEST_PROFILE = 64 };

void nvb_override_notes_release(struct nvb_override_notes *notes)
{
	free(notes->list);
	*notes = (struct nvb_override_notes){0};
}

static int note(
	struct nvb_override_notes *notes, const char *key, bool has_effect, const char *text, nvb_error **err)
{
	if (!NVB_GROW(notes->list, notes->count, notes->capacity))
		return nvb_fail_oom(err);
	notes->list[notes->count++] = (struct nvb_override_note){key, has_effect, text};
	return 0;
}

/* The limit that the field's table has: a key that does less than its name says. */
static int note_field(
	struct nvb_override_notes *notes, const char *key, const struct nvb_setting *setting, nvb_error **err)
{
	const struct nvb_profile_field *field = nvb_profile_field_of(setting);

	return field && field->cannot ? note(notes, key, true, field->cannot, err) : 0;
}

/* Names that mean another profile here: "balanced" of a game is what games get without more words. */
struct alias {
	const char *name, *profile;
};

/* "AAA" and "ultra_low_latency" as files are named. */
static const char *profile_name(const char *text, const char *fallback, const struct alias *aliases,
	char buffer[static LONGEST_PROFILE])
{
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return fallback;
	if (n >= LONGEST_PROFILE)
		return text; /* the reader of profiles says what is wrong with it */
	for (size_t i = 0; i <= n; i++)
		buffer[i] = text[i] == '_' ? '-' : (char)tolower((unsigned char)text[i]);
	for (; aliases->name; aliases++)
		if (nvb_streq(aliases->name, buffer))
			return aliases->profile;
	return buffer;
}

static int apply_profile(
	const char *name, const char *installed, struct nvb_request *request, nvb_error **err)
{
	char *const names[] = {(char *)(uintptr_t)name, NULL};

	return nvb_profiles_apply(names, installed, request, err);
}

/* Adds a setting in the place of the profile's; what it is for, the table of fields knows. */
static int add(struct nvb_request *request, struct nvb_setting setting, const char *whose, nvb_error **err)
{
	const struct nvb_profile_field *field = nvb_profile_field_of(&setting);

	if (!setting.reason && field)
		setting.reason = field->effect;
	return nvb_request_add_setting(request, &setting, whose, err);
}

static int add_part(struct nvb_request *request, const char *key, const char *part, int on,
	struct nvb_override_notes *notes, nvb_error **err)
{
	struct nvb_setting setting = {.kind = NVB_SETTING_PART, .name = part, .amount = (uint64_t)on};
	int rc;

	if (on == NVB_UNSAID)
		return 0;
	rc = add(request, setting, key, err);
	return rc < 0 ? rc : note_field(notes, key, &setting, err);
}

/* What a power profile turns; a knob that a host cannot turn is said so when it is tried. */
static const struct {
	const char *name, *power_limit, *gpu_clocks, *governor;
} power_profiles[] = {
	{"maximum", "maximum", "keep", "performance"},
	{"balanced", "keep", "keep", "keep"},
	{"efficiency", "70%", "keep", "keep"},
};

static int add_power(struct nvb_request *request, const char *name, nvb_error **err)
{
	const char *known[NVB_ELEMENTS(power_profiles)];
	const char *nearest;
	int rc;

	for (size_t i = 0; i < NVB_ELEMENTS(power_profiles); i++) {
		const struct nvb_setting knobs[] = {
			{.kind = NVB_SETTING_KNOB,
				.name = "power-limit",
				.value = power_profiles[i].power_limit},
			{.kind = NVB_SETTING_KNOB,
				.name = "gpu-clocks",
				.value = power_profiles[i].gpu_clocks},
			{.kind = NVB_SETTING_KNOB,
				.name = "cpu-governor",
				.value = power_profiles[i].governor},
		};

		known[i] = power_profiles[i].name;
		if (!nvb_streq(known[i], name))
			continue;
		rc = 0;
		for (size_t k = 0; rc == 0 && k < NVB_ELEMENTS(knobs); k++)
			rc = add(request, knobs[k], "power_profile", err);
		return rc;
	}
	rc = nvb_fail(err, NVB_ERR_INVALID, "there is no power profile '%s'", name);
	nearest = nvb_nearest(name, known, NVB_ELEMENTS(known));
	return nearest ? nvb_hint(err, rc, "did you mean '%s'?", nearest)
		       : nvb_hint(err, rc, "there are maximum, balanced and efficiency");
}

int nvb_gaming_overrides_apply(const struct nvb_gaming_overrides *overrides, const char *installed,
	struct nvb_request *request, struct nvb_override_notes *notes, nvb_error **err)
{
	static const struct alias aliases[] = {{"balanced", "gaming"}, {NULL, NULL}};
	char buffer[LONGEST_PROFILE];
	int rc = apply_profile(
		profile_name(overrides->profile, "gaming", aliases, buffer), installed, request, err);

	if (rc == 0)
		rc = add_part(request, "dlss_enabled", "dlss", overrides->dlss_enabled, notes, err);
	if (rc == 0)
		rc = add_part(
			request, "rt_cores_enabled", "ray-tracing", overrides->rt_cores_enabled, notes, err);
	if (rc == 0)
		rc = add_part(
			request, "wine_optimizations", "wine", overrides->wine_optimizations, notes, err);
	if (rc == 0 && overrides->vrs_enabled != NVB_UNSAID)
		rc = note(notes, "vrs_enabled", false,
			"a game decides on variable rate shading itself; the driver has no switch for it",
			err);
	if (rc == 0 && overrides->power_profile)
		rc = add_power(request, overrides->power_profile, err);
	return rc;
}

static int tensor_cores(
	struct nvb_request *request, int on, struct nvb_override_notes *notes, nvb_error **err)
{
	const struct nvb_setting off = {.kind = NVB_SETTING_ENV,
		.name = "NVIDIA_TF32_OVERRIDE",
		.value = "0",
		.reason = "cuBLAS and cuDNN compute 32-bit floats without tensor cores"};
	int rc;

	if (on == NVB_UNSAID)
		return 0;
	if (on)
		return note(notes, "tensor_cores_enabled", true,
			"libraries use tensor cores by themselves where the data type allows it", err);
	rc = add(request, off, "tensor_cores_enabled", err);
	return rc < 0 ? rc
		      : note(notes, "tensor_cores_enabled", true,
				"takes TF32 from 32-bit floats alone: 16 and 8 bit types use tensor cores "
				"all "
				"the same",
				err);
}

/* The allocators that keep memory once they have it: on is what they do, made steadier; off hands it back. */
static int memory_pool(struct nvb_request *request, int on, struct nvb_override_notes *notes, nvb_error **err)
{
	static const struct {
		const char *name, *on, *off;
	} pools[] = {
		{"PYTORCH_ALLOC_CONF", "expandable_segments:True", "backend:cudaMallocAsync"},
		{"PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True", "backend:cudaMallocAsync"},
		{"TF_FORCE_GPU_ALLOW_GROWTH", NULL, "true"},
		{"XLA_PYTHON_CLIENT_PREALLOCATE", NULL, "false"},
	};
	int rc = 0;

	if (on == NVB_UNSAID)
		return 0;
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(pools); i++) {
		struct nvb_setting setting = {.kind = NVB_SETTING_ENV,
			.name = pools[i].name,
			.value = on ? pools[i].on : pools[i].off,
			.reason =
				on ? "the pool grows in place instead of in pieces"
				   : "no pool is filled beforehand; what is freed goes back to the driver's"};

		if (setting.value)
			rc = add(request, setting, "memory_pool_enabled", err);
	}
	return rc < 0 ? rc
		      : note(notes, "memory_pool_enabled", true,
				"what PyTorch, TensorFlow and JAX read; other programs have pools of their "
				"own",
				err);
}

int nvb_aiml_overrides_apply(const struct nvb_aiml_overrides *overrides, const char *installed,
	struct nvb_request *request, bool *wants_mig, struct nvb_override_notes *notes, nvb_error **err)
{
	static const struct alias aliases[] = {{"balanced", "ai"}, {NULL, NULL}};
	char buffer[LONGEST_PROFILE];
	int rc = apply_profile(
		profile_name(overrides->profile, "ai", aliases, buffer), installed, request, err);

	if (rc == 0)
		rc = tensor_cores(request, overrides->tensor_cores_enabled, notes, err);
	if (rc == 0)
		rc = memory_pool(request, overrides->memory_pool_enabled, notes, err);
	if (rc == 0 && overrides->mig_enabled == 1)
		*wants_mig = true;
	return rc;
}
