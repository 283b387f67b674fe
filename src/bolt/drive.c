/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/str.h"
#include "bolt/manager.h"

/*
 * Driving an engine: which of its functions a capsule's configuration has work for, and in which order. What
 * each means on a host is the engine's and the planner's business.
 */

struct drive {
	const struct nvb_manager *manager;
	const struct nvb_bolt_runtime_ops *ops;
	void *runtime;
	const char *capsule;
	const struct nvb_bolt_capsule_config *config;
};

static bool is_list(const char *const *list)
{
	return list && *list;
}

static bool asks_for_gpus(const struct nvb_bolt_capsule_config *config)
{
	return is_list(config->gpus) || is_list(config->docker_gpus) || is_list(config->cdi_devices);
}

static bool has_limits(const struct nvb_bolt_isolation *isolation)
{
	return isolation && (isolation->memory_limit || isolation->compute_limit);
}

/* Everything that is about GPUs needs one. */
static int check_meaning(const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	const char *what = is_list(config->profiles)	   ? "a profile"
			   : config->gaming		   ? "gaming"
			   : config->aiml		   ? "AI/ML"
			   : has_limits(config->isolation) ? "a limit on GPUs"
			   : config->snapshot_gpu_state	   ? "a snapshot of GPUs"
							   : NULL;

	if (!what || asks_for_gpus(config))
		return 0;
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "%s, but no GPU was asked for", what),
		"add a GPU, such as \"all\"");
}

static int check(const struct drive *drive, nvb_error **err)
{
	const struct nvb_bolt_capsule_config *config = drive->config;
	int rc = nvb_check_size("nvb_bolt_runtime_ops", drive->ops->size, sizeof(*drive->ops), err);

	if (rc == 0)
		rc = nvb_check_size("nvb_bolt_capsule_config", config->size, sizeof(*config), err);
	if (rc == 0 && config->isolation)
		rc = nvb_check_size(
			"nvb_bolt_isolation", config->isolation->size, sizeof(*config->isolation), err);
	if (rc == 0 && config->gaming)
		rc = nvb_check_size(
			"nvb_bolt_gaming_gpu_config", config->gaming->size, sizeof(*config->gaming), err);
	if (rc == 0 && config->aiml)
		rc = nvb_check_size("nvb_bolt_aiml_config", config->aiml->size, sizeof(*config->aiml), err);
	return rc < 0 ? rc : check_meaning(config, err);
}

static int lacks(const struct drive *drive, const char *function, nvb_error **err)
{
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "capsule %s: %s has no %s", drive->capsule,
		drive->ops->name ? drive->ops->name : "the engine", function);
}

static int isolate(const struct drive *drive, nvb_error **err)
{
	if (!drive->config->isolation)
		return 0;
	if (!drive->ops->configure_gpu_isolation)
		return lacks(drive, "configure_gpu_isolation", err);
	return drive->ops->configure_gpu_isolation(
		drive->runtime, drive->capsule, drive->config->isolation, err);
}

static int prepare_game(const struct drive *drive, nvb_error **err)
{
	if (!drive->config->gaming)
		return 0;
	if (!drive->ops->setup_gaming_optimization)
		return lacks(drive, "setup_gaming_optimization", err);
	return drive->ops->setup_gaming_optimization(
		drive->runtime, drive->capsule, drive->config->gaming, err);
}

static int prepare_aiml(const struct drive *drive, nvb_error **err)
{
	if (!drive->config->aiml)
		return 0;
	if (!drive->ops->setup_aiml_optimization)
		return lacks(drive, "setup_aiml_optimization", err);
	return drive->ops->setup_aiml_optimization(drive->runtime, drive->capsule, drive->config->aiml, err);
}

static int apply_devices(const struct drive *drive, nvb_error **err)
{
	if (!is_list(drive->config->cdi_devices))
		return 0;
	if (!drive->ops->apply_cdi_devices)
		return lacks(drive, "apply_cdi_devices", err);
	return drive->ops->apply_cdi_devices(drive->runtime, drive->capsule, drive->config->cdi_devices, err);
}

static int give_gpus(const struct drive *drive, nvb_error **err)
{
	if (!asks_for_gpus(drive->config))
		return 0;
	if (!drive->ops->setup_gpu_for_capsule)
		return lacks(drive, "setup_gpu_for_capsule", err);
	return drive->ops->setup_gpu_for_capsule(drive->runtime, drive->capsule, drive->config, err);
}

static int enable_snapshot(const struct drive *drive, nvb_error **err)
{
	if (!drive->config->snapshot_gpu_state)
		return 0;
	if (!drive->ops->enable_gpu_snapshot)
		return lacks(drive, "enable_gpu_snapshot", err);
	return drive->ops->enable_gpu_snapshot(drive->runtime, drive->capsule, drive->config, err);
}

int nvb_manager_setup_capsule(nvb_manager *manager, const struct nvb_bolt_runtime_ops *ops, void *runtime,
	const char *capsule, const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	static int (*const steps[])(const struct drive *drive, nvb_error **err) = {
		isolate, prepare_game, prepare_aiml, apply_devices, give_gpus, enable_snapshot};
	const struct drive drive = {manager, ops, runtime, capsule, config};
	nvb_error *why = NULL;
	int rc = check(&drive, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(steps); i++)
		rc = steps[i](&drive, &why);
	if (rc >= 0) { /* an engine's function that sets an error and says success has not failed */
		nvb_error_free(why);
		return 0;
	}
	if (!why)
		rc = nvb_fail(&why, (enum nvb_error_code) - rc, "capsule %s: %s failed without a reason",
			capsule, ops->name ? ops->name : "the engine");
	nvb_error_move(err, why);
	return rc;
}
