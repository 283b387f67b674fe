/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/preflight.h"

#include "base/mem.h"
#include "base/str.h"
#include "capsule/gpu.h"
#include "checkpoint/criu.h"
#include "gpustate/gpustate.h"
#include "inventory/inventory.h"
#include "isolation/isolation.h"

/* What the driver can: src/gpustate. What CRIU can: src/checkpoint. */

static int refuse(nvb_error **err, const char *why)
{
	return nvb_wrap(err, nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s", why),
		"the state of its GPUs could be in no snapshot");
}

static int check_driver(const struct nvb_inventory *inventory, nvb_error **err)
{
	int rc = nvb_gpu_state_driver(inventory, NULL, err);

	return rc < 0 ? nvb_wrap(err, -NVB_ERR_UNSUPPORTED, "the state of its GPUs could be in no snapshot")
		      : 0;
}

static int check_devices(
	const struct nvb_request *request, const struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_free_ struct nvb_device *devices = NULL;
	size_t count = 0;
	int rc = nvb_request_resolve(request, inventory, &devices, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		if (devices[i].mig)
			return refuse(err, "the driver cannot save that of MIG devices");
	return rc;
}

bool nvb_snapshot_is_barred_by_mps(const struct nvb_request *granted)
{
	for (size_t i = 0; i < granted->limit_count; i++)
		if (nvb_streq0(granted->limits[i].by, "MPS"))
			return true;
	return false;
}

/* Who would keep its limits here. */
static int check_limits(const struct nvb_run_host *host, const struct nvb_request *request,
	struct nvb_inventory **inventory, nvb_error **err)
{
	const struct nvb_isolation_options options = {
		.inventory = host->inventory, .preview = true, .rules = host->isolation};
	struct nvb_grant *grant = NULL;
	int rc;

	if (!request->memory_limit && !request->compute_limit)
		return 0;
	rc = nvb_isolation_decide(request, inventory, &options, &grant, err);
	if (rc == 0 && nvb_snapshot_is_barred_by_mps(nvb_grant_request(grant, request)))
		rc = refuse(err, "its limits are kept by MPS, whose clients the driver cannot save");
	nvb_grant_free(grant);
	return rc;
}

static int check_criu(const struct nvb_run_host *host, const struct nvb_state *state, nvb_error **err)
{
	_cleanup_criu_ struct nvb_criu criu = {0};
	int rc = nvb_criu_find(host->criu, state->run, &criu, err);

	return rc < 0 ? rc : nvb_criu_require(&criu, err);
}

int nvb_snapshot_preflight(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_capsule_definition *definition, nvb_error **err)
{
	struct nvb_inventory *inventory = NULL;
	struct nvb_request *request = NULL;
	int rc;

	if (!nvb_definition_wants_gpus(definition))
		return check_criu(host, state, err);
	rc = nvb_definition_request(definition, host->profiles, &request, err);
	if (rc == 0 && request->isolation == NVB_ISOLATION_VIRTUAL)
		rc = refuse(
			err, "virtual isolation divides them by MIG or MPS, and the driver cannot save that");
	if (rc == 0)
		rc = nvb_inventory_load(host->inventory, &inventory, err);
	if (rc == 0)
		rc = check_driver(inventory, err);
	if (rc == 0)
		rc = check_devices(request, inventory, err);
	if (rc == 0)
		rc = check_limits(host, request, &inventory, err);
	if (rc == 0)
		rc = check_criu(host, state, err);
	nvb_inventory_free(inventory);
	nvb_request_free(request);
	return rc;
}
