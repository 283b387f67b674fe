/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PROFILE_OVERRIDES_H
#define NVB_PROFILE_OVERRIDES_H

#include "base/error.h"
#include "request/request.h"

/*
 * A profile and what somebody says beside it: the tables [services.X.gpu.gaming] and [services.X.gpu.aiml] of
 * a Boltfile, and the C API's gaming and AI/ML configurations. Each becomes settings of a request, laid over
 * those of the profile, and each that has no effect, or not the one its name promises, a note that says so.
 */
enum { NVB_UNSAID = -1 };

struct nvb_gaming_overrides {
	/* "ultra-low-latency" or "competitive", "performance" or "aaa", "balanced", "efficiency", or any
	 * other profile; case and "_" for "-" do not matter; NULL: not said, which is "gaming" */
	const char *profile;
	int dlss_enabled, rt_cores_enabled, vrs_enabled, wine_optimizations; /* 0, 1 or NVB_UNSAID */
	const char *power_profile; /* "maximum", "balanced", "efficiency"; NULL: as the profile says */
};
#define NVB_GAMING_OVERRIDES_INIT                                          \
	{                                                                  \
		NULL, NVB_UNSAID, NVB_UNSAID, NVB_UNSAID, NVB_UNSAID, NULL \
	}

struct nvb_aiml_overrides {
	const char *profile; /* "training", "inference", or any other; NULL: not said, which is "ai" */
	int mig_enabled, tensor_cores_enabled, memory_pool_enabled;
};
#define NVB_AIML_OVERRIDES_INIT                          \
	{                                                \
		NULL, NVB_UNSAID, NVB_UNSAID, NVB_UNSAID \
	}

/* What became of one key. */
struct nvb_override_note {
	const char *key; /* "vrs_enabled" */
	/* false: the key has no effect here: a Boltfile warns, --strict refuses; true: it has one, and this
	 * is its limit */
	bool has_effect;
	const char *text; /* one line that says why */
};

struct nvb_override_notes {
	struct nvb_override_note *list; /* malloc'd; its strings are constants */
	size_t count, capacity;
};
void nvb_override_notes_release(struct nvb_override_notes *notes);
#define _cleanup_override_notes_ _cleanup_(nvb_override_notes_release)

/*
 * Reads the profile (see nvb_profiles_apply for `installed`), applies it and then the rest. Notes are
 * appended. NVB_ERR_NOT_FOUND: no such profile; NVB_ERR_INVALID: a power_profile that there is not, with the
 * names of those there are. The request is unfit for use after a failure.
 */
int nvb_gaming_overrides_apply(const struct nvb_gaming_overrides *overrides, const char *installed,
	struct nvb_request *request, struct nvb_override_notes *notes, nvb_error **err);

/*
 * The same. mig_enabled is about which devices are given, not how: *wants_mig becomes true when it is, for
 * the caller to ask for a MIG device (isolation "virtual" is what makes one), and stays as it is else.
 */
int nvb_aiml_overrides_apply(const struct nvb_aiml_overrides *overrides, const char *installed,
	struct nvb_request *request, bool *wants_mig, struct nvb_override_notes *notes, nvb_error **err);

#endif
