/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/bolt_ops.h"

#include "base/log.h"
#include "base/str.h"
#include "capsule/gpu_words.h"
#include "capsule/preflight.h"

/* One start, as the manager drives it: what each function is told goes into the request, and the last but one
 * makes the plan. */
struct start {
	const struct nvb_run_host *host;
	nvb_manager *manager;
	struct nvb_request *request;
	struct nvb_gpu_plan *gpu;
	struct nvb_gpu_words words; /* what the configuration has no place for */
};

static int configure_isolation(
	void *runtime, const char *capsule, const struct nvb_bolt_isolation *isolation, nvb_error **err)
{
	struct start *start = runtime;
	int rc = 0;

	(void)capsule;
	if (isolation->mode)
		rc = nvb_request_set_isolation(start->request, isolation->mode, err);
	if (rc == 0 && isolation->memory_limit)
		rc = nvb_request_set_memory_limit(start->request, isolation->memory_limit, err);
	if (rc == 0 && isolation->compute_limit)
		rc = nvb_request_set_compute_limit(start->request, isolation->compute_limit, err);
	if (rc == 0 && isolation->mig_match)
		rc = nvb_request_set_mig_match(start->request, isolation->mig_match, err);
	return rc;
}

static int setup_gaming(
	void *runtime, const char *capsule, const struct nvb_bolt_gaming_gpu_config *config, nvb_error **err)
{
	struct start *start = runtime;

	(void)capsule;
	return nvb_manager_add_gaming(start->manager, start->request, config, err);
}

static int setup_aiml(
	void *runtime, const char *capsule, const struct nvb_bolt_aiml_config *config, nvb_error **err)
{
	struct start *start = runtime;

	(void)capsule;
	return nvb_manager_add_aiml(start->manager, start->request, config, err);
}

static int apply_devices(void *runtime, const char *capsule, const char *const *devices, nvb_error **err)
{
	struct start *start = runtime;
	int rc = 0;

	(void)capsule;
	for (; rc == 0 && *devices; devices++)
		rc = nvb_request_add_cdi_device(start->request, *devices, err);
	return rc;
}

static int setup_gpus(
	void *runtime, const char *capsule, const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	struct start *start = runtime;
	int rc = 0;

	(void)capsule;
	for (const char *const *p = config->profiles; rc == 0 && p && *p; p++)
		rc = nvb_manager_add_profile(start->manager, start->request, *p, err);
	/* What was said of capabilities takes the place of what profiles say. */
	if (rc == 0 && config->capabilities)
		rc = nvb_request_set_capabilities(start->request, config->capabilities, err);
	for (const char *const *p = config->gpus; rc == 0 && p && *p; p++)
		rc = nvb_request_add_gpus(start->request, *p, err);
	for (const char *const *p = config->docker_gpus; rc == 0 && p && *p; p++)
		rc = nvb_request_add_docker_gpus(start->request, *p, err);
	if (rc == 0)
		rc = nvb_gpu_words_apply(&start->words, start->request, err);
	if (rc == 0)
		rc = nvb_gpu_plan_make(start->gpu, start->host, start->request, err);
	if (rc < 0 || !start->gpu->inventory)
		return rc;
	return nvb_gpu_words_check(&start->words, start->gpu->inventory,
		nvb_grant_request(start->gpu->grant, start->request), start->host->log, err);
}

/* A capsule runs the same without it, so it is said and no more; who asks for a snapshot is refused there. */
static int enable_snapshot(
	void *runtime, const char *capsule, const struct nvb_bolt_capsule_config *config, nvb_error **err)
{
	struct start *start = runtime;
	_cleanup_free_ char *missing = NULL;
	const char *why;
	int rc = nvb_manager_missing_feature(start->manager, NVB_BOLT_GPU_SNAPSHOTS, &missing, err);

	(void)config;
	why = missing ? missing
	      : nvb_snapshot_is_barred_by_mps(nvb_grant_request(start->gpu->grant, start->request))
		      ? "its limits are kept by MPS, whose clients the driver cannot save"
		      : NULL;
	if (rc == 0 && why)
		nvb_warning(start->host->log, "capsule %s: the state of its GPUs could be in no snapshot: %s",
			capsule, why);
	return rc;
}

static const struct nvb_bolt_runtime_ops ops = {
	.size = sizeof(ops),
	.name = "bolt",
	.configure_gpu_isolation = configure_isolation,
	.setup_gaming_optimization = setup_gaming,
	.setup_aiml_optimization = setup_aiml,
	.apply_cdi_devices = apply_devices,
	.setup_gpu_for_capsule = setup_gpus,
	.enable_gpu_snapshot = enable_snapshot,
};

static int new_manager(const struct nvb_run_host *host, nvb_manager **manager, nvb_error **err)
{
	const struct nvb_bolt_config config = {
		.size = sizeof(config),
		.inventory = host->inventory,
		.profiles = host->profiles,
		.cdi_directories = host->cdi_directories,
		.log = host->log,
	};

	return nvb_manager_new(&config, manager, err);
}

int nvb_bolt_setup_gpus(const struct nvb_run_host *host, const struct nvb_capsule_definition *d,
	const char *capsule, struct nvb_request **request, struct nvb_gpu_plan *gpu, nvb_error **err)
{
	const struct nvb_bolt_isolation isolation = {
		.size = sizeof(isolation),
		.mode = d->isolation,
		.memory_limit = d->gpu_memory_limit,
		.compute_limit = d->gpu_compute_limit,
		.mig_match = d->mig_match,
	};
	struct nvb_bolt_capsule_config config = {
		.size = sizeof(config),
		.gpus = (const char *const *)d->gpus,
		.docker_gpus = (const char *const *)d->docker_gpus,
		.cdi_devices = (const char *const *)d->cdi_devices,
		.profiles = (const char *const *)d->profiles,
		.capabilities = d->capabilities,
		.isolation = &isolation,
		.snapshot_gpu_state = d->snapshot_gpu_state,
	};
	struct nvb_inventory_options inventory = *host->inventory;
	struct nvb_run_host fresh = *host;
	struct start start = {.host = &fresh, .gpu = gpu};
	int rc = nvb_gpu_words_read(d->gpu_settings, &start.words, err);

	inventory.no_cache = inventory.no_cache || start.words.driver_cache == NVB_OFF;
	fresh.inventory = &inventory;
	config.gaming = start.words.is_game ? &start.words.gaming : NULL;
	config.aiml = start.words.is_aiml ? &start.words.aiml : NULL;
	if (rc == 0)
		rc = nvb_request_new(&start.request, err);
	if (rc == 0)
		rc = new_manager(&fresh, &start.manager, err);
	if (rc == 0)
		rc = nvb_manager_setup_capsule(
			start.manager, &ops, &start, capsule ? capsule : d->spec.image, &config, err);
	nvb_manager_free(start.manager);
	*request = start.request;
	return rc;
}
