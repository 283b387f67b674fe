/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "isolation/grant.h"

/* Limits kept by an MPS daemon of the container's own. */

/* Limits of clients came with Volta. Source: NVIDIA's "Multi-Process Service", "Volta MPS Execution Resource
 * Provisioning". */
enum { VOLTA = 7 };

static const struct nvb_file *find_program(const struct nvb_inventory *inventory)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		if (inventory->files[i].kind == NVB_FILE_BINARY &&
			nvb_ends_with(inventory->files[i].path, "/nvidia-cuda-mps-control"))
			return &inventory->files[i];
	return NULL;
}

/* Why there can be none for these devices, or NULL. */
static const char *obstacle(const struct nvb_decision *decision)
{
	const struct nvb_inventory *inventory = *decision->inventory;
	const struct nvb_request *asked = decision->asked;

	if (inventory->platform == NVB_PLATFORM_WSL2)
		return "WSL2 has no MPS";
	if (!asked->memory_limit && !asked->compute_limit)
		return "MPS needs a limit to keep";
	if (decision->options->rules.no_mps)
		return "the configuration lets no MPS daemon be started ([isolation] mps)";
	if (!(asked->capabilities & NVB_CAP_COMPUTE))
		return "MPS is for containers with the capability compute";
	if (!decision->count)
		return "MPS needs GPUs that are named here, not by a CDI spec";
	for (size_t i = 0; i < asked->selector_count; i++)
		if (asked->selectors[i].kind == NVB_SELECT_CDI)
			return "MPS needs GPUs that are named here, not by a CDI spec";
	if (decision->divided)
		return "MPS is not started on a GPU that MIG divides";
	for (size_t i = 0; i < decision->count; i++) {
		if (decision->devices[i].mig || decision->devices[i].gpu->mig_enabled)
			return "MPS is not started on a GPU that MIG divides";
		if (decision->devices[i].gpu->compute_major >= 0 &&
			decision->devices[i].gpu->compute_major < VOLTA)
			return "MPS limits nothing on a GPU older than Volta";
	}
	if (!find_program(inventory))
		return "there is no MPS here (nvidia-cuda-mps-control is not installed)";
	if (geteuid() != 0)
		return "MPS daemons are started by root alone";
	return NULL;
}

/* Where programs of another root than "/" find the driver's libraries. */
static int find_libraries(const struct nvb_inventory *inventory, char **out, nvb_error **err)
{
	struct nvb_strbuf sb = {0};

	if (nvb_streq(inventory->roots.driver.path, "/"))
		return 0;
	for (const char *const *directory = inventory->library_directories; *directory; directory++) {
		_cleanup_free_ char *path = nvb_root_host_path(&inventory->roots.driver, *directory);

		if (path)
			nvb_sb_addf(&sb, "%s%s", sb.len ? ":" : "", path);
		else
			sb.failed = true;
	}
	if (!sb.len && !sb.failed)
		return 0;
	*out = nvb_sb_finish(&sb);
	return *out ? 0 : nvb_fail_oom(err);
}

static int name_gpus(struct nvb_decision *decision)
{
	for (size_t i = 0; i < decision->count; i++)
		if (!nvb_strv_add(&decision->grant->uuids, decision->devices[i].gpu->uuid))
			return nvb_fail_oom(decision->err);
	return 0;
}

static int add_limits(struct nvb_decision *decision)
{
	const struct nvb_request *asked = decision->asked;
	const struct nvb_limit memory = {.kind = NVB_LIMIT_MEMORY,
		.enforcement = NVB_ENFORCED_DRIVER,
		.asked = asked->memory_limit,
		.granted = asked->memory_limit >> 20 << 20,
		.by = "MPS",
		.reason = "whole MiB for each process by itself, what its context needs included"};
	const struct nvb_limit compute = {.kind = NVB_LIMIT_COMPUTE,
		.enforcement = NVB_ENFORCED_DRIVER,
		.asked = UINT64_C(10) * asked->compute_limit,
		.granted = UINT64_C(10) * asked->compute_limit,
		.by = "MPS",
		.reason =
			"a ceiling in whole multiprocessors, rounded down; memory bandwidth is not divided"};
	int rc = 0;

	if (asked->memory_limit)
		rc = nvb_request_add_limit(decision->grant->request, &memory, decision->err);
	return rc == 0 && asked->compute_limit
		       ? nvb_request_add_limit(decision->grant->request, &compute, decision->err)
		       : rc;
}

static bool has_uuids(const struct nvb_decision *decision)
{
	for (size_t i = 0; i < decision->count; i++)
		if (!decision->devices[i].gpu->uuid)
			return false;
	return true;
}

int nvb_grant_by_mps(struct nvb_decision *decision, char **why)
{
	struct nvb_grant *grant = decision->grant;
	const char *no = obstacle(decision);
	const struct nvb_file *program;
	int rc = 0;

	/* The driver tells a UUID once the GPU was initialised, NVML always. */
	if (!no && !has_uuids(decision))
		rc = nvb_inventory_ask_nvml(*decision->inventory, decision->options->log, decision->err);
	if (rc < 0)
		return rc;
	if (!no && !has_uuids(decision))
		no = "MPS needs the GPU's UUID, which nobody knows";
	if (no) {
		*why = strdup(no);
		return *why ? 0 : nvb_fail_oom(decision->err);
	}
	program = find_program(*decision->inventory);
	grant->program = nvb_root_host_path(&(*decision->inventory)->roots.driver, program->path);
	grant->request->mps = grant->directory;
	grant->mps = true;
	rc = grant->program ? find_libraries(*decision->inventory, &grant->library_path, decision->err)
			    : nvb_fail_oom(decision->err);
	if (rc == 0)
		rc = name_gpus(decision);
	if (rc == 0)
		rc = add_limits(decision);
	return rc < 0 ? rc : 1;
}
