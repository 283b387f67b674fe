/* SPDX-License-Identifier: Apache-2.0 */
#include "bolt/manager.h"

#include "base/log.h"
#include "base/str.h"
#include "profile/overrides.h"
#include "profile/profile.h"

/* From an engine's configurations to a request: profiles, and what is said beside them. */

int nvb_manager_add_profile(nvb_manager *manager, nvb_request *request, const char *profile, nvb_error **err)
{
	char *names[] = {(char *)(uintptr_t)profile, NULL}; /* not written to */

	return nvb_profiles_apply(names, manager->profiles, request, err);
}

static int unsaid(enum nvb_switch setting)
{
	return setting == NVB_AS_PROFILE ? NVB_UNSAID : setting == NVB_ON;
}

/* What a setting cannot do is told, or refused. */
static int report(const nvb_manager *manager, const struct nvb_override_notes *notes, nvb_error **err)
{
	for (size_t i = 0; i < notes->count; i++) {
		const struct nvb_override_note *note = &notes->list[i];

		if (manager->strict && !note->has_effect)
			return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s: %s", note->key, note->text);
		nvb_log_at(manager->log, note->has_effect ? NVB_LOG_INFO : NVB_LOG_WARNING, "%s: %s",
			note->key, note->text);
	}
	return 0;
}

int nvb_manager_add_gaming(nvb_manager *manager, nvb_request *request,
	const struct nvb_bolt_gaming_gpu_config *config, nvb_error **err)
{
	_cleanup_override_notes_ struct nvb_override_notes notes = {0};
	struct nvb_gaming_overrides overrides;
	int rc = nvb_check_size("nvb_bolt_gaming_gpu_config", config->size, sizeof(*config), err);

	if (rc < 0)
		return rc;
	overrides = (struct nvb_gaming_overrides){
		.profile = config->performance_profile,
		.dlss_enabled = unsaid(config->dlss_enabled),
		.rt_cores_enabled = unsaid(config->rt_cores_enabled),
		.vrs_enabled = unsaid(config->vrs_enabled),
		.wine_optimizations = unsaid(config->wine_optimizations),
		.power_profile = config->power_profile,
	};
	rc = nvb_gaming_overrides_apply(&overrides, manager->profiles, request, &notes, err);
	return rc < 0 ? rc : report(manager, &notes, err);
}

int nvb_manager_add_aiml(nvb_manager *manager, nvb_request *request,
	const struct nvb_bolt_aiml_config *config, nvb_error **err)
{
	_cleanup_override_notes_ struct nvb_override_notes notes = {0};
	struct nvb_aiml_overrides overrides;
	bool wants_mig = false;
	int rc = nvb_check_size("nvb_bolt_aiml_config", config->size, sizeof(*config), err);

	if (rc < 0)
		return rc;
	overrides = (struct nvb_aiml_overrides){
		.profile = config->profile,
		.mig_enabled = unsaid(config->mig_enabled),
		.tensor_cores_enabled = unsaid(config->tensor_cores_enabled),
		.memory_pool_enabled = unsaid(config->memory_pool_enabled),
	};
	rc = nvb_aiml_overrides_apply(&overrides, manager->profiles, request, &wants_mig, &notes, err);
	if (rc == 0)
		rc = report(manager, &notes, err);
	if (rc == 0 && wants_mig && request->isolation != NVB_ISOLATION_VIRTUAL)
		rc = nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID,
				"mig_enabled: the capsule's isolation is not \"virtual\""),
			"set the isolation to \"virtual\" first: it gives a MIG device, made on demand");
	return rc;
}

static const char *const profile_names[] = {
	[NVB_GAMING_UNSAID] = NULL,
	[NVB_GAMING_ULTRA_LOW_LATENCY] = "ultra-low-latency",
	[NVB_GAMING_PERFORMANCE] = "performance",
	[NVB_GAMING_BALANCED] = "balanced",
	[NVB_GAMING_EFFICIENCY] = "efficiency",
};

int nvb_bolt_gaming_gpu_config(
	const struct nvb_bolt_gaming_config *config, struct nvb_bolt_gaming_gpu_config *gpu, nvb_error **err)
{
	int rc = nvb_check_size("nvb_bolt_gaming_config", config->size, sizeof(*config), err);

	if (rc == 0)
		rc = nvb_check_size("nvb_bolt_gaming_gpu_config", gpu->size, sizeof(*gpu), err);
	if (rc == 0 && (size_t)config->profile >= NVB_ELEMENTS(profile_names))
		rc = nvb_fail(err, NVB_ERR_INVALID, "nvb_bolt_gaming_config.profile: %d is none",
			(int)config->profile);
	if (rc < 0)
		return rc;
	*gpu = (struct nvb_bolt_gaming_gpu_config){.size = sizeof(*gpu),
		.dlss_enabled = config->dlss_enabled,
		.rt_cores_enabled = config->rt_cores_enabled,
		.wine_optimizations = config->wine_optimizations,
		.vrs_enabled = config->vrs_enabled,
		.performance_profile = profile_names[config->profile]};
	return 0;
}

int nvb_manager_plan(nvb_manager *manager, const nvb_request *request, enum nvb_layout layout,
	const char *tree, nvb_plan **plan, nvb_error **err)
{
	const struct nvb_plan_options options = {
		.size = sizeof(options),
		.layout = layout,
		.tree = tree,
		.cdi_directories = manager->cdi_directories,
		.log = manager->log,
	};
	struct nvb_inventory *inventory;
	int rc = nvb_manager_host(manager, &inventory, err);

	return rc < 0 ? rc : nvb_plan_make(request, inventory, &options, plan, err);
}
